/* shim_spawn.c - starts nsrunner-shim from its sealed memfd, as nobody's child.
 *
 * The caller may be a big program with many threads: no fork of its memory, but two vfork-like children on stacks of their own. The first
 * makes the second and ends; the second, an orphan by then, becomes the shim. Both only make system calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device_filter.h"
#include "native.h"
#include "program.h"
#include "util.h"

#define STACK_SIZE (32 * 1024)
#define CLONE_FLAGS (CLONE_VM | CLONE_VFORK)

struct start {
	int shim_memfd, pause_memfd, listen_fd, filter_fd;
	pid_t pid;
	struct nsr_error *e;
	int result;
	_Alignas(16) char first[STACK_SIZE];
	_Alignas(16) char second[STACK_SIZE];
};

static int fail(struct start *s, enum nsr_step step)
{
	s->result = nsr_fail(s->e, step, errno, "nsrunner-shim");
	return 127;
}

/* In the caller's memory, with descriptors, signal handlers and a working directory of its own. */
static int become_shim(void *arg)
{
	static const char *const args[] = {"nsrunner-shim", NULL}, *const env[] = {NULL};
	struct start *s = arg;
	int null, shim, pause_fd, listen_fd, filter_fd, self_fds;

	if (setsid() < 0)
		return fail(s, NSR_STEP_SETSID);
	umask(077);
	if (chdir("/") < 0)
		return fail(s, NSR_STEP_CHDIR);
	/* Out of the way of 0-7 first. */
	null = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
	shim = fcntl(s->shim_memfd, F_DUPFD_CLOEXEC, 10);
	pause_fd = fcntl(s->pause_memfd, F_DUPFD_CLOEXEC, 10);
	listen_fd = fcntl(s->listen_fd, F_DUPFD_CLOEXEC, 10);
	filter_fd = fcntl(s->filter_fd, F_DUPFD_CLOEXEC, 10);
	if (filter_fd < 0)
		filter_fd = null; /* none could be loaded: the shim sees that this is no filter */
	if (null < 0 || shim < 0 || pause_fd < 0 || listen_fd < 0 || filter_fd < 0)
		return fail(s, NSR_STEP_STDIO);
	self_fds = fcntl(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(listen_fd, 3) < 0 || dup2(pause_fd, 4) < 0 ||
	    dup2(filter_fd, 5) < 0 || dup3(shim, 6, O_CLOEXEC) < 0 || (self_fds >= 0 && dup3(self_fds, 7, O_CLOEXEC) < 0))
		return fail(s, NSR_STEP_STDIO);
	if (syscall(SYS_close_range, 8u, ~0u, 0u) < 0)
		return fail(s, NSR_STEP_CLOSE_RANGE);
	s->result = nsr_reset_signals(s->e);
	if (s->result < 0)
		return 127;
	nsr_exec_fd(6, self_fds < 0 ? -1 : 7, args, env);
	return fail(s, NSR_STEP_SHIM_EXEC);
}

static int start_orphan(void *arg)
{
	struct start *s = arg;

	/* Resumes when the shim runs, or could not. */
	s->pid = clone(become_shim, s->second + STACK_SIZE, CLONE_FLAGS | SIGCHLD, s);
	return s->pid < 0 ? fail(s, NSR_STEP_CLONE) : 0;
}

int nsr_shim_spawn(int shim_memfd, int pause_memfd, int listen_fd, struct nsr_error *e)
{
	struct start s = {.shim_memfd = shim_memfd, .pause_memfd = pause_memfd, .listen_fd = listen_fd, .e = e};
	sigset_t all, old;
	int status;
	pid_t pid;

	s.filter_fd = nsr_device_filter_shared();
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
		return nsr_fail(e, NSR_STEP_SIGNALS, EINVAL, "");
	/* No exit signal: a SIGCHLD handler or waitpid(-1) of the caller does not see it. */
	pid = clone(start_orphan, s.first + STACK_SIZE, CLONE_FLAGS, &s);
	if (pid < 0)
		s.result = nsr_fail(e, NSR_STEP_CLONE, errno, "nsrunner-shim");
	else
		while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* cannot fail: the mask came from the same call */
	return s.result < 0 ? s.result : s.pid;
}
