/* root.c - a container's root: an overlay of a directory (the host's / or another) with a fresh writable layer, and for the host's root its
 * other local file systems on top, in the same way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "mount.h"
#include "path.h"
#include "pod.h"
#include "util.h"
#include "world.h"

/* A writable layer, <layer>/{upper,work}; the merged directory gets its owner and mode from upper. */
static int make_layer(int layer, const struct stat *like, int *ret_upper, int *ret_work)
{
	cleanup_fd int upper = -1, work = -1;

	/* Directories are what a disk takes longest for: no more of them than are needed. */
	if (mkdirat(layer, "upper", 0700) < 0 || mkdirat(layer, "work", 0700) < 0)
		return -errno;
	upper = openat(layer, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	work = openat(layer, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0 || work < 0)
		return -errno;
	if (fchown(upper, like->st_uid, like->st_gid) < 0 || fchmod(upper, like->st_mode & 07777) < 0)
		return -errno;
	*ret_upper = steal_fd(&upper);
	*ret_work = steal_fd(&work);
	return 0;
}

/* Layers by descriptor: no escaping of colons and commas, no second look-up. */
static int mount_overlay(int lower_fd, int upper_fd, int work_fd, unsigned attr)
{
	char lower[NSR_FD_PATH], upper[NSR_FD_PATH], work[NSR_FD_PATH];
	const char *const options[] = {
		"source", "overlay", "lowerdir", nsr_fd_path(lower, lower_fd), "upperdir", nsr_fd_path(upper, upper_fd),
		"workdir", nsr_fd_path(work, work_fd), "volatile", NULL, NULL,
	};
	const char *const plain[] = {
		"source", "overlay", "lowerdir", lower, "upperdir", upper, "workdir", work, NULL,
	};
	int fd;

	/* The layer dies with the container: without `volatile` (5.10) its end would wait for the whole disk to be written. */
	fd = nsr_mount_new("overlay", options, attr);
	return fd == -EINVAL ? nsr_mount_new("overlay", plain, attr) : fd;
}

/* The overlay of what lower_fd names, detached. */
static int overlay_of(int layer_fd, int lower_fd, unsigned attr)
{
	cleanup_fd int upper = -1, work = -1;
	struct stat st;
	int r;

	if (fstat(lower_fd, &st) < 0)
		return -errno;
	r = make_layer(layer_fd, &st, &upper, &work);
	return r < 0 ? r : mount_overlay(lower_fd, upper, work, attr);
}

/* A tmpfs of the container's own for its layers, where the disk cannot hold them: over the directory that would. It stays
 * alive through the overlays only. Attached, because overlayfs wants its layers in the caller's namespace. */
static int tmpfs_layers(int layers_fd, struct nsr_error *e)
{
	static const char *const options[] = {"source", "tmpfs", "mode", "0700", NULL};
	cleanup_fd int fd = nsr_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID);
	int r;

	if (fd < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -fd, "tmpfs");
	r = nsr_mount_attach(fd, layers_fd);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -r, "tmpfs");
	/* Reading a directory of the mount takes another description than fsmount's O_PATH one. */
	r = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? nsr_fail(e, NSR_STEP_ROOT, errno, "tmpfs") : r;
}

