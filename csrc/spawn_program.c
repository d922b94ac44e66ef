/* spawn_program.c - nsr_spawn(): one program in given namespaces, for callers that are no shim (ffi.cdef.h tells what it does).
 *
 * The caller may have many threads and much memory: the child shares both (CLONE_VM|CLONE_VFORK) until it runs its program or ends, and
 * tells failures in place. It makes system calls only, on a stack of its own. Joining takes a first child that does nothing
 * else, as setns(NEWPID) works for children only; it gives the second one to the caller (CLONE_PARENT).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "mount.h"
#include "native.h"
#include "path.h"
#include "pivot.h"
#include "program.h"
#include "util.h"

#define STACK_SIZE (64 * 1024)

struct job {
	const struct nsr_spawn *spec;
	struct nsr_error *e;
	int result;
	int pidfd;
	pid_t pid;
	char *stack; /* two of them */
};

static int join(const struct nsr_spawn *spec, struct nsr_error *e)
{
	for (size_t i = 0; i < spec->ns_fds_count; i++)
		if (setns(spec->ns_fds[i], 0) < 0)
			return nsr_fail(e, NSR_STEP_SETNS, errno, "");
	if (spec->join_pidfd >= 0 && spec->join && setns(spec->join_pidfd, (int)spec->join) < 0)
		return nsr_fail(e, errno == ESRCH ? NSR_STEP_GONE : NSR_STEP_SETNS, errno, "");
	return 0;
}

static int change_root(const struct nsr_spawn *spec, struct nsr_error *e)
{
	cleanup_fd int fd = -1, tree = -1;

	if (!spec->root)
		return 0;
	/* A mount of its own, so that it can be pivoted to. */
	fd = nsr_openat2(AT_FDCWD, spec->root, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -fd, spec->root);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return nsr_fail(e, NSR_STEP_PROPAGATION, errno, "/");
	tree = nsr_mount_bind(fd, fd, true, 0);
	return tree < 0 ? nsr_fail(e, NSR_STEP_ROOT, -tree, spec->root) : nsr_pivot(tree, e);
}

static int take_streams(const struct nsr_spawn *spec, struct nsr_error *e)
{
	const int wanted[3] = {spec->stdin_fd, spec->stdout_fd, spec->stderr_fd};
	int high[3];

	for (int i = 0; i < 3; i++) {
		int fd = wanted[i] >= 0 ? wanted[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (high[i] < 0)
			return nsr_fail(e, NSR_STEP_STDIO, errno, "");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], i) < 0)
			return nsr_fail(e, NSR_STEP_STDIO, errno, "");
	if (syscall(SYS_close_range, 3u, ~0u, 0u) < 0)
		return nsr_fail(e, NSR_STEP_CLOSE_RANGE, errno, "");
	return 0;
}

static int set_ids(const struct nsr_spawn *spec, struct nsr_error *e)
{
	if (spec->set_ids) {
		if (spec->user > INT32_MAX || spec->group > INT32_MAX) /* 4294967295 would change nothing */
			return nsr_fail(e, NSR_STEP_UID, EINVAL, "");
		if (syscall(SYS_setgroups, spec->groups_count, spec->groups) < 0)
			return nsr_fail(e, NSR_STEP_GROUPS, errno, "");
		if (syscall(SYS_setresgid, spec->group, spec->group, spec->group) < 0)
			return nsr_fail(e, NSR_STEP_GID, errno, "");
		if (syscall(SYS_setresuid, spec->user, spec->user, spec->user) < 0)
			return nsr_fail(e, NSR_STEP_UID, errno, "");
	}
	if (spec->pdeathsig && prctl(PR_SET_PDEATHSIG, spec->pdeathsig, 0, 0, 0) < 0) /* after the ids, which clear it */
		return nsr_fail(e, NSR_STEP_PDEATHSIG, errno, "");
	if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_NO_NEW_PRIVS, errno, "");
	return 0;
}

