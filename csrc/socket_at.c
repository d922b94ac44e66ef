/* socket_at.c - namespaces of the calling thread: the two system calls as they are, and sockets made elsewhere.
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

int nsr_sockets_at(int pidfd, int domain, int type, int protocol, int count, int *ret_fds)
{
	/* The thread's, not the process's: /proc/thread-self (3.17) */
	cleanup_fd int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int made, err = 0;

	if (home < 0)
		return -errno;
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return -errno;
	for (made = 0; made < count; made++) {
		ret_fds[made] = socket(domain, type | SOCK_CLOEXEC, protocol);
		if (ret_fds[made] < 0) {
			err = errno;
			break;
		}
	}
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* the thread would stay in the pod, and every later socket of the program with it */
	return made > 0 ? made : -err;
}
