/* fake_runtime.c - the seam of csrc/runtime.h over plain fork and exec: no namespaces, mounts or cgroups, no privileges. For tests of
 * the shim's book-keeping, and for the fuzz target, where nothing may really run (fake_runtime_dry).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_runtime.h"
#include "shim.h"
#include "util.h"

bool fake_runtime_dry, fake_runtime_cgroups;
int fake_runtime_release_error;
pid_t fake_runtime_last_pid = FAKE_RUNTIME_FIRST_PID;

int nsr_pod_open(struct nsr_pod *pod, const struct nsr_sandbox_spec *spec, struct nsr_error *e)
{
	pod->spec = spec;
	if (pod->logs_fd < 0)
		pod->logs_fd = fake_runtime_dry ? open("/dev/null", O_RDONLY | O_CLOEXEC)
						: open(spec->logs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return pod->logs_fd < 0 ? nsr_fail(e, NSR_STEP_DIRECTORY, errno, spec->logs_dir) : 0;
}

int nsr_pod_fill(struct nsr_pod *pod, struct nsr_error *e)
{
	(void)pod;
	(void)e;
	return 0;
}

/* The child's ends of those that are held, when dry. */
static struct {
	pid_t pid;
	int fd;
} held_ends[NSR_INSTANCES_MAX];

static void hold(pid_t pid, int fd)
{
	for (size_t i = 0; i < NSR_INSTANCES_MAX; i++)
		if (held_ends[i].pid == 0) {
			held_ends[i].pid = pid;
			held_ends[i].fd = fd;
			return;
		}
	abort();
}

static void let_go(pid_t pid, bool fails)
{
	static const struct nsr_error error = {.step = NSR_STEP_DIED, .err = ECHILD};

	for (size_t i = 0; i < NSR_INSTANCES_MAX; i++)
		if (held_ends[i].pid == pid) {
			if (fails)
				(void)!write(held_ends[i].fd, &error, sizeof(error));
			nsr_close(&held_ends[i].fd);
			held_ends[i].pid = 0;
		}
}

void fake_runtime_end(pid_t pid)
{
	let_go(pid, true);
}

void nsr_spawned_tell(struct nsr_spawned *s, enum nsr_word word)
{
	if (word == NSR_WORD_GO && fake_runtime_dry)
		let_go(s->pid, false);
	else if (word == NSR_WORD_GO)
		(void)send(s->channel, "", 1, MSG_NOSIGNAL);
}

/* In the child. */
static void wait_for_go(int channel)
{
	struct pollfd said = {.fd = channel, .events = POLLIN};
	char byte;

	if (poll(&said, 1, -1) < 0 || read(channel, &byte, 1) != 1)
		_exit(127);
}

static int spawn(const char *const *args, const int stdio[3], bool held, struct nsr_spawned *ret, struct nsr_error *e)
{
	sigset_t none;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return nsr_fail(e, NSR_STEP_PIPE, errno, "");
	*ret = (struct nsr_spawned){.channel = ends[0], .pidfd = -1, .console = -1, .cgroup_fd = -1};
	ret->pid = fake_runtime_dry ? ++fake_runtime_last_pid : fork();
	if (ret->pid == 0) {
		struct nsr_error error = {0};

		(void)close(ends[0]);
		if (held)
			wait_for_go(ends[1]);
		(void)setsid();
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		for (int i = 0; i < 3; i++)
			if (stdio && stdio[i] >= 0)
				(void)dup2(stdio[i], i);
		(void)execv(args[0], (char *const *)(uintptr_t)args);
		(void)nsr_fail(&error, NSR_STEP_EXEC, errno, args[0]);
		(void)!write(ends[1], &error, sizeof(error));
		_exit(127);
	}
	if (held && fake_runtime_dry)
		hold(ret->pid, ends[1]);
	else
		(void)close(ends[1]);
	if (ret->pid > 0 && !fake_runtime_dry)
		ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	return 0;
}

int nsr_pause_spawn(struct nsr_pod *pod, struct nsr_spawned *ret, struct nsr_error *e)
{
	static const char *const args[] = {"/bin/sleep", "1000", NULL};

	(void)pod;
	return spawn(args, NULL, false, ret, e);
}

