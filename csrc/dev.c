/* dev.c - a container's /dev: filled while it is still detached, so that no other process has a path to it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount.h"
#include "path.h"
#include "pod.h"
#include "util.h"
#include "world.h"

#define DEPTH_MAX 8

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
	const char *name, *to;
} links[] = {
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
};

static const char *const directories[] = {"pts", "shm", "mqueue"};

static int fill(const struct nsr_world *w, int dev_fd)
{
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (mknodat(dev_fd, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
			return -errno;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i].to, dev_fd, links[i].name) < 0)
			return -errno;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (mkdirat(dev_fd, directories[i], 0755) < 0)
			return -errno;
	/* The first terminal of a new devpts is always 0, and it is the container's. */
	if (w->spec->tty && symlinkat("pts/0", dev_fd, "console") < 0)
		return -errno;
	return 0;
}

static int copy_devices(int from_fd, int to_fd, unsigned depth);

static int copy_device(int from_fd, int to_fd, const char *name, unsigned depth)
{
	cleanup_fd int from = -1, to = -1;
	struct stat st, parent;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno; /* unplugged meanwhile */
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		if (mknodat(to_fd, name, st.st_mode, st.st_rdev) < 0)
			return errno == EEXIST ? 0 : -errno; /* one of ours */
		return fchownat(to_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	}
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
		return 0;
	/* What is mounted below (pts, shm, mqueue, hugepages) is no part of it. */
	if (fstat(from_fd, &parent) < 0)
		return -errno;
	if (parent.st_dev != st.st_dev)
		return 0;
	if (mkdirat(to_fd, name, st.st_mode & 07777) < 0 && errno != EEXIST)
		return -errno;
	from = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return from < 0 || to < 0 ? -errno : copy_devices(from, to, depth + 1);
}

/* readdir() allocates; this runs between clone and exec. */
static int copy_devices(int from_fd, int to_fd, unsigned depth)
{
	_Alignas(struct linux_dirent64) char buffer[2048];
	long n;

	while ((n = syscall(SYS_getdents64, from_fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);

			if (nsr_is_component(entry->d_name)) {
				int r = copy_device(from_fd, to_fd, entry->d_name, depth);

				if (r < 0)
					return r;
			}
			at += entry->d_reclen;
		}
	return n < 0 ? -errno : 0;
}

static int mount_below(const struct nsr_world *w, const char *name, const char *type, const char *const *options, unsigned attr)
{
	cleanup_fd int fd = nsr_mount_new(type, options, attr), place = -1;

	if (fd < 0)
		return fd;
	place = openat(w->dev, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return place < 0 ? -errno : nsr_mount_attach(fd, place);
}

/* The pod's one /dev/shm, or the host's with its IPC namespace. */
static int bind_shm(const struct nsr_world *w, struct nsr_error *e)
{
	cleanup_fd int source = -1, place = openat(w->dev, "shm", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), tree = -1;
	const char *path = "/dev/shm";

	if (place < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_DEV, errno, path);
	if (w->pod->spec->ipc == NSR_NS_HOST) {
		source = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (source < 0 && errno == ENOENT)
			return 0; /* the host has none */
	} else {
		cleanup_fd int run = open(w->pod->spec->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

		path = NSR_POD_SHM;
		source = run < 0 ? -1 : openat(run, NSR_POD_SHM, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (source < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_DEV, errno, path);
	tree = nsr_mount_bind(source, place, false, 0);
	return tree < 0 ? nsr_fail(e, NSR_STEP_MOUNT_DEV, -tree, "/dev/shm") : 0;
}

int nsr_world_dev(struct nsr_world *w, struct nsr_error *e)
{
	static const char *const options[] = {"source", "tmpfs", "mode", "0755", "size", "65536k", NULL};
	static const char *const pts[] = {"source", "devpts", "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL};
	cleanup_fd int dev = -1, place = -1;
	int r;

	if (nsr_world_has_mount_at(w, "/dev"))
		return 0; /* the pod brings its own, all of it */
	dev = nsr_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID);
	r = dev < 0 ? dev : fill(w, dev);
	if (r == 0 && w->spec->privileged) {
		cleanup_fd int host = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = host < 0 ? -errno : copy_devices(host, dev, 0);
	}
	if (r < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_DEV, -r, "/dev");
	place = nsr_world_place(w, "/dev");
	r = place < 0 ? place : nsr_mount_attach(dev, place);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_DEV, -r, "/dev");
	w->dev = steal_fd(&dev);
	r = mount_below(w, "pts", "devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_DEV, -r, "/dev/pts");
	return bind_shm(w, e);
}

int nsr_world_mqueue(struct nsr_world *w, struct nsr_error *e)
{
	static const char *const options[] = {"source", "mqueue", NULL};
	int r;

	if (w->dev < 0)
		return 0; /* the pod's own /dev */
	r = mount_below(w, "mqueue", "mqueue", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return r < 0 && r != -ENODEV /* a kernel without POSIX message queues */ ? nsr_fail(e, NSR_STEP_MOUNT_MQUEUE, -r, "/dev/mqueue") : 0;
}
