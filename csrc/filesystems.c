/* filesystems.c - /proc, /sys and cgroup2 of a container, and what is masked or read-only in them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "mount.h"
#include "path.h"
#include "pod.h"
#include "util.h"
#include "world.h"

#define NONE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

int nsr_world_place(const struct nsr_world *w, const char *path)
{
	/* An image whose /dev or /proc is a link is refused (CVE-2026-41579, CVE-2019-19921). */
	return nsr_make_resolved(w->root, path + 1, true, 0755, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, NULL);
}

/* A file system of ours on its place: a new one, or that of a context. Its type is looked at: everything later is done through the descriptor. */
static int cover(const struct nsr_world *w, const char *type, int context, long magic, const char *path, unsigned attr, enum nsr_step step,
		 struct nsr_error *e)
{
	const char *const options[] = {"source", type, NULL};
	cleanup_fd int fd = context < 0 ? nsr_mount_new(type, options, attr) : nsr_mount_made_of(context, options, attr), place = -1;
	struct statfs fs;
	int r;

	if (fd < 0)
		return nsr_fail(e, step, -fd, path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != magic)
		return nsr_fail(e, step, ENODEV, path);
	place = nsr_world_place(w, path);
	if (place < 0)
		return nsr_fail(e, step, -place, path);
	r = nsr_mount_attach(fd, place);
	return r < 0 ? nsr_fail(e, step, -r, path) : steal_fd(&fd);
}

/* The one that pause has made, whose pid namespace we are not in. */
static int bind_pods_proc(const struct nsr_world *w, struct nsr_error *e)
{
	cleanup_fd int run = open(w->pod->spec->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), source = -1, place = -1;
	struct statfs fs;
	int fd;

	source = run < 0 ? -1 : openat(run, NSR_POD_PROC, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0 || fstatfs(source, &fs) < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_PROC, errno, NSR_POD_PROC);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return nsr_fail(e, NSR_STEP_MOUNT_PROC, ENODEV, NSR_POD_PROC);
	place = nsr_world_place(w, "/proc");
	fd = place < 0 ? place : nsr_mount_bind(source, place, false, 0);
	return fd < 0 ? nsr_fail(e, NSR_STEP_MOUNT_PROC, -fd, "/proc") : fd;
}

int nsr_world_proc(struct nsr_world *w, struct nsr_error *e)
{
	int fd = w->pod->spec->pid_mode == NSR_NS_POD ? bind_pods_proc(w, e) :
		cover(w, "proc", w->proc_context, PROC_SUPER_MAGIC, "/proc", NONE, NSR_STEP_MOUNT_PROC, e);

	if (fd < 0)
		return fd;
	w->proc = fd;
	return 0;
}

int nsr_world_sys(struct nsr_world *w, struct nsr_error *e)
{
	unsigned attr = NONE | (w->spec->privileged ? 0 : MOUNT_ATTR_RDONLY);
	cleanup_fd int fd = -1, cgroup = -1, place = -1;
	const char *const options[] = {"source", "cgroup", NULL};
	int r;

	if (nsr_world_has_mount_at(w, "/sys"))
		return 0;
	fd = cover(w, "sysfs", -1, SYSFS_MAGIC, "/sys", attr, NSR_STEP_MOUNT_SYS, e);
	if (fd < 0)
		return fd;
	w->sys = steal_fd(&fd);
	if (w->pod->cgroup_fd < 0 || nsr_world_has_mount_at(w, "/sys/fs/cgroup"))
		return 0;
	/* In the private cgroup namespace: its root is the container's own. Without a hierarchy the directory stays empty. */
	place = nsr_openat2(w->sys, "fs/cgroup", O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (place == -ENOENT)
		return 0;
	if (place < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_CGROUP, -place, "/sys/fs/cgroup");
	cgroup = nsr_mount_new("cgroup2", options, attr);
	r = cgroup < 0 ? cgroup : nsr_mount_attach(cgroup, place);
	return r < 0 ? nsr_fail(e, NSR_STEP_MOUNT_CGROUP, -r, "/sys/fs/cgroup") : 0;
}

/* A path below a file system of ours, with no link in it; across a volume that the pod mounted in between, where a link is one too many,
 * too: who writes to the volume does not choose what is masked instead. -ENOENT: not there. */
static int open_ours(const struct nsr_world *w, const char *path)
{
	const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
	int fd;

	if (w->proc >= 0 && strncmp(path, "/proc/", 6) == 0)
		fd = nsr_openat2(w->proc, path + 6, O_PATH, resolve);
	else if (w->sys >= 0 && strncmp(path, "/sys/", 5) == 0)
		fd = nsr_openat2(w->sys, path + 5, O_PATH, resolve);
	else
		return nsr_open_in(w->root, path, 0);
	/* The descriptors of our own mounts do not lead into what lies on them, the root does. */
	return fd == -EXDEV ? nsr_openat2(w->root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS) : fd;
}

static int mask(const struct nsr_world *w, const char *path)
{
	cleanup_fd int target = open_ours(w, path), tree = -1;
	struct stat st;

	if (target < 0)
		return target;
	if (fstat(target, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		tree = nsr_mount_bind(w->empty, target, false, MOUNT_ATTR_RDONLY | NONE);
	else
		tree = nsr_mount_bind(w->null, target, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return tree < 0 ? tree : 0;
}

static int make_read_only(const struct nsr_world *w, const char *path)
{
	cleanup_fd int target = open_ours(w, path), tree = -1;
	int r;

	if (target < 0)
		return target;
	tree = nsr_mount_clone(target, true);
	if (tree < 0)
		return tree;
	r = nsr_mount_attach(tree, target);
	return r < 0 ? r : nsr_mount_restrict(tree, MOUNT_ATTR_RDONLY | NONE, true);
}

int nsr_world_restrict(struct nsr_world *w, struct nsr_error *e)
{
	/* The null that masks files is one that the pod made, and nothing else (CVE-2025-31133). */
	if (w->spec->masked_count > 0 && !nsr_is_null(w->null))
		return nsr_fail(e, NSR_STEP_MASK, ENODEV, "null");
	for (uint32_t i = 0; i < w->spec->readonly_count; i++) {
		int r = make_read_only(w, w->spec->readonly[i]);

		if (r < 0 && r != -ENOENT)
			return nsr_fail(e, NSR_STEP_READONLY_PATH, -r, w->spec->readonly[i]);
	}
	for (uint32_t i = 0; i < w->spec->masked_count; i++) {
		int r = mask(w, w->spec->masked[i]);

		if (r < 0 && r != -ENOENT)
			return nsr_fail(e, NSR_STEP_MASK, -r, w->spec->masked[i]);
	}
	return 0;
}