/* <state>/containers/<id>, by path: state_fd is of the shim's mount namespace, and this is a copy of it. */
static int make_layers(const struct nsr_world *w, struct nsr_error *e)
{
	cleanup_fd int state = open(w->pod->spec->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int containers = -1;
	int fd;

	if (state < 0)
		return nsr_fail(e, NSR_STEP_ROOT, errno, w->pod->spec->state_dir);
	containers = openat(state, NSR_POD_CONTAINERS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (containers < 0)
		return nsr_fail(e, NSR_STEP_ROOT, errno, NSR_POD_CONTAINERS);
	if (mkdirat(containers, w->spec->id, 0700) < 0)
		return nsr_fail(e, NSR_STEP_ROOT, errno, w->spec->id);
	fd = openat(containers, w->spec->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? nsr_fail(e, NSR_STEP_ROOT, errno, w->spec->id) : fd;
}

/* Returns the directory of layers that was used. */
static int attach_root(struct nsr_world *w, unsigned attr, struct nsr_error *e)
{
	const struct nsr_root *root = &w->spec->root;
	cleanup_fd int layers = make_layers(w, e), lower = -1;
	struct statfs fs;
	int r, fd;

	if (layers < 0)
		return layers;
	lower = nsr_openat2(AT_FDCWD, root->lower, O_PATH | O_DIRECTORY, 0);
	if (lower < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -lower, root->lower);
	if (fstatfs(layers, &fs) < 0)
		return nsr_fail(e, NSR_STEP_ROOT, errno, "");
	/* A layer on an overlay is refused by the kernel: do not even try. */
	fd = -EINVAL;
	if (fs.f_type != OVERLAYFS_SUPER_MAGIC && !(nsr_force_fallback & NSR_FALLBACK_OVERLAY))
		fd = overlay_of(layers, lower, attr);
	if (fd == -EINVAL) {
		int memory = tmpfs_layers(layers, e);

		if (memory < 0)
			return memory;
		nsr_close(&layers);
		layers = memory;
		fd = overlay_of(layers, lower, attr);
	}
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -fd, root->lower);
	w->root = fd;
	/* Over its own layers, which nobody needs to find any more. */
	r = nsr_mount_attach(fd, layers);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -r, "");
	return steal_fd(&layers);
}

/* The same with layers in a directory of their own. */
static int overlay_below(int layers_fd, const char *name, int lower_fd, unsigned attr)
{
	cleanup_fd int layer = -1;

	if (mkdirat(layers_fd, name, 0700) < 0)
		return -errno;
	layer = openat(layers_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return layer < 0 ? -errno : overlay_of(layer, lower_fd, attr);
}

static int attach_submounts(struct nsr_world *w, int layers_fd, unsigned attr, struct nsr_error *e)
{
	const struct nsr_root *root = &w->spec->root;

	for (uint32_t i = 0; i < root->submounts_count; i++) {
		const struct nsr_submount *sub = &root->submounts[i];
		char name[32] = "sub-";
		cleanup_fd int source = nsr_openat2(AT_FDCWD, sub->path, O_PATH, 0), target = -1, tree = -1;
		int r;

		w->submounts[i] = -1;
		/* Unmounted on the host since it was planned: then its mount point is what there is. */
		if (source < 0)
			continue;
		target = nsr_open_in(w->root, sub->path, 0);
		if (target < 0)
			continue;
		nsr_format_u64(name + 4, i);
		tree = sub->overlay ? overlay_below(layers_fd, name, source, attr) : -EINVAL;
		if (tree >= 0)
			r = nsr_mount_attach(tree, target);
		else {
			/* Not a file system that can be overlaid: as it is, read-only. */
			tree = nsr_mount_bind(source, target, false, MOUNT_ATTR_RDONLY | attr);
			r = tree < 0 ? tree : 0;
		}
		if (r < 0)
			return nsr_fail(e, NSR_STEP_SUBMOUNT, -r, sub->path);
		w->submounts[i] = steal_fd(&tree);
	}
	return 0;
}

static int attach_privates(struct nsr_world *w, struct nsr_error *e)
{
	static const char *const plain[] = {"source", "tmpfs", "mode", "0755", NULL};
	static const char *const sticky[] = {"source", "tmpfs", "mode", "1777", NULL};

	for (uint32_t i = 0; i < w->spec->root.privates_count; i++) {
		const char *path = w->spec->root.privates[i];
		cleanup_fd int target = nsr_open_in(w->root, path, O_DIRECTORY), fd = -1;
		int r;

		/* Nothing to hide, as it may lie below another private directory. */
		if (target == -ENOENT)
			continue;
		if (target < 0)
			return nsr_fail(e, NSR_STEP_ROOT, -target, path);
		fd = nsr_mount_new("tmpfs", strcmp(path, "/tmp") == 0 || strcmp(path, "/var/tmp") == 0 ? sticky : plain,
				   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
		r = fd < 0 ? fd : nsr_mount_attach(fd, target);
		if (r < 0)
			return nsr_fail(e, NSR_STEP_ROOT, -r, path);
	}
	return 0;
}

int nsr_world_root(struct nsr_world *w, struct nsr_error *e)
{
	/* Device nodes that a container makes in its root work as far as a device filter lets them. */
	unsigned attr = w->spec->privileged || w->filtered ? 0 : MOUNT_ATTR_NODEV;
	cleanup_fd int layers = attach_root(w, attr, e);
	int r;

	if (layers < 0)
		return layers;
	r = attach_submounts(w, layers, attr, e);
	return r < 0 ? r : attach_privates(w, e);
}

int nsr_world_seal_root(struct nsr_world *w, struct nsr_error *e)
{
	int r;

	if (!w->spec->root.read_only)
		return 0;
	for (uint32_t i = 0; i < w->spec->root.submounts_count; i++) {
		if (w->submounts[i] < 0)
			continue;
		r = nsr_mount_restrict(w->submounts[i], MOUNT_ATTR_RDONLY, false);
		if (r < 0)
			return nsr_fail(e, NSR_STEP_READONLY_ROOT, -r, w->spec->root.submounts[i].path);
	}
	r = nsr_mount_restrict(w->root, MOUNT_ATTR_RDONLY, false);
	return r < 0 ? nsr_fail(e, NSR_STEP_READONLY_ROOT, -r, "/") : 0;
}
