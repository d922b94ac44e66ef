/* shim.c - nsrunner-shim: one for each pod, parent of all its processes. Keeps what happens, decides nothing.
 *
 * A spare one is made before there is a pod: 3 is then a connection to whoever has made it, by which the listening socket comes. It ends
 * with that process.
 *
 * Descriptors: 3 the listening socket, 4 the sealed memfd of nsrunner-pause, 5 the device filter if whoever starts the shim has
 * loaded it. Nothing else is inherited, and nothing is read from the environment. It stays in the host's namespaces (but for its own
 * mount namespace), keeps its privileges, because its children need them, and defends itself by being small: one socket in a 0700
 * directory, bounded tables, a fuzzed parser.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "device_filter.h"
#include "shim.h"
#include "util.h"

#define LISTENER 3
#define PAUSE_EXE 4
#define DEVICE_FILTER 5
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* How the set-up can fail: the exit status says where. */
enum failure {
	FAILED_USAGE = 64,
	FAILED_LISTENER,
	FAILED_STDIO,
	FAILED_PRCTL,
	FAILED_SIGNALS,
	FAILED_LOOP,
};

static struct nsr_shim shim;

/* Every signal stays blocked for good: SIGCHLD and SIGIO are read below, the others are not how a pod is stopped. A terminal's SIGINT
 * must not be, and a service manager's SIGTERM is for the daemon; SIGKILL takes the pod along, by pause's parent-death signal. */
static int block_signals(void)
{
	sigset_t all, handled;

	(void)sigfillset(&all); /* cannot fail, nor the three below */
	(void)sigemptyset(&handled);
	(void)sigaddset(&handled, SIGCHLD);
	(void)sigaddset(&handled, SIGIO);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return -errno;
	shim.signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	return shim.signals < 0 ? -errno : 0;
}

static void on_signal(struct nsr_watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) < 0)
		return;
	/* Several may be one: every child is asked for, and every pipe. */
	if (info.ssi_signo == SIGIO)
		nsr_outputs_ready(&shim);
	else
		nsr_reap(&shim);
}

/* Nothing of the caller's stays open, and nothing is written to its terminal. */
static int close_inherited(void)
{
	cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned kept = PAUSE_EXE;

	if (null < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	nsr_close(&null);
	if (fcntl(LISTENER, F_SETFD, FD_CLOEXEC) < 0 || fcntl(PAUSE_EXE, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	/* Without one the first container that wants it loads it. */
	if (nsr_device_filter_take(DEVICE_FILTER) && fcntl(DEVICE_FILTER, F_SETFD, FD_CLOEXEC) == 0)
		kept = DEVICE_FILTER;
	if (syscall(SYS_close_range, kept + 1u, ~0u, 0) < 0) /* 5.9 */
		return -errno;
	return 0;
}

/* Six descriptors a container and four an exec: the usual soft limit of 1024 is for programs that use select(2). Containers
 * have limits of their own. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* up to the hard limit is anybody's right */
}

static bool is_socket(int fd, bool listener)
{
	int type = 0, listening = 0;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && !listening == !listener;
}

static bool set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0;
}

/* A spare's wait for its pod, without a deadline: for as long as there is somebody who could have one. */
static int take_listener(void)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	cleanup_fd int fd = -1;
	struct cmsghdr *rights;
	ssize_t n;

	if (!set_blocking(LISTENER, true))
		return FAILED_LISTENER;
	n = recvmsg(LISTENER, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return FAILED_LISTENER;
	if (n == 0) {
		shim.gone = true; /* nobody is left who could have one */
		return 0;
	}
	rights = CMSG_FIRSTHDR(&message);
	if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof(int)))
		return FAILED_LISTENER;
	memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
	return is_socket(fd, true) && dup3(fd, LISTENER, O_CLOEXEC) == LISTENER ? 0 : FAILED_LISTENER;
}

/* The socket, and its directory unless something else is in it: rmdir of a directory in use fails, as it should. */
static void remove_socket(void)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address) - 1; /* a NUL stays behind the longest path */
	char *slash;

	if (getsockname(LISTENER, (struct sockaddr *)&address, &length) < 0 || address.sun_path[0] != '/')
		return;
	(void)unlink(address.sun_path);
	slash = strrchr(address.sun_path, '/');
	if (slash != address.sun_path) {
		*slash = '\0';
		(void)rmdir(address.sun_path);
	}
}

static int begin(void)
{
	bool spare = is_socket(LISTENER, false);
	int failure;

	if (!spare && !is_socket(LISTENER, true))
		return FAILED_LISTENER;
	if (close_inherited() < 0) /* before anything is opened */
		return FAILED_STDIO;
	if (block_signals() < 0)
		return FAILED_SIGNALS;
	(void)setsid(); /* fails only for a process group's leader, which has left its terminal behind anyhow */
	(void)umask(077);
	raise_limit();
	if (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NAME, "nsrunner-shim") < 0)
		return FAILED_PRCTL;
	if (nsr_loop_open(&shim.loop) < 0 ||
	    nsr_watch_add(&shim.loop, &shim.signals_watch, shim.signals, EPOLLIN, on_signal) < 0)
		return FAILED_LOOP;
	failure = spare ? take_listener() : 0;
	if (failure || shim.gone)
		return failure;
	if (!set_blocking(LISTENER, false) ||
	    nsr_watch_add(&shim.loop, &shim.listener_watch, LISTENER, EPOLLIN, nsr_session_accept) < 0)
		return FAILED_LOOP;
	shim.pod = (struct nsr_pod){.pause_exe = PAUSE_EXE, .run_fd = -1, .state_fd = -1, .logs_fd = -1, .cgroup_fd = -1,
				    .host_mnt_fd = -1, .files_fd = -1, .shm_fd = -1, .pause_pidfd = -1};
	nsr_owner_begin(&shim);
	return 0;
}

int main(int argc, char **argv)
{
	static const char version[] = "nsrunner-shim " NSR_VERSION " protocol " TEXT(NSR_WIRE_VERSION) "\n";
	int failure;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return nsr_write_all(STDOUT_FILENO, version, sizeof(version) - 1) < 0;
	if (argc > 1)
		return FAILED_USAGE;
	failure = begin();
	if (failure)
		return failure;
	while (!shim.gone) {
		if (nsr_loop_turn(&shim.loop) < 0)
			return FAILED_LOOP;
		nsr_sessions_sweep(&shim);
	}
	remove_socket();
	return 0;
}
