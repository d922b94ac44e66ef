/* spawning.c - processes at their two ends: on the way to execve, and reaped.
 *
 * A process may be dead before the shim has read from its channel which pid it has. So a child that nobody knows is looked at
 * (WNOWAIT) and stays a zombie until the channels have been read again: its pid was sent before it could end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

struct nsr_stamp nsr_stamp_now(void)
{
	struct timespec wall;
	struct nsr_stamp stamp = {.boottime_ns = nsr_now_ns()};

	(void)clock_gettime(CLOCK_REALTIME, &wall); /* cannot fail */
	stamp.realtime_ns = (uint64_t)wall.tv_sec * 1000000000u + (uint64_t)wall.tv_nsec;
	return stamp;
}

void nsr_kill(int pidfd, pid_t pid, int signal)
{
	/* The pid is a child that is not reaped yet, so it cannot be another's; ESRCH is what was wanted. */
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	else if (pid > 0)
		(void)kill(pid, signal);
}

static void finish(struct nsr_spawning *spawning, enum nsr_progress progress, const struct nsr_error *e)
{
	struct nsr_shim *shim = spawning->shim;

	for (struct nsr_spawning **at = &shim->spawnings; *at; at = &(*at)->next)
		if (*at == spawning) {
			*at = spawning->next;
			break;
		}
	nsr_watch_remove(&shim->loop, &spawning->watch);
	nsr_timer_cancel(&shim->loop, &spawning->timeout);
	nsr_close(&spawning->process.channel);
	spawning->active = false;
	spawning->done(spawning, progress, e); /* may free it */
}

static enum nsr_progress poll_channel(struct nsr_spawning *spawning)
{
	struct nsr_error e = {0};
	enum nsr_progress progress = nsr_spawned_read(&spawning->process, &e);

	if (progress != NSR_PENDING)
		finish(spawning, progress, &e);
	return progress;
}

static void on_channel(struct nsr_watch *watch, uint32_t events)
{
	(void)events; /* data or end of it: the reader tells */
	(void)poll_channel(nsr_container_of(watch, struct nsr_spawning, watch));
}

static void on_timeout(struct nsr_timer *timer)
{
	struct nsr_spawning *spawning = nsr_container_of(timer, struct nsr_spawning, timeout);
	struct nsr_error e = {0};

	if (poll_channel(spawning) != NSR_PENDING)
		return; /* a quiet one that runs */
	nsr_spawning_kill(spawning);
	(void)nsr_fail(&e, NSR_STEP_TIMEOUT, ETIMEDOUT, "");
	finish(spawning, NSR_FAILED, &e);
}

int nsr_spawning_watch(struct nsr_shim *shim, struct nsr_spawning *spawning,
		       void (*done)(struct nsr_spawning *, enum nsr_progress, const struct nsr_error *), struct nsr_error *e)
{
	int r = spawning->quiet ? 0 : nsr_watch_add(&shim->loop, &spawning->watch, spawning->process.channel, EPOLLIN, on_channel);

	if (r < 0) {
		nsr_spawning_kill(spawning);
		nsr_spawned_close(&spawning->process);
		return nsr_fail(e, NSR_STEP_PIPE, -r, "");
	}
	spawning->shim = shim;
	spawning->done = done;
	spawning->active = true;
	spawning->next = shim->spawnings;
	shim->spawnings = spawning;
	nsr_spawning_renew(spawning);
	return 0;
}

void nsr_spawning_renew(struct nsr_spawning *spawning)
{
	nsr_timer_arm(&spawning->shim->loop, &spawning->timeout, NSR_SPAWN_TIMEOUT_MS, on_timeout);
}

void nsr_spawning_kill(struct nsr_spawning *spawning)
{
	struct nsr_error ignored;

	nsr_kill(spawning->process.pidfd, spawning->process.pid, SIGKILL);
	if (spawning->process.cgroup_fd >= 0)
		(void)nsr_cgroup_kill(spawning->process.cgroup_fd, &ignored); /* what has not joined it yet dies with pause */
}

/* Reads every channel; the list changes while its members finish, so it begins anew after each that does. */
static void poll_all(struct nsr_shim *shim)
{
	struct nsr_spawning *spawning = shim->spawnings;

	while (spawning) {
		struct nsr_spawning *next = spawning->next;

		spawning = poll_channel(spawning) == NSR_PENDING ? next : shim->spawnings;
	}
}

/* A program that has ended ran, though the one that set up its world may not have closed its end of the channel yet. When that one has
 * ended, nobody is known until the program's own process tells. */
static void settle(struct nsr_shim *shim, pid_t pid)
{
	for (struct nsr_spawning *spawning = shim->spawnings; spawning; spawning = spawning->next)
		if (spawning->process.pid == pid) {
			struct nsr_error none = {0};

			if (spawning->process.ready) {
				finish(spawning, NSR_RUNNING, &none);
			} else {
				spawning->process.pid = 0;
				nsr_close(&spawning->process.pidfd);
			}
			return;
		}
}

void nsr_process_ended(struct nsr_shim *shim, pid_t pid, uint32_t exit_code)
{
	if (!nsr_removal_exited(shim, pid, exit_code) && !nsr_instance_exited(shim, pid, exit_code) && !nsr_exec_exited(shim, pid, exit_code))
		(void)nsr_sandbox_exited(shim, pid); /* nobody's: an intermediate one, or an orphan of the pod's */
}

void nsr_reap(struct nsr_shim *shim)
{
	for (;;) {
		siginfo_t info = {0};

		/* __WALL: a child that was cloned with another exit signal than SIGCHLD is one of ours all the same. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
			return; /* ECHILD: none is left */
		if (info.si_pid == 0)
			break;
		poll_all(shim); /* usually there is none */
		settle(shim, info.si_pid);
		(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG | __WALL); /* it is a zombie: cannot fail */
		nsr_process_ended(shim, info.si_pid,
				  (uint32_t)(info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status));
	}
	if (shim->ending && shim->pause_killed)
		nsr_kill_children(shim); /* those that the dead have left to us */
}

void nsr_kill_children(const struct nsr_shim *shim)
{
	/* The kernel's own list of our children (CONFIG_PROC_CHILDREN, in every distribution's kernel); without it, strays of a
	 * hostPID pod without a cgroup outlive it, as they would have without a shim. */
	cleanup_fd int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)nsr_signal_listed(fd, SIGKILL, shim->remover.pid); /* none is reaped but by us */
}
