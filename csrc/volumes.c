/* volumes.c - volumes, generated files and the termination log at their places in a container's root.
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

bool nsr_world_has_mount_at(const struct nsr_world *w, const char *path)
{
	for (uint32_t i = 0; i < w->spec->mounts_count; i++)
		if (nsr_path_below(w->spec->mounts[i].target, path) && nsr_path_below(path, w->spec->mounts[i].target))
			return true;
	return false;
}

/* The place of a volume, a missing one made: resolved inside the root and pinned, so that no later swap of a link moves it
 * (CVE-2021-30465). */
static int open_target(const struct nsr_world *w, const char *path, bool directory, struct nsr_error *e)
{
	cleanup_fd int fd = nsr_make_in(w->root, path, directory, directory ? 0755 : 0644, NULL);
	struct statfs fs;
	struct stat there, root;

	if (fd < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_TARGET, -fd, path);
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &there) < 0 || fstat(w->root, &root) < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_TARGET, errno, path);
	/* Files of /proc are what our own checks rely on (CVE-2019-19921, CVE-2025-52881); over the root itself would be none of it. */
	if (fs.f_type == PROC_SUPER_MAGIC)
		return nsr_fail(e, NSR_STEP_MOUNT_TARGET, EPERM, path);
	if (there.st_dev == root.st_dev && there.st_ino == root.st_ino)
		return nsr_fail(e, NSR_STEP_MOUNT_TARGET, EBUSY, path);
	if (S_ISDIR(there.st_mode) != directory)
		return nsr_fail(e, NSR_STEP_MOUNT_TARGET, directory ? ENOTDIR : EISDIR, path);
	return steal_fd(&fd);
}

static int propagate(int tree, const struct nsr_mount *m)
{
	switch ((enum nsr_propagation)m->propagation) {
	case NSR_PROPAGATION_NONE:
		return nsr_mount_propagate(tree, MS_PRIVATE);
	case NSR_PROPAGATION_HOST_TO_CONTAINER:
		return nsr_mount_propagate(tree, MS_SLAVE);
	case NSR_PROPAGATION_BIDIRECTIONAL:
		return 0; /* a peer of the host's mount already */
	}
	return -EINVAL;
}

static int mount_bind(const struct nsr_world *w, const struct nsr_mount *m, int tree, struct nsr_error *e)
{
	cleanup_fd int target = -1;
	struct stat st;
	int r;

	if (fstat(tree, &st) < 0)
		return nsr_fail(e, NSR_STEP_MOUNT, errno, m->source);
	target = open_target(w, m->target, S_ISDIR(st.st_mode), e);
	if (target < 0)
		return target;
	r = nsr_mount_attach(tree, target);
	if (r == 0)
		r = propagate(tree, m);
	if (r == 0 && m->read_only)
		r = nsr_mount_restrict(tree, MOUNT_ATTR_RDONLY, m->recursive);
	return r < 0 ? nsr_fail(e, NSR_STEP_MOUNT, -r, m->target) : 0;
}

static int mount_tmpfs(const struct nsr_world *w, const struct nsr_mount *m, struct nsr_error *e)
{
	char mode[24] = "0", size[24];
	const char *const options[] = {"source", "tmpfs", "mode", mode, m->size ? "size" : NULL, size, NULL};
	cleanup_fd int target = open_target(w, m->target, true, e), fd = -1;
	size_t at = 1;
	int r;

	if (target < 0)
		return target;
	for (int shift = 9; shift >= 0; shift -= 3) /* octal */
		mode[at++] = (char)('0' + (m->mode >> shift & 7));
	mode[at] = '\0';
	nsr_format_u64(size, m->size);
	fd = nsr_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	r = fd < 0 ? fd : nsr_mount_attach(fd, target);
	if (r == 0 && m->read_only)
		r = nsr_mount_restrict(fd, MOUNT_ATTR_RDONLY, false);
	return r < 0 ? nsr_fail(e, NSR_STEP_MOUNT, -r, m->target) : 0;
}

int nsr_world_volumes(struct nsr_world *w, bool below_ours, struct nsr_error *e)
{
	for (uint32_t i = 0; i < w->spec->mounts_count; i++) {
		const struct nsr_mount *m = &w->spec->mounts[i];
		int r;

		if ((nsr_path_below(m->target, "/dev") || nsr_path_below(m->target, "/sys")) != below_ours)
			continue;
		/* Ours comes later and would hide it; what is refused is at least not silent. */
		if (nsr_path_below(m->target, "/proc"))
			return nsr_fail(e, NSR_STEP_MOUNT_TARGET, EPERM, m->target);
		r = m->kind == NSR_MOUNT_TMPFS ? mount_tmpfs(w, m, e) : mount_bind(w, m, w->sources[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A file of the pod's files tmpfs, as this mount namespace's copy has it. */
static int bind_file(const struct nsr_world *w, const char *directory, const char *name, const char *target_path, struct nsr_error *e)
{
	const char *const parts[] = {w->pod->spec->run_dir, NSR_POD_FILES, directory, name};
	cleanup_fd int source = AT_FDCWD, target = -1, tree = -1;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int next = openat(source, parts[i], O_PATH | O_CLOEXEC | (i > 0 ? O_NOFOLLOW : 0));

		if (next < 0)
			return nsr_fail(e, NSR_STEP_MOUNT_SOURCE, errno, name);
		nsr_close(&source);
		source = next;
	}
	target = open_target(w, target_path, false, e);
	if (target < 0)
		return target;
	tree = nsr_mount_bind(source, target, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return tree < 0 ? nsr_fail(e, NSR_STEP_MOUNT, -tree, target_path) : 0;
}

int nsr_world_files(struct nsr_world *w, struct nsr_error *e)
{
	const struct nsr_sandbox_spec *pod = w->pod->spec;
	int r;

	for (uint32_t i = 0; i < pod->files_count; i++) {
		if (nsr_world_has_mount_at(w, pod->files[i].target))
			continue; /* the pod brings its own */
		r = bind_file(w, NSR_FILES_GENERATED, pod->files[i].name, pod->files[i].target, e);
		if (r < 0)
			return r;
	}
	if (*w->spec->termination_path && !nsr_world_has_mount_at(w, w->spec->termination_path))
		return bind_file(w, NSR_FILES_TERMINATION, w->spec->id, w->spec->termination_path, e);
	return 0;
}