int nsr_container_spawn(struct nsr_pod *pod, const struct nsr_container_spec *spec, const struct nsr_container *target, const int stdio[3],
			bool held, struct nsr_spawned *ret, struct nsr_error *e)
{
	(void)pod;
	(void)target;
	return spawn(spec->args, stdio, held, ret, e);
}

int nsr_exec_cgroup(const struct nsr_container *target, uint64_t number, int *ret, struct nsr_error *e)
{
	(void)target;
	(void)number;
	(void)e;
	*ret = fake_runtime_cgroups ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	return 0;
}

int nsr_exec_spawn(const struct nsr_container *target, const struct nsr_exec_spec *spec, int cgroup_fd, const int stdio[3],
		   struct nsr_spawned *ret, struct nsr_error *e)
{
	(void)target;
	(void)cgroup_fd;
	return spawn(spec->args, stdio, false, ret, e);
}

int nsr_pod_null(const struct nsr_pod *pod, int flags)
{
	int fd = open("/dev/null", flags | O_CLOEXEC);

	(void)pod;
	return fd < 0 ? -errno : fd;
}

int nsr_exec_release(const struct nsr_container *target, uint64_t number, struct nsr_error *e)
{
	(void)target;
	(void)number;
	(void)e;
	return 0;
}

int nsr_exec_vacate(const struct nsr_container *target, uint64_t number)
{
	(void)target;
	(void)number;
	return 0;
}

int nsr_exec_sweep(const struct nsr_container *target, bool (*runs)(uint64_t number, void *arg), void *arg)
{
	(void)target;
	(void)runs;
	(void)arg;
	return 0;
}

enum nsr_progress nsr_spawned_read(struct nsr_spawned *s, struct nsr_error *e)
{
	ssize_t length = read(s->channel, e, sizeof(*e));

	if (length < 0)
		return NSR_PENDING;
	if (fake_runtime_dry && s->pid % 5 == 3) {
		(void)nsr_fail(e, NSR_STEP_EXEC, ENOENT, "dry");
		return NSR_FAILED;
	}
	return length == 0 ? NSR_RUNNING : NSR_FAILED;
}

void nsr_spawned_close(struct nsr_spawned *s)
{
	nsr_close(&s->channel);
	nsr_close(&s->pidfd);
	nsr_close(&s->console);
	nsr_close(&s->cgroup_fd);
}

ssize_t nsr_termination_message(struct nsr_pod *pod, const struct nsr_container_spec *spec, char *buffer, size_t size)
{
	(void)pod;
	(void)spec;
	(void)size;
	buffer[0] = 'm';
	return 1;
}

bool nsr_oom_killed(int container_cgroup_fd)
{
	(void)container_cgroup_fd;
	return false;
}

int nsr_container_release(struct nsr_pod *pod, const struct nsr_container_spec *spec, struct nsr_error *e)
{
	(void)pod;
	return fake_runtime_release_error ? nsr_fail(e, NSR_STEP_REMOVE, fake_runtime_release_error, spec->id) : 0;
}

int nsr_pod_close(struct nsr_pod *pod, bool forget, struct nsr_error *e)
{
	(void)e;
	if (forget)
		nsr_close(&pod->logs_fd);
	return 0;
}

int nsr_aside_spawn(struct nsr_aside *aside, const struct nsr_pod *pod, int (*work)(void *arg, struct nsr_error *e), void *arg,
		    struct nsr_error *e)
{
	(void)pod;
	aside->told = mmap(NULL, sizeof(*aside->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (aside->told == MAP_FAILED)
		return nsr_fail(e, NSR_STEP_MEMORY, errno, "");
	aside->pid = fake_runtime_dry ? ++fake_runtime_last_pid : fork();
	if (aside->pid == 0)
		_exit(work(arg, aside->told) < 0);
	if (fake_runtime_dry)
		(void)work(arg, aside->told);
	return 0;
}

void nsr_aside_close(struct nsr_aside *aside)
{
	(void)munmap(aside->told, sizeof(*aside->told));
	*aside = (struct nsr_aside){0};
}

int nsr_cgroup_kill(int cgroup_fd, struct nsr_error *e)
{
	(void)cgroup_fd;
	(void)e;
	return 0;
}

int nsr_cgroup_events_empty(int events_fd)
{
	(void)events_fd;
	return 1;
}

int nsr_cgroup_empty(int cgroup_fd)
{
	(void)cgroup_fd;
	return 1;
}
