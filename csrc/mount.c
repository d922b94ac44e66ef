/* mount.c - see mount.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount.h"
#include "mountinfo.h"
#include "path.h"
#include "util.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int nsr_mount_made_of(int context, const char *const *options, unsigned attr)
{
	long fd;

	for (; options && options[0]; options += 2) {
		/* FSCONFIG_SET_FLAG 0, FSCONFIG_SET_STRING 1 */
		if (syscall(SYS_fsconfig, context, options[1] ? 1u : 0u, options[0], options[1], 0) < 0)
			return -errno;
	}
	if (syscall(SYS_fsconfig, context, 6u /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
		return -errno;
	fd = syscall(SYS_fsmount, context, 1u /* FSMOUNT_CLOEXEC */, attr);
	return fd < 0 ? -errno : (int)fd;
}

int nsr_mount_new(const char *type, const char *const *options, unsigned attr)
{
	cleanup_fd int context = (int)syscall(SYS_fsopen, type, 1u /* FSOPEN_CLOEXEC */);

	return context < 0 ? -errno : nsr_mount_made_of(context, options, attr);
}

int nsr_mount_clone(int fd, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
	long tree = syscall(SYS_open_tree, fd, "", flags);

	return tree < 0 ? -errno : (int)tree;
}

int nsr_mount_attach(int mount_fd, int target_fd)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

	return syscall(SYS_move_mount, mount_fd, "", target_fd, "", flags) < 0 ? -errno : 0;
}

/* What the kernel has already, as mount(2) wants it repeated: a bind remount sets all flags anew. */
static unsigned long present_flags(int mount_fd)
{
	struct statvfs st;
	unsigned long flags = 0;

	if (fstatvfs(mount_fd, &st) < 0)
		return 0;
	flags |= st.f_flag & ST_RDONLY ? MS_RDONLY : 0;
	flags |= st.f_flag & ST_NOSUID ? MS_NOSUID : 0;
	flags |= st.f_flag & ST_NODEV ? MS_NODEV : 0;
	flags |= st.f_flag & ST_NOEXEC ? MS_NOEXEC : 0;
	flags |= st.f_flag & ST_NOATIME ? MS_NOATIME : 0;
	flags |= st.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0;
	flags |= st.f_flag & ST_RELATIME ? MS_RELATIME : 0;
	return flags;
}

static int remount_one(int mount_fd, unsigned attr)
{
	char path[NSR_FD_PATH];
	unsigned long flags = present_flags(mount_fd);

	flags |= attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
	flags |= attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
	flags |= attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
	flags |= attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
	return mount(NULL, nsr_fd_path(path, mount_fd), NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

/* One line of mountinfo that lies below the mount: opened by its path and remounted. */
struct remount {
	int mount_fd;
	unsigned attr;
};

/* Nothing but us runs in this mount namespace: the path is as the kernel printed it, and leads to the mount of that line or, when another
 * lies on it or above it, into that one or nowhere. Then no path leads to it, for the container either, until somebody on the host takes
 * away what covers it, who could mount something new there just as well. */
static int remount_below(const char *relative, uint64_t id, void *arg)
{
	struct remount *job = arg;
	cleanup_fd int fd = nsr_openat2(job->mount_fd, relative, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	uint64_t found;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	r = fd < 0 ? fd : nsr_mountinfo_id(fd, &found);
	if (r < 0)
		return r;
	return found == id ? remount_one(fd, job->attr) : 0;
}

int nsr_mount_restrict(int mount_fd, unsigned attr, bool recursive)
{
	struct mount_attr wanted = {.attr_set = attr};
	struct remount job = {mount_fd, attr};
	int r;

	if (!(nsr_force_fallback & NSR_FALLBACK_MOUNT_SETATTR)) {
		unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

		if (syscall(SYS_mount_setattr, mount_fd, "", flags, &wanted, sizeof(wanted)) == 0)
			return 0;
		if (errno != ENOSYS)
			return -errno;
	}
	r = remount_one(mount_fd, attr);
	if (r < 0 || !recursive)
		return r;
	return nsr_mountinfo_below(mount_fd, remount_below, &job);
}

int nsr_mount_propagate(int mount_fd, unsigned long propagation)
{
	struct mount_attr wanted = {.propagation = propagation};
	char path[NSR_FD_PATH];

	if (!(nsr_force_fallback & NSR_FALLBACK_MOUNT_SETATTR)) {
		if (syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof(wanted)) == 0)
			return 0;
		if (errno != ENOSYS)
			return -errno;
	}
	return mount(NULL, nsr_fd_path(path, mount_fd), NULL, MS_REC | propagation, NULL) < 0 ? -errno : 0;
}

int nsr_mount_bind(int source_fd, int target_fd, bool recursive, unsigned attr)
{
	cleanup_fd int tree = nsr_mount_clone(source_fd, recursive);
	int r;

	if (tree < 0)
		return tree;
	r = nsr_mount_attach(tree, target_fd);
	if (r == 0 && attr)
		r = nsr_mount_restrict(tree, attr, false);
	return r < 0 ? r : steal_fd(&tree);
}
