/* sources.c - a container's volume sources as detached mounts: after this no path of the manifest is used on the host any more.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount.h"
#include "mountinfo.h"
#include "path.h"
#include "util.h"
#include "world.h"

/* The volume itself: a host path, whose links are the host's own business. */
static int open_volume(const struct nsr_mount *m, struct nsr_error *e)
{
	int fd = nsr_openat2(AT_FDCWD, m->source, O_PATH, RESOLVE_NO_MAGICLINKS);

	if (fd == -ENOENT && m->create) {
		cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (root < 0)
			return nsr_fail(e, NSR_STEP_MOUNT_SOURCE, errno, "/");
		fd = nsr_make_in(root, m->source, true, 0755, NULL);
	}
	return fd < 0 ? nsr_fail(e, NSR_STEP_MOUNT_SOURCE, -fd, m->source) : fd;
}

/* Whether it lies in one of the pod's own file systems (a tmpfs), which is mounted in the shim's mount namespace alone and shared there.
 * Nothing else is: what comes from the host are slaves. */
static int is_pods_own(const struct nsr_mount *m)
{
	cleanup_fd int fd = nsr_openat2(AT_FDCWD, m->source, O_PATH, RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? 0 : nsr_mountinfo_is_shared(fd); /* one that is not there yet is made in the host's namespace */
}

/* Containers that share the volume may swap links while we look: resolved below the volume by the kernel, made component by
 * component on the same descriptors, and never looked up again (CVE-2017-1002101, CVE-2021-25741). */
static int open_sub_path(int volume_fd, const struct nsr_mount *m, struct nsr_error *e)
{
	const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	struct stat st;
	int fd;

	if (fstat(volume_fd, &st) < 0)
		return nsr_fail(e, NSR_STEP_SUB_PATH, errno, m->sub_path);
	fd = nsr_make_resolved(volume_fd, m->sub_path, true, st.st_mode & 07777, resolve, NULL);
	return fd < 0 ? nsr_fail(e, NSR_STEP_SUB_PATH, -fd, m->sub_path) : fd;
}

static int copy_source(const struct nsr_mount *m, struct nsr_error *e)
{
	cleanup_fd int fd = open_volume(m, e);
	int tree;

	if (fd < 0)
		return fd;
	if (*m->sub_path) {
		int sub = open_sub_path(fd, m, e);

		if (sub < 0)
			return sub;
		nsr_close(&fd);
		fd = sub;
	}
	if (m->propagation == NSR_PROPAGATION_BIDIRECTIONAL) {
		int shared = nsr_mountinfo_is_shared(fd);

		if (shared < 0)
			return nsr_fail(e, NSR_STEP_PROPAGATION, -shared, m->source);
		/* What a container mounts there would reach nobody: as containerd, say so. */
		if (shared == 0)
			return nsr_fail(e, NSR_STEP_PROPAGATION, EINVAL, m->source);
	}
	tree = nsr_mount_clone(fd, true);
	return tree < 0 ? nsr_fail(e, NSR_STEP_MOUNT_SOURCE, -tree, m->source) : tree;
}

enum whose { THE_PODS_SHARED, THE_HOSTS_SHARED, ALL };

/* Those that are not copied yet. */
static int copy_sources(struct nsr_world *w, enum whose whose, struct nsr_error *e)
{
	for (uint32_t i = 0; i < w->spec->mounts_count; i++) {
		const struct nsr_mount *m = &w->spec->mounts[i];
		int tree;

		if (m->kind != NSR_MOUNT_BIND || w->sources[i] >= 0)
			continue;
		if (whose != ALL && m->propagation != NSR_PROPAGATION_BIDIRECTIONAL)
			continue;
		if (whose == THE_PODS_SHARED && is_pods_own(m) != 1)
			continue;
		tree = copy_source(m, e);
		if (tree < 0)
			return tree;
		w->sources[i] = tree;
	}
	return 0;
}

static bool has_bidirectional(const struct nsr_world *w)
{
	for (uint32_t i = 0; i < w->spec->mounts_count; i++)
		if (w->spec->mounts[i].propagation == NSR_PROPAGATION_BIDIRECTIONAL)
			return true;
	return false;
}

int nsr_world_sources(struct nsr_world *w, struct nsr_error *e)
{
	int r;

	for (uint32_t i = 0; i < w->spec->mounts_count; i++)
		w->sources[i] = -1;
	if (has_bidirectional(w)) {
		/* Only a copy of the host's own mount is a peer of it; the shim's are its slaves. */
		cleanup_fd int shim = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

		r = copy_sources(w, THE_PODS_SHARED, e);
		if (r < 0)
			return r;
		if (shim < 0)
			return nsr_fail(e, NSR_STEP_SETNS, errno, "/proc/self/ns/mnt");
		if (setns(w->pod->host_mnt_fd, CLONE_NEWNS) < 0)
			return nsr_fail(e, NSR_STEP_SETNS, errno, "mnt");
		r = copy_sources(w, THE_HOSTS_SHARED, e);
		if (r < 0)
			return r;
		if (setns(shim, CLONE_NEWNS) < 0)
			return nsr_fail(e, NSR_STEP_SETNS, errno, "mnt");
	}
	if (unshare(CLONE_NEWNS) < 0)
		return nsr_fail(e, NSR_STEP_UNSHARE, errno, "mnt");
	return copy_sources(w, ALL, e);
}
