/* clone.c - see clone.h.
 *
 * The caller (the shim) makes its next child land in another pid namespace with setns(pidfd, CLONE_NEWPID), which changes nothing
 * else of it, and goes back right after the clone. A namespace *below* pause's needs one intermediate more: clone3(CLONE_NEWPID) is
 * EINVAL while the namespace for children is not the caller's own (kernel, copy_process()). The intermediate is born in pause's
 * namespace, runs in the caller's memory and on a stack of its own (CLONE_VM|CLONE_VFORK: the caller waits) for that one system
 * call, and gives the real child to the caller with CLONE_PARENT.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "util.h"

#define STACK_SIZE (128 * 1024) /* the child's, too, when there was an intermediate: several PATH_MAX buffers */

struct job {
	struct nsr_clone *c;
	void (*child)(void *arg);
	void *arg;
	int error; /* of the intermediate */
};

/* Into the cgroup at once; where that is refused (threaded or otherwise unfit cgroups), without. Returns the pid, 0 in the child. */
static long clone_process(struct nsr_clone *c, uint64_t extra_flags, uint64_t exit_signal)
{
	struct clone_args args = {
		.flags = c->flags | extra_flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&c->pidfd, .exit_signal = exit_signal,
	};
	long pid;

	if (c->cgroup_fd >= 0 && !(nsr_force_fallback & NSR_FALLBACK_INTO_CGROUP)) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint32_t)c->cgroup_fd;
		c->in_cgroup = true;
		pid = syscall(SYS_clone3, &args, sizeof(args));
		if (pid >= 0 || (errno != EACCES && errno != EBUSY && errno != EOPNOTSUPP && errno != EINVAL && errno != E2BIG))
			return pid;
		args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		args.cgroup = 0;
	}
	c->in_cgroup = c->cgroup_fd < 0;
	return syscall(SYS_clone3, &args, sizeof(args));
}

static int intermediate(void *arg)
{
	struct job *job = arg;
	/* CLONE_PARENT takes no exit signal of its own: the child gets this process's, SIGCHLD. */
	long pid = clone_process(job->c, CLONE_PARENT, 0);

	if (pid == 0) {
		job->child(job->arg); /* in a copy of the caller's memory */
		_exit(127);
	}
	if (pid < 0)
		job->error = errno;
	return 0;
}

static int clone_below(struct job *job)
{
	/* Not on the caller's stack: the shim would keep 128 KiB of touched pages for each pod. */
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	int status, r = 0;
	/* CLONE_FILES: the pidfd arrives in the caller's table. */
	pid_t pid = stack == MAP_FAILED ? -1 :
		clone(intermediate, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, job);

	if (pid < 0)
		r = -errno;
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && r == 0)
		if (errno != EINTR)
			r = -errno;
	if (stack != MAP_FAILED)
		(void)munmap(stack, STACK_SIZE); /* the child goes on in its own copy */
	return r < 0 ? r : job->error ? -job->error : 0;
}

static int clone_here(struct job *job)
{
	long pid = clone_process(job->c, 0, SIGCHLD);

	if (pid == 0) {
		job->child(job->arg);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	job->c->pid = (pid_t)pid;
	return 0;
}

/* clone_below() with children going to another pid namespace meanwhile. */
static int clone_there(struct job *job, struct nsr_error *e)
{
	cleanup_fd int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t pid;
	int r;

	if (self < 0)
		return nsr_fail(e, NSR_STEP_SETNS, errno, "pid");
	if (setns(job->c->pid_ns_of, CLONE_NEWPID) < 0)
		return nsr_fail(e, errno == ESRCH ? NSR_STEP_GONE : NSR_STEP_SETNS, errno, "pid");
	r = clone_below(job);
	if (setns(self, CLONE_NEWPID) < 0) {
		r = nsr_fail(e, NSR_STEP_SETNS, errno, "pid");
		if (job->c->pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, job->c->pidfd, SIGKILL, NULL, 0); /* it may have ended by itself */
		return r;
	}
	if (r < 0) /* ENOMEM: the namespace's first process has ended */
		return nsr_fail(e, r == -ENOMEM ? NSR_STEP_GONE : NSR_STEP_CLONE, -r, "");
	pid = nsr_pidfd_pid(job->c->pidfd);
	if (pid < 0) {
		/* No descriptor was left to look it up with: it would run, and nobody could tell or end it. */
		(void)syscall(SYS_pidfd_send_signal, job->c->pidfd, SIGKILL, NULL, 0);
		return nsr_fail(e, NSR_STEP_CLONE, (int)-pid, "pidfd");
	}
	job->c->pid = pid;
	return 0;
}

int nsr_clone(struct nsr_clone *c, void (*child)(void *arg), void *arg, struct nsr_error *e)
{
	struct job job = {.c = c, .child = child, .arg = arg};
	sigset_t all, old;
	int r;

	c->pid = 0;
	c->pidfd = -1;
	sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, &old) < 0)
		return nsr_fail(e, NSR_STEP_SIGNALS, errno, "");
	if (c->pid_ns_of >= 0)
		r = clone_there(&job, e);
	else {
		r = clone_here(&job);
		if (r < 0)
			(void)nsr_fail(e, NSR_STEP_CLONE, -r, "");
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* cannot fail: the mask came from the same call */
	if (r < 0)
		nsr_close(&c->pidfd);
	return r;
}

int nsr_clone_join_cgroup(const struct nsr_clone *c, struct nsr_error *e)
{
	int r;

	if (c->in_cgroup)
		return 0;
	r = nsr_write_at(c->cgroup_fd, "cgroup.procs", "0");
	return r < 0 ? nsr_fail(e, NSR_STEP_CGROUP_JOIN, -r, "cgroup.procs") : 0;
}

pid_t nsr_pidfd_pid(int pidfd)
{
	char path[sizeof("/proc/self/fdinfo/") + 21] = "/proc/self/fdinfo/", text[1024];
	const char *line;
	ssize_t n;
	pid_t pid = 0;

	nsr_format_u64(path + strlen(path), (uint64_t)pidfd);
	n = nsr_read_at(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return (pid_t)n;
	line = strstr(text, "\nPid:\t");
	if (!line)
		return -EBADF;
	for (line += strlen("\nPid:\t"); *line >= '0' && *line <= '9'; line++)
		pid = pid * 10 + (*line - '0');
	return pid > 0 ? pid : -ESRCH; /* -1 in the file: reaped; 0: not visible from here */
}
