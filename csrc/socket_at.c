/* socket_at.c - namespaces of the calling thread: the two system calls as they are, and a socket made elsewhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native.h"
#include "util.h"

int nsr_unshare(int flags)
{
	return unshare(flags) < 0 ? -errno : 0;
}

int nsr_setns(int fd, int flags)
{
	return setns(fd, flags) < 0 ? -errno : 0;
}

int nsr_socket_at(int pidfd, int domain, int type, int protocol)
{
	/* The thread's, not the process's: /proc/thread-self (3.17) */
	cleanup_fd int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd, err;

	if (home < 0)
		return -errno;
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	err = errno;
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* the thread would stay in the pod, and every later socket of the program with it */
	return fd < 0 ? -err : fd;
}
