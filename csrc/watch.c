/* watch.c - inotify(7) for Python, which has no module for it but ctypes: that one takes longer to import than a short log to read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/inotify.h>

#include "native.h"

int nsr_inotify_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int nsr_inotify_add(int fd, const char *directory, uint32_t mask)
{
	int watch = inotify_add_watch(fd, directory, mask | IN_ONLYDIR);

	return watch < 0 ? -errno : watch;
}

int nsr_inotify_remove(int fd, int watch)
{
	return inotify_rm_watch(fd, watch) < 0 ? -errno : 0;
}
