/* unmount.c - see unmount.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mountinfo.h"
#include "unmount.h"
#include "util.h"

#define PASSES_MAX 64 /* each finds something to detach */

struct below {
	const char *directory;
	unsigned detached; /* in this pass */
};

static int detach(const char *directory, const char *relative)
{
	char path[PATH_MAX];
	size_t length = strlen(directory), more = strlen(relative);

	if (length + more + 2 > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, directory, length);
	path[length] = '/';
	memcpy(path + length + 1, relative, more + 1);
	/* The root of a file system whose server is dead must not be looked at: lazily, and by the name of the place. */
	return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int visit(const char *relative, uint64_t id, void *arg)
{
	struct below *below = arg;

	(void)id;
	/* One that is hidden by another, or went with it: the next pass finds what is left. */
	if (detach(below->directory, relative) == 0)
		below->detached++;
	return 0;
}

int nsr_unmount(const char *directory, const char *name)
{
	return detach(directory, name);
}

int nsr_unmount_below(const char *directory)
{
	cleanup_fd int fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		struct below below = {.directory = directory};
		int r = nsr_mountinfo_below(fd, visit, &below);

		if (r < 0 || below.detached == 0)
			return r;
	}
	return -EBUSY;
}

int nsr_unmount_below_in(int mnt_fd, const char *directory)
{
	cleanup_fd int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (own < 0 || setns(mnt_fd, CLONE_NEWNS) < 0)
		return -errno;
	r = nsr_unmount_below(directory);
	return setns(own, CLONE_NEWNS) < 0 ? -errno : r;
}
