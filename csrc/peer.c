/* peer.c - who is at the other end of a socket.
 *
 * uid 0 alone says little: root in a container is uid 0 too, and could reach the socket through a hostPath volume. So the peer
 * must also live in our user and pid namespaces (security: the peer's namespaces are compared).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"
#include "util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* 6.5; Debian 12's headers are older */
#endif

static bool same_namespace(const char *pid, const char *kind)
{
	char theirs[64] = "/proc/", ours[32] = "/proc/self/ns/";
	struct stat a, b;

	(void)strcat(strcat(strcat(theirs, pid), "/ns/"), kind); /* at most 6 + 20 + 4 + 4 */
	(void)strcat(ours, kind);
	return stat(theirs, &a) == 0 && stat(ours, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool nsr_peer_is_trusted(int fd, int *ret_pidfd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	cleanup_fd int pidfd = -1;
	struct pollfd ended;
	char pid[21];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.pid <= 0)
		return false; /* pid 0: it is not in our pid namespace */
	if (peer.uid != 0 && peer.uid != geteuid())
		return false;
	length = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0) {
		/* Anything else says that the peer is gone, and its number may have passed to another. */
		if (errno != ENOPROTOOPT)
			return false;
		pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
		if (pidfd < 0)
			return false;
	}
	(void)nsr_format_u64(pid, (uint64_t)peer.pid);
	if (!same_namespace(pid, "user") || !same_namespace(pid, "pid"))
		return false;
	/* Alive still, so what /proc said was about this process and not about a successor of its number. */
	ended = (struct pollfd){.fd = pidfd, .events = POLLIN};
	if (poll(&ended, 1, 0) != 0)
		return false;
	*ret_pidfd = steal_fd(&pidfd);
	return true;
}

int nsr_peer_pid(int fd)
{
	cleanup_fd int pidfd = -1;
	struct ucred peer;
	socklen_t length = sizeof(peer);

	errno = 0;
	if (!nsr_peer_is_trusted(fd, &pidfd) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		/* What we lack ourselves says nothing about the peer. */
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -EPERM;
	return peer.pid;
}