static int set_up(const struct nsr_spawn *spec, struct nsr_error *e)
{
	const uint64_t unshared = spec->unshare & ~(uint64_t)CLONE_NEWPID;
	int r;

	if (spec->cgroup_fd >= 0) {
		r = nsr_write_at(spec->cgroup_fd, "cgroup.procs", "0");
		if (r < 0)
			return nsr_fail(e, NSR_STEP_CGROUP_JOIN, -r, "cgroup.procs");
	}
	if (unshared && unshare((int)unshared) < 0)
		return nsr_fail(e, NSR_STEP_UNSHARE, errno, "");
	/* The standard streams first: /dev/null is the caller's, whatever the new root has under that name. */
	r = take_streams(spec, e);
	if (r == 0)
		r = change_root(spec, e);
	if (r == 0 && spec->cwd && chdir(spec->cwd) < 0)
		r = nsr_fail(e, NSR_STEP_CHDIR, errno, spec->cwd);
	if (r == 0)
		r = set_ids(spec, e);
	return r;
}

static int program(void *arg)
{
	struct job *job = arg;
	struct nsr_error *e = job->e;
	int r = set_up(job->spec, e);

	if (r == 0)
		r = nsr_reset_signals(e);
	if (r == 0)
		r = nsr_run_program(job->spec->args, job->spec->env, e);
	job->result = r;
	return 127;
}

static void start(struct job *job, int more_flags)
{
	int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | more_flags | (int)(job->spec->unshare & CLONE_NEWPID);

	job->pid = clone(program, job->stack + 2 * STACK_SIZE, flags, job, &job->pidfd);
	if (job->pid < 0) {
		job->pidfd = -1;
		job->result = nsr_fail(job->e, errno == ENOMEM ? NSR_STEP_GONE : NSR_STEP_CLONE, errno, "");
	}
}

/* Lives in the namespaces that are joined, and in the caller's memory and descriptor table. */
static int joiner(void *arg)
{
	struct job *job = arg;

	job->result = join(job->spec, job->e);
	if (job->result == 0)
		start(job, CLONE_PARENT); /* which brings the exit signal along */
	return 0;
}

static void start_joined(struct job *job)
{
	pid_t pid = clone(joiner, job->stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, job);
	int status;

	if (pid < 0) {
		job->result = nsr_fail(job->e, NSR_STEP_CLONE, errno, "");
		return;
	}
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
}

/* It has ended by itself, unless it only could not be told which process it is. */
static void end_program(int pidfd)
{
	siginfo_t info;

	if (pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
}

int nsr_spawn(const struct nsr_spawn *spec, int *ret_pid, int *ret_pidfd, struct nsr_error *e)
{
	struct nsr_error ignored;
	struct job job = {.spec = spec, .e = e ? e : &ignored, .pidfd = -1, .pid = -1};
	bool joins = spec->ns_fds_count > 0 || (spec->join_pidfd >= 0 && spec->join);
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	sigset_t all, old;

	job.stack = malloc((size_t)2 * STACK_SIZE);
	if (!job.stack)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOMEM, "");
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0) {
		free(job.stack);
		return nsr_fail(e, NSR_STEP_SIGNALS, EINVAL, "");
	}
	if (joins)
		start_joined(&job);
	else
		start(&job, SIGCHLD);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* cannot fail: the mask came from the same call */
	free(job.stack);
	/* A change of ids in the child clears it for the memory, which was ours. */
	if (dumpable == 1 && spec->set_ids)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* cannot fail with this value */
	if (joins && job.pidfd >= 0)
		job.pid = nsr_pidfd_pid(job.pidfd);
	if (job.result < 0 || job.pid < 0) {
		end_program(job.pidfd);
		nsr_close(&job.pidfd);
		return job.result < 0 ? job.result : nsr_fail(e, NSR_STEP_DIED, ESRCH, "");
	}
	*ret_pid = job.pid;
	*ret_pidfd = job.pidfd;
	return 0;
}
