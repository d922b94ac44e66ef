/* finish.c - see finish.h.
 *
 * Runs between clone and exec: system calls on prepared memory only. The order is the law of docs/security.md; what each
 * step needs from those before is said beside it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel.h"
#include "console.h"
#include "credentials.h"
#include "finish.h"
#include "path.h"
#include "program.h"
#include "runtime.h"
#include "util.h"

#define NSR_TIMER_SLACK_NS 50000ul /* of init, and so of whoever asked for no other */

#define CHANNEL 3 /* where the channel is from step 17 on */

/* Behind a filter, which may refuse even that; libc's _exit() would try for ever. */
static _Noreturn void leave(int status)
{
	(void)syscall(SYS_exit_group, status);
	__builtin_trap();
}

_Noreturn void nsr_die(int channel, const struct nsr_error *e)
{
	(void)nsr_channel_send(channel, NSR_REPORT_ERROR, e, -1); /* the shim is gone, then */
	leave(127);
}

static int set_oom_score_adj(int64_t value, struct nsr_error *e)
{
	char text[24] = "-";
	int r;

	/* The file of a process that is not dumpable belongs to root, which we may still be; and the host's /proc is still there. */
	nsr_format_u64(value < 0 ? text + 1 : text, (uint64_t)(value < 0 ? -value : value));
	r = nsr_write_at(AT_FDCWD, "/proc/self/oom_score_adj", text);
	/* Lowering it takes CAP_SYS_RESOURCE: then what is inherited has to do. */
	return r < 0 && r != -EACCES ? nsr_fail(e, NSR_STEP_OOM_SCORE_ADJ, -r, "/proc/self/oom_score_adj") : 0;
}

int nsr_begin(int channel, int shims_end, int64_t oom_score_adj, struct nsr_error *e)
{
	struct pollfd p = {.fd = channel, .events = 0};
	int r = set_oom_score_adj(oom_score_adj, e);

	if (r < 0)
		return r;
	/* Before any namespace that others live in (CVE-2016-9962) */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_DUMPABLE, errno, "");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_PDEATHSIG, errno, "");
	/* Had the shim died before that call, no signal would come; getppid() says nothing across pid namespaces, the socket does,
	 * once nobody but the shim has its other end. */
	nsr_close(&shims_end);
	if (poll(&p, 1, 0) < 0 || (p.revents & POLLHUP))
		_exit(127);
	/* Cannot be refused: a new process leads no group. */
	if (setsid() < 0)
		return nsr_fail(e, NSR_STEP_SETSID, errno, "");
	umask(0); /* modes that we give are meant; the program gets 022 at the end */
	return 0;
}

int nsr_join_keyring(struct nsr_error *e)
{
	/* ENOSYS: a kernel without keyrings. EDQUOT and the rest matter. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return nsr_fail(e, NSR_STEP_KEYRING, errno, "");
	return 0;
}

/* The raw call tells a directory outside of the root by "(unreachable)" where libc's would ask around (CVE-2024-21626). */
static int check_cwd(const char *path, struct nsr_error *e)
{
	char cwd[PATH_MAX];
	long n = syscall(SYS_getcwd, cwd, sizeof(cwd));

	if (n < 0)
		return nsr_fail(e, NSR_STEP_CHDIR, errno, path);
	return cwd[0] == '/' ? 0 : nsr_fail(e, NSR_STEP_CHDIR, ENOTDIR, path);
}

static int change_directory(const char *path, struct nsr_error *e)
{
	cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = -1;

	if (root < 0)
		return nsr_fail(e, NSR_STEP_CHDIR, errno, "/");
	fd = nsr_open_in(root, path, O_DIRECTORY);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_CHDIR, -fd, path);
	if (fchdir(fd) < 0)
		return nsr_fail(e, NSR_STEP_CHDIR, errno, path);
	return check_cwd(path, e);
}

static int set_rlimits(const struct nsr_container_spec *spec, struct nsr_error *e)
{
	for (uint32_t i = 0; i < spec->rlimits_count; i++) {
		const struct nsr_rlimit *limit = &spec->rlimits[i];
		struct rlimit wanted = {limit->soft, limit->hard}, own;

		if (syscall(SYS_prlimit64, 0, limit->resource, &wanted, NULL) == 0)
			continue;
		if (errno != EPERM || syscall(SYS_prlimit64, 0, limit->resource, NULL, &own) < 0)
			return nsr_fail(e, NSR_STEP_RLIMIT, errno, "");
		/* No CAP_SYS_RESOURCE: as far as our own hard limit goes. */
		if (wanted.rlim_max > own.rlim_max)
			wanted.rlim_max = own.rlim_max;
		if (wanted.rlim_cur > wanted.rlim_max)
			wanted.rlim_cur = wanted.rlim_max;
		if (syscall(SYS_prlimit64, 0, limit->resource, &wanted, NULL) < 0)
			return nsr_fail(e, NSR_STEP_RLIMIT, errno, "");
	}
	return 0;
}

/* What a daemon was given for itself (nice -n -20, chrt, taskset, ionice, setarch -R) is not its containers'. Where the kernel refuses (no
 * CAP_SYS_NICE), what is inherited has to do. */
