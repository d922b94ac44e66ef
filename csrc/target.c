/* target.c - see target.h. Runs between clone and exec.
 *
 * A /proc shows the pid namespace of whoever calls fsopen(), and that takes CAP_SYS_ADMIN; in there are others, who with CAP_SYS_PTRACE can
 * make a newcomer do what they want. So who goes in has no other right, no root, namespace or descriptor that they have not got
 * themselves, and a filter that lets nothing through but this one call and its end. It has the descriptors of a helper outside, which has nothing
 * but a socket to the caller. Of what comes from there only what the kernel says the helper itself has sent is taken: they can have the socket.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "finish.h"
#include "target.h"
#include "util.h"

#define CHANNEL 0 /* of the helper */
#define CONTEXT 1 /* the lowest that is free */
#define VISITOR (CLONE_FILES | SIGCHLD)

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "target.c: the audit architecture of this one is missing"
#endif

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define ALLOW_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int confine(struct nsr_error *e)
{
	static struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW_IF(SYS_fsopen),
		ALLOW_IF(SYS_exit_group),
		/* the helper's */
		ALLOW_IF(SYS_wait4),
		ALLOW_IF(SYS_write),
		ALLOW_IF(SYS_sendmsg),
#ifdef __SANITIZE_ADDRESS__
		ALLOW_IF(SYS_sigaltstack), /* of its own, before any call that does not return */
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(args[0]), /* the lower half, which is all that the kernel looks at */
		ALLOW_IF(VISITOR),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {{.effective = 1u << CAP_SYS_ADMIN, .permitted = 1u << CAP_SYS_ADMIN}};

	if (syscall(SYS_capset, &head, data) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return nsr_fail(e, NSR_STEP_SECCOMP, errno, "");
	return 0;
}

static _Noreturn void visit(void)
{
	long fd = syscall(SYS_fsopen, "proc", 1u /* FSOPEN_CLOEXEC */);

	_exit(fd < 0 ? errno : fd != CONTEXT);
}

/* What the visitor has opened is in the shared table when it has ended. */
static int send_visitor(struct nsr_error *e)
{
	long pid = syscall(SYS_clone, (unsigned long)VISITOR, 0ul, 0ul, 0ul, 0ul);
	int status;

	if (pid == 0)
		visit();
	if (pid < 0) /* ENOMEM: the namespace's first process has ended */
		return nsr_fail(e, errno == ENOMEM ? NSR_STEP_TARGET : NSR_STEP_CLONE, errno == ENOMEM ? ESRCH : errno, "");
	if (syscall(SYS_wait4, pid, &status, __WALL, NULL) < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_PROC, errno, "");
	if (!WIFEXITED(status)) /* with the namespace, or by a member */
		return nsr_fail(e, NSR_STEP_TARGET, ESRCH, "");
	return WEXITSTATUS(status) != 0 ? nsr_fail(e, NSR_STEP_MOUNT_PROC, WEXITSTATUS(status), "/proc") : 0;
}

static _Noreturn void help(int channel, int callers_end, int pidfd, int64_t oom_score_adj)
{
	struct nsr_error e;

	if (nsr_begin(channel, callers_end, oom_score_adj, &e) < 0)
		nsr_die(channel, &e);
	/* What a member could get at through the visitor is the target's. */
	if (setns(pidfd, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP) < 0)
		nsr_die(channel, (nsr_fail(&e, errno == ESRCH ? NSR_STEP_TARGET : NSR_STEP_SETNS, errno, ""), &e));
	if ((channel != CHANNEL && dup3(channel, CHANNEL, O_CLOEXEC) < 0) || syscall(SYS_close_range, CHANNEL + 1u, ~0u, 0u) < 0)
		nsr_die(channel, (nsr_fail(&e, NSR_STEP_CLOSE_RANGE, errno, ""), &e));
	if (confine(&e) < 0 || send_visitor(&e) < 0)
		nsr_die(CHANNEL, &e);
	_exit(nsr_channel_send(CHANNEL, NSR_REPORT_READY, NULL, CONTEXT) < 0);
}

/* What the helper, which has ended and is not reaped yet, has sent. */
static int receive(int channel, pid_t helper, int *ret_proc, struct nsr_error *e)
{
	struct nsr_report report;
	int fd;

	while (nsr_channel_receive(channel, &report, &fd) > 0) {
		if (report.pid == helper && report.kind == NSR_REPORT_READY && fd >= 0) {
			*ret_proc = fd;
			return 0;
		}
		nsr_close(&fd);
		if (report.pid == helper && report.kind == NSR_REPORT_ERROR && report.error.err > 0) {
			*e = report.error;
			return -e->err;
		}
	}
	return nsr_fail(e, NSR_STEP_TARGET, ECHILD, "");
}

/* The context, or an error. */
static int open_proc(int pidfd, int64_t oom_score_adj, int *ret_proc, struct nsr_error *e)
{
	cleanup_fd int ours = -1, theirs = -1;
	siginfo_t info;
	int pair[2], r = nsr_channel_open(pair, e);
	long helper;

	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	helper = syscall(SYS_clone, (unsigned long)SIGCHLD, 0ul, 0ul, 0ul, 0ul);
	if (helper < 0)
		return nsr_fail(e, NSR_STEP_CLONE, errno, "");
	if (helper == 0)
		help(theirs, ours, pidfd, oom_score_adj);
	/* Who waits too long is killed by the shim, and the helper with it. */
	if (waitid(P_PID, (id_t)helper, &info, WEXITED | WNOWAIT | __WALL) < 0)
		return nsr_fail(e, NSR_STEP_TARGET, errno, "");
	r = receive(ours, (pid_t)helper, ret_proc, e);
	(void)waitid(P_PID, (id_t)helper, &info, WEXITED | __WALL); /* it is a zombie: cannot fail */
	return r;
}

int nsr_target_join(int pidfd, int64_t oom_score_adj, int *ret_proc, struct nsr_error *e)
{
	cleanup_fd int proc = -1;
	int r = open_proc(pidfd, oom_score_adj, &proc, e);

	if (r < 0)
		return r;
	if (setns(pidfd, CLONE_NEWPID) < 0)
		return nsr_fail(e, errno == ESRCH ? NSR_STEP_TARGET : NSR_STEP_SETNS, errno, "");
	*ret_proc = steal_fd(&proc);
	return 0;
}
