/* channel.c - see channel.h; and nsr_spawned_read(), the parent's view of a start.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "runtime.h"
#include "util.h"

int nsr_channel_open(int ret[2], struct nsr_error *e)
{
	const int on = 1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nsr_fail(e, NSR_STEP_PIPE, errno, "");
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 || setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
		int err = errno;

		nsr_close(&pair[0]);
		nsr_close(&pair[1]);
		return nsr_fail(e, NSR_STEP_PIPE, err, "");
	}
	ret[0] = pair[0];
	ret[1] = pair[1];
	return 0;
}

int nsr_channel_send(int channel, enum nsr_report_kind kind, const struct nsr_error *error, int fd)
{
	struct nsr_report report = {.kind = (int32_t)kind};
	struct iovec iov = {&report, sizeof(report)};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	if (error)
		report.error = *error;
	if (fd < 0)
		return write(channel, &report, sizeof(report)) < 0 ? -errno : 0;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int nsr_channel_receive(int channel, struct nsr_report *ret, int *ret_fd)
{
	struct nsr_report report;
	struct iovec iov = {&report, sizeof(report)};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct ucred sender = {0};
	int fd = -1;
	ssize_t n;

	/* ECONNRESET, told once and before what there is to read: the other end is closed, and has not read all that was said to it. */
	do
		n = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(sender)))
			memcpy(&sender, CMSG_DATA(c), sizeof(sender));
	if (n != sizeof(report)) {
		nsr_close(&fd);
		return -EBADMSG;
	}
	report.pid = sender.pid;
	report.error.path[sizeof(report.error.path) - 1] = '\0';
	*ret = report;
	*ret_fd = fd;
	return 1;
}

int nsr_channel_wait(int channel, unsigned words, unsigned *heard)
{
	while ((*heard & words) != words) {
		uint8_t word;
		ssize_t n = read(channel, &word, sizeof(word));

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(word))
			return n < 0 ? -errno : -ECONNRESET;
		*heard |= word;
	}
	return 0;
}

void nsr_spawned_tell(struct nsr_spawned *s, enum nsr_word word)
{
	uint8_t byte = (uint8_t)word;

	/* The socket has room for both. When its other end has gone, reading tells. */
	(void)send(s->channel, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The one that reports is not the one that was spawned first: a child of ours all the same, and not reaped before its
 * channel is read (spawning.c), so that its number is its own. */
static int adopt(struct nsr_spawned *s, pid_t pid, struct nsr_error *e)
{
	siginfo_t info;
	int pidfd;

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return nsr_fail(e, NSR_STEP_PIPE, errno, "");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	nsr_close(&s->pidfd);
	s->pidfd = pidfd;
	s->pid = pid;
	if (pidfd >= 0)
		return 0;
	(void)nsr_fail(e, NSR_STEP_CLONE, errno, "pidfd");
	(void)kill(pid, SIGKILL); /* it would run, and could not be told from others later */
	return -e->err;
}

enum nsr_progress nsr_spawned_read(struct nsr_spawned *s, struct nsr_error *e)
{
	for (;;) {
		struct nsr_report report;
		int fd = -1;
		int r = nsr_channel_receive(s->channel, &report, &fd);

		if (r == -EAGAIN)
			return NSR_PENDING;
		if (r < 0) {
			(void)nsr_fail(e, NSR_STEP_PIPE, -r, "");
			return NSR_FAILED;
		}
		if (r == 0) {
			if (s->ready)
				return NSR_RUNNING;
			(void)nsr_fail(e, NSR_STEP_DIED, ECHILD, "");
			return NSR_FAILED;
		}
		if (report.pid > 0 && report.pid != s->pid && adopt(s, report.pid, e) < 0) {
			nsr_close(&fd);
			return NSR_FAILED;
		}
		switch (report.kind) {
		case NSR_REPORT_READY:
			s->ready = true;
			break;
		case NSR_REPORT_CONSOLE:
			nsr_close(&s->console);
			s->console = fd;
			fd = -1;
			break;
		default: /* ERROR, or garbage, which is one as well */
			*e = report.error;
			nsr_close(&fd);
			return NSR_FAILED;
		}
		nsr_close(&fd);
	}
}

void nsr_spawned_close(struct nsr_spawned *s)
{
	nsr_close(&s->channel);
	nsr_close(&s->pidfd);
	nsr_close(&s->console);
	nsr_close(&s->cgroup_fd);
}