static void reset_scheduling(void)
{
	static const struct sched_param none;
	unsigned char every[1024]; /* 8192 CPUs: the most that Linux can have; those that are not there are left out */

	memset(every, 0xff, sizeof(every));
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none); /* of musl these are stubs */
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)syscall(SYS_sched_setaffinity, 0, sizeof(every), every);
	(void)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0 /* by niceness */);
	/* The kernel's own; by 0 it would be the parent's. A real-time policy, which has none, is gone by now. */
	(void)prctl(PR_SET_TIMERSLACK, NSR_TIMER_SLACK_NS, 0, 0, 0);
	/* Takes effect at execve: without randomized addresses, or with READ_IMPLIES_EXEC, a program would be easier prey. */
	(void)personality(PER_LINUX);
}

/* Everything above the standard streams but the channel. No need for CLOSE_RANGE_CLOEXEC (5.11). */
static int close_others(int *channel, struct nsr_error *e)
{
	if (*channel != CHANNEL && dup3(*channel, CHANNEL, O_CLOEXEC) < 0)
		return nsr_fail(e, NSR_STEP_CLOSE_RANGE, errno, "");
	*channel = CHANNEL;
	if (syscall(SYS_close_range, CHANNEL + 1u, ~0u, 0u) < 0)
		return nsr_fail(e, NSR_STEP_CLOSE_RANGE, errno, "");
	return 0;
}

static int take_streams(const struct nsr_finish *f, int channel, struct nsr_error *e)
{
	struct nsr_console console;
	int r;

	if (!f->tty)
		return nsr_stdio_take(f->stdio, f->spec->credentials.user, e);
	r = nsr_console_open(f->rows, f->columns, f->spec->credentials.user, &console, e);
	if (r < 0)
		return r;
	r = nsr_channel_send(channel, NSR_REPORT_CONSOLE, NULL, console.master);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, -r, "");
	return nsr_console_take(&console, e);
}

/* 14-22: returns with neither rights nor descriptors left that the program will not have, or not at all. */
static void prepare(const struct nsr_finish *f)
{
	const struct nsr_credentials *who = &f->spec->credentials;
	/* Out of the way of the standard streams */
	int channel = fcntl(f->channel, F_DUPFD_CLOEXEC, CHANNEL);
	bool as_user = false;
	struct nsr_error e;
	int r;

	if (channel < 0)
		nsr_die(f->channel, (nsr_fail(&e, NSR_STEP_STDIO, errno, ""), &e));
	r = take_streams(f, channel, &e); /* 14 */
	if (r < 0)
		nsr_die(channel, &e);
	r = change_directory(f->spec->cwd, &e); /* 15 */
	if (r == -EACCES) /* a file system that squashes root: the user may */
		as_user = true;
	else if (r < 0)
		nsr_die(channel, &e);
	reset_scheduling(); /* while we may */
	if (set_rlimits(f->spec, &e) < 0 || /* 16: raising takes CAP_SYS_RESOURCE */
	    close_others(&channel, &e) < 0) /* 17 */
		nsr_die(channel, &e);
	if (f->held) {
		unsigned heard = f->heard;

		/* Here, with nothing of the host's open any more, and before a filter that may forbid to read. */
		if (nsr_channel_wait(channel, NSR_WORD_GO, &heard) < 0)
			_exit(127); /* the shim has given us up, or is gone */
	}
	if (nsr_credentials_drop(who, &e) < 0) /* 18-22 */
		nsr_die(channel, &e);
	if (as_user && change_directory(f->spec->cwd, &e) < 0)
		nsr_die(channel, &e);
}

/* 23-26, in the leader of a session. */
static _Noreturn void run(const struct nsr_finish *f)
{
	struct nsr_error e;

	/* The death signal goes here and not at 2: a program that lives on when the shim ends is what its pod's end is for. */
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		nsr_die(CHANNEL, (nsr_fail(&e, NSR_STEP_PDEATHSIG, errno, ""), &e));
	if (f->tty && nsr_console_control(&e) < 0)
		nsr_die(CHANNEL, &e);
	umask(022);
	if (nsr_reset_signals(&e) < 0) /* 23 */
		nsr_die(CHANNEL, &e);
	(void)nsr_channel_send(CHANNEL, NSR_REPORT_READY, NULL, -1); /* the shim is gone, then, and so are we in a moment */
	if (nsr_credentials_seal(&f->spec->credentials, &e) < 0) /* 24, 25 */
		nsr_die(CHANNEL, &e);
	(void)nsr_run_program(f->args, f->env, &e); /* 26: returns with the reason only */
	nsr_die(CHANNEL, &e);
}

_Noreturn void nsr_finish(const struct nsr_finish *f)
{
	prepare(f);
	run(f);
}

_Noreturn void nsr_finish_born(const struct nsr_finish *f)
{
	struct nsr_error e;
	long pid;

	prepare(f);
	/* Not clone3, which filters cannot look into and therefore refuse. */
	pid = syscall(SYS_clone, (unsigned long)CLONE_PARENT | SIGCHLD, 0ul, 0ul, 0ul, 0ul);
	if (pid < 0) /* ENOMEM: the namespace's first process has ended */
		nsr_die(CHANNEL, (nsr_fail(&e, errno == ENOMEM ? NSR_STEP_GONE : NSR_STEP_CLONE, errno, ""), &e));
	if (pid > 0)
		leave(0);
	if (setsid() < 0)
		nsr_die(CHANNEL, (nsr_fail(&e, NSR_STEP_SETSID, errno, ""), &e));
	run(f);
}
