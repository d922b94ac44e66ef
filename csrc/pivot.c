/* pivot.c - see pivot.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pivot.h"
#include "util.h"

/* In an initramfs "/" is rootfs, which can neither be pivoted from nor unmounted: the new root goes on top of it, as switch_root(8)
 * does it. Nothing below can be reached: looking up ".." at the top leads to the top. */
static int cover_rootfs(int root_fd)
{
	if (fchdir(root_fd) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int nsr_pivot(int root_fd, struct nsr_error *e)
{
	cleanup_fd int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (old < 0 || fstatfs(old, &fs) < 0)
		return nsr_fail(e, NSR_STEP_PIVOT_ROOT, errno, "/");
	if (fchdir(root_fd) < 0)
		return nsr_fail(e, NSR_STEP_PIVOT_ROOT, errno, "");
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		int err = errno, r = -err;

		if (err == EINVAL && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC))
			r = cover_rootfs(root_fd);
		return r < 0 ? nsr_fail(e, NSR_STEP_PIVOT_ROOT, -r, "") : 0;
	}
	/* The old root lies over the new one now. A slave first, so that unmounting it reaches nobody else. */
	if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return nsr_fail(e, NSR_STEP_PIVOT_ROOT, errno, "");
	return 0;
}
