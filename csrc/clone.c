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

/* Where a process that shares the caller's memory begins; its function does not return. */
struct start {
	char *stack;
	void (*function)(void *arg);
	void *arg;
};

static char *new_stack(void)
{
	/* Not on the caller's stack: the shim would keep 128 KiB of touched pages for each pod. */
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	return stack == MAP_FAILED ? NULL : stack;
}

static void free_stack(char *stack)
{
	(void)munmap(stack, STACK_SIZE); /* cannot fail: it is ours and whole; a child goes on in its own copy */
}

/* clone3, for which libc has no function: the process must not come back on a stack that is not the one it was called on. Returns the
 * pid or -errno, and without a start 0 in the child. */
static long call_clone3(struct clone_args *args, const struct start *start)
{
	void (*function)(void *) = start ? start->function : NULL;
	void *arg = start ? start->arg : NULL;
	long result;

	if (start) {
		args->stack = (uint64_t)(uintptr_t)start->stack;
		args->stack_size = STACK_SIZE;
	}
#if defined(__x86_64__)
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "test %[function], %[function]\n\t"
			 "jz 1f\n\t"
			 "mov %[arg], %%rdi\n\t"
			 "call *%[function]\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(result)
			 : "0"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)), [function] "r"(function), [arg] "r"(arg)
			 : "rcx", "r11", "memory", "cc");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "cbz %[function], 1f\n\t"
			 "mov x0, %[arg]\n\t"
			 "blr %[function]\n\t"
			 "brk 0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), [function] "r"(function), [arg] "r"(arg)
			 : "memory", "cc");
	result = x0;
#else
#error "clone.c: clone3 on this architecture is missing"
#endif
	return result;
}

/* Into the cgroup at once; where that is refused (threaded or otherwise unfit cgroups), without. Returns the pid or -errno, and without
 * a start 0 in the child. */
static long clone_process(struct nsr_clone *c, uint64_t extra_flags, uint64_t exit_signal, const struct start *start)
{
	struct clone_args args = {
		.flags = c->flags | extra_flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&c->pidfd, .exit_signal = exit_signal,
	};
	long pid;

	if (c->cgroup_fd >= 0 && !(nsr_force_fallback & NSR_FALLBACK_INTO_CGROUP)) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint32_t)c->cgroup_fd;
		c->in_cgroup = true;
		pid = call_clone3(&args, start);
		if (pid != -EACCES && pid != -EBUSY && pid != -EOPNOTSUPP && pid != -EINVAL && pid != -E2BIG)
			return pid;
		args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		args.cgroup = 0;
	}
	c->in_cgroup = c->cgroup_fd < 0;
	return call_clone3(&args, start);
}

static int intermediate(void *arg)
{
	struct job *job = arg;
	/* CLONE_PARENT takes no exit signal of its own: the child gets this process's, SIGCHLD. */
	long pid = clone_process(job->c, CLONE_PARENT, 0, NULL);

	if (pid == 0) {
		job->child(job->arg); /* in a copy of the caller's memory */
		_exit(127);
	}
	if (pid < 0)
		job->error = (int)-pid;
	return 0;
}

static int clone_below(struct job *job)
{
	char *stack = new_stack();
	int status, r = 0;
	/* CLONE_FILES: the pidfd arrives in the caller's table. */
	pid_t pid = !stack ? -1 :
		clone(intermediate, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, job);

	if (pid < 0)
		r = -errno;
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && r == 0)
		if (errno != EINTR)
			r = -errno;
	if (stack)
		free_stack(stack);
	return r < 0 ? r : job->error ? -job->error : 0;
}

static int clone_here(struct job *job)
{
	long pid = clone_process(job->c, 0, SIGCHLD, NULL);

	if (pid == 0) {
		job->child(job->arg);
		_exit(127);
	}
	if (pid < 0)
		return (int)pid;
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

/* What the passing process tells, in the memory that it shares with the caller. */
struct passing {
	struct job *job;
	pid_t pid; /* as the caller's pid namespace numbers it, which is the passing process's, too */
	bool through;
	struct nsr_error error;
};

/* The child gets a copy of that memory: whoever looks into it in the container, or changes it, does not reach the caller. */
static void pass(void *arg)
{
	struct clone_args args = {.flags = CLONE_PARENT}; /* with the exit signal of this process */
	struct passing *p = arg;
	struct job *job = p->job;

	if (job->c->enter(job->arg, &p->error) == 0) {
		p->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
		if (p->pid == 0) {
			job->child(job->arg);
			_exit(127);
		}
		if (p->pid < 0) /* ENOMEM: the namespace's first process has ended */
			(void)nsr_fail(&p->error, errno == ENOMEM ? NSR_STEP_GONE : NSR_STEP_CLONE, errno, "");
	}
	p->through = true;
	_exit(0);
}

static int clone_entered(struct job *job, struct nsr_error *e)
{
	struct passing told = {.job = job};
	char *stack = new_stack();
	int status;
	long pid;

	if (!stack)
		return nsr_fail(e, NSR_STEP_CLONE, ENOMEM, "");
	/* In the caller's memory: to copy it takes as long as all that the process does. */
	pid = clone_process(job->c, CLONE_VM | CLONE_VFORK, SIGCHLD, &(struct start){stack, pass, &told});
	if (pid < 0) {
		free_stack(stack);
		return nsr_fail(e, NSR_STEP_CLONE, (int)-pid, "");
	}
	nsr_close(&job->c->pidfd);
	while (waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR)
		;
	free_stack(stack);
	if (!told.through)
		return nsr_fail(e, NSR_STEP_DIED, ECHILD, "");
	if (told.error.err) {
		*e = told.error;
		return -told.error.err;
	}
	job->c->pid = told.pid;
	job->c->pidfd = (int)syscall(SYS_pidfd_open, told.pid, 0);
	if (job->c->pidfd < 0) {
		int err = errno;

		(void)kill(told.pid, SIGKILL); /* a child that is not reaped yet */
		return nsr_fail(e, NSR_STEP_CLONE, err, "pidfd");
	}
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
	if (c->enter)
		r = clone_entered(&job, e);
	else if (c->pid_ns_of >= 0)
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
