/* pod.c - what all containers of a pod share, outside of any process: directories, tmpfs in the shim's mount namespace, generated files,
 * volumes, the cgroup.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup.h"
#include "device_filter.h"
#include "mount.h"
#include "path.h"
#include "pod.h"
#include "unmount.h"
#include "util.h"
#include "volume_sources.h"

const char *nsr_pod_cgroup_name(char *buffer, const struct nsr_container_spec *spec)
{
	size_t length = strnlen(spec->name, NAME_MAX - 12);

	memcpy(buffer, spec->name, length);
	buffer[length] = '.';
	nsr_format_u64(buffer + length + 1, spec->attempt);
	return buffer;
}

/* Makes what is missing of an absolute path and opens it. */
static int open_directory(const char *path, mode_t parents, mode_t mode, struct nsr_error *e)
{
	char prefix[PATH_MAX];
	size_t length = strlen(path);
	int fd, err;

	if (length >= sizeof(prefix))
		return nsr_fail(e, NSR_STEP_DIRECTORY, ENAMETOOLONG, path);
	memcpy(prefix, path, length + 1);
	err = mkdir(path, mode) < 0 ? errno : 0;
	if (err && err != EEXIST && err != ENOENT)
		return nsr_fail(e, NSR_STEP_DIRECTORY, err, path);
	for (size_t i = 1; err == ENOENT && i <= length; i++) { /* a parent is missing: hardly ever */
		if (path[i] != '/' && path[i] != '\0')
			continue;
		prefix[i] = '\0';
		if (mkdir(prefix, i == length ? mode : parents) < 0 && errno != EEXIST)
			return nsr_fail(e, NSR_STEP_DIRECTORY, errno, prefix);
		prefix[i] = path[i];
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? nsr_fail(e, NSR_STEP_DIRECTORY, errno, path) : fd;
}

/* From here on what is mounted here is nobody else's, and what the host mounts still arrives. */
static int leave_host_mounts(struct nsr_pod *pod, struct nsr_error *e)
{
	cleanup_fd int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (host < 0)
		return nsr_fail(e, NSR_STEP_UNSHARE, errno, "/proc/self/ns/mnt");
	if (unshare(CLONE_NEWNS) < 0)
		return nsr_fail(e, NSR_STEP_UNSHARE, errno, "mnt");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return nsr_fail(e, NSR_STEP_PROPAGATION, errno, "/");
	pod->host_mnt_fd = steal_fd(&host);
	return 0;
}

/* Whether something is mounted on the child already: an earlier attempt's tmpfs stays. */
static bool is_mounted(int parent_fd, int fd)
{
	struct stat parent, st;

	return fstat(parent_fd, &parent) == 0 && fstat(fd, &st) == 0 && parent.st_dev != st.st_dev;
}

/* <parent>/<name> with a tmpfs on it. Returns the mount's directory. */
static int open_tmpfs(int parent_fd, const char *name, const char *mode, uint64_t size, unsigned attr, struct nsr_error *e)
{
	char text[24];
	const char *const options[] = {"source", "tmpfs", "mode", mode, size ? "size" : NULL, nsr_format_u64(text, size), NULL};
	cleanup_fd int fd = -1, tree = -1;
	int r;

	if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, name);
	if (is_mounted(parent_fd, fd))
		return steal_fd(&fd);
	tree = nsr_mount_new("tmpfs", options, attr);
	r = tree < 0 ? tree : nsr_mount_attach(tree, fd);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_MOUNT, -r, name);
	r = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? nsr_fail(e, NSR_STEP_DIRECTORY, errno, name) : r;
}

/* Never in place: a container may have the last attempt's file, or have put a link there (CVE-2025-9566). */
static int write_new(int dir_fd, const char *name, mode_t mode, const void *data, size_t length, struct nsr_error *e)
{
	cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return nsr_fail(e, NSR_STEP_FILE, errno, name);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_FILE, errno, name);
	r = nsr_write_all(fd, data, length);
	return r < 0 ? nsr_fail(e, NSR_STEP_FILE, -r, name) : 0;
}

static int make_files(struct nsr_pod *pod, struct nsr_error *e)
{
	static const char *const directories[] = {NSR_FILES_GENERATED, NSR_FILES_TERMINATION, NSR_FILES_EMPTY};
	cleanup_fd int generated = -1;

	pod->files_fd = open_tmpfs(pod->run_fd, NSR_POD_FILES, "0700", 1 << 20, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e);
	if (pod->files_fd < 0)
		return pod->files_fd;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (mkdirat(pod->files_fd, directories[i], 0755) < 0 && errno != EEXIST)
			return nsr_fail(e, NSR_STEP_DIRECTORY, errno, directories[i]);
	if (mknodat(pod->files_fd, NSR_FILES_NULL, S_IFCHR | 0666, makedev(1, 3)) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_FILE, errno, NSR_FILES_NULL);
	generated = openat(pod->files_fd, NSR_FILES_GENERATED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (generated < 0)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, NSR_FILES_GENERATED);
	for (uint32_t i = 0; i < pod->spec->files_count; i++) {
		const struct nsr_file *file = &pod->spec->files[i];
		int r = write_new(generated, file->name, file->mode & 07777, file->content.data, file->content.length, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_volumes(struct nsr_pod *pod, struct nsr_error *e)
{
	cleanup_fd int volumes = -1;

	if (pod->spec->volumes_count == 0)
		return 0; /* two directories on a disk, for nothing */
	if (mkdirat(pod->state_fd, "volumes", 0755) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, "volumes");
	if (mkdirat(pod->state_fd, NSR_POD_EMPTY_DIRS, 0755) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, NSR_POD_EMPTY_DIRS);
	volumes = nsr_openat2(pod->state_fd, NSR_POD_EMPTY_DIRS, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (volumes < 0)
		return nsr_fail(e, NSR_STEP_DIRECTORY, -volumes, NSR_POD_EMPTY_DIRS);
	for (uint32_t i = 0; i < pod->spec->volumes_count; i++) {
		const struct nsr_volume *volume = &pod->spec->volumes[i];
		cleanup_fd int fd = -1;
		int r = 0;

		switch ((enum nsr_volume_kind)volume->kind) {
		case NSR_VOLUME_EMPTY_DIR:
			if (mkdirat(volumes, volume->name, 0777) < 0 && errno != EEXIST)
				return nsr_fail(e, NSR_STEP_VOLUME, errno, volume->name);
			break;
		case NSR_VOLUME_MEMORY_DIR:
			fd = open_tmpfs(volumes, volume->name, "0777", volume->size, 0, e);
			r = fd < 0 ? fd : nsr_mount_propagate(fd, MS_SHARED); /* for Bidirectional, among the pod's containers */
			if (r < 0)
				(void)nsr_fail(e, NSR_STEP_VOLUME, -r, volume->name);
			break;
		case NSR_VOLUME_HOST_PATH:
			r = nsr_host_path_check(volume->path, volume->type, e);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_all(struct nsr_pod *pod, struct nsr_error *e)
{
	const struct nsr_sandbox_spec *spec = pod->spec;
	int r = 0;

	if (pod->host_mnt_fd < 0)
		r = leave_host_mounts(pod, e);
	if (r == 0 && pod->run_fd < 0)
		r = pod->run_fd = open_directory(spec->run_dir, 0700, 0700, e);
	if (r < 0 || !*spec->cgroup || pod->cgroup_fd >= 0)
		return r;
	pod->cgroup_fd = nsr_cgroup_open(spec->cgroup, e);
	return pod->cgroup_fd < 0 ? pod->cgroup_fd : 0;
}

static int fill_all(struct nsr_pod *pod, struct nsr_error *e)
{
	const struct nsr_sandbox_spec *spec = pod->spec;
	int r = 0;

	if (pod->state_fd < 0)
		r = pod->state_fd = open_directory(spec->state_dir, 0700, 0700, e);
	if (r >= 0 && pod->logs_fd < 0)
		r = pod->logs_fd = open_directory(spec->logs_dir, 0750, 0755, e);
	if (r < 0)
		return r;
	if (mkdirat(pod->state_fd, NSR_POD_CONTAINERS, 0700) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, NSR_POD_CONTAINERS);
	nsr_close(&pod->files_fd);
	r = make_files(pod, e);
	if (r < 0)
		return r;
	if (spec->ipc != NSR_NS_HOST && pod->shm_fd < 0) {
		pod->shm_fd = open_tmpfs(pod->run_fd, NSR_POD_SHM, "1777", spec->shm_size,
					 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
		if (pod->shm_fd < 0)
			return pod->shm_fd;
	}
	return make_volumes(pod, e);
}

int nsr_pod_open(struct nsr_pod *pod, const struct nsr_sandbox_spec *spec, struct nsr_error *e)
{
	mode_t old = umask(0); /* modes below are meant */
	int r;

	pod->spec = spec;
	r = open_all(pod, e);
	umask(old);
	if (r < 0)
		/* The directories stay, empty as they are: the next attempt wants them, and the shim's socket is in one. The first
		 * failure is the one to tell. */
		(void)nsr_pod_close(pod, false, NULL);
	return r < 0 ? r : 0;
}

int nsr_pod_fill(struct nsr_pod *pod, struct nsr_error *e)
{
	mode_t old = umask(0);
	int r = fill_all(pod, e);

	umask(old);
	if (r < 0)
		return r;
	/* Nothing else is to be done before pause is there, and every container but a privileged one wants it. */
	if (pod->cgroup_fd >= 0)
		(void)nsr_device_filter_load(NULL); /* whoever cannot do without it tells why it failed */
	return 0;
}

int nsr_pod_null(const struct nsr_pod *pod, int flags)
{
	cleanup_fd int fd = openat(pod->files_fd, NSR_FILES_NULL, flags | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return nsr_is_null(fd) ? steal_fd(&fd) : -ENODEV;
}

int nsr_pod_make_termination(struct nsr_pod *pod, const struct nsr_container_spec *spec, struct nsr_error *e)
{
	cleanup_fd int directory = openat(pod->files_fd, NSR_FILES_TERMINATION, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mode_t old;
	int r;

	if (directory < 0)
		return nsr_fail(e, NSR_STEP_TERMINATION_LOG, errno, NSR_FILES_TERMINATION);
	old = umask(0);
	r = write_new(directory, spec->id, 0666, "", 0, e);
	umask(old);
	return r;
}

ssize_t nsr_termination_message(struct nsr_pod *pod, const struct nsr_container_spec *spec, char *buffer, size_t size)
{
	const uint64_t resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
	cleanup_fd int directory = -1, fd = -1;
	struct stat st;
	ssize_t n;

	if (!*spec->termination_path)
		return 0;
	/* The file that we made, never the container's path; nobody but us can have replaced it. */
	directory = nsr_openat2(pod->files_fd, NSR_FILES_TERMINATION, O_PATH | O_DIRECTORY, resolve);
	fd = directory < 0 ? directory : nsr_openat2(directory, spec->id, O_RDONLY | O_NONBLOCK, resolve);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (size > 4096)
		size = 4096;
	n = pread(fd, buffer, size, st.st_size > (off_t)size ? st.st_size - (off_t)size : 0);
	return n < 0 ? -errno : n;
}

int nsr_container_release(struct nsr_pod *pod, const struct nsr_container_spec *spec, struct nsr_error *e)
{
	char name[NAME_MAX + 1];
	cleanup_fd int containers = openat(pod->state_fd, NSR_POD_CONTAINERS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int termination = openat(pod->files_fd, NSR_FILES_TERMINATION, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (pod->cgroup_fd >= 0)
		r = nsr_cgroup_remove(pod->cgroup_fd, nsr_pod_cgroup_name(name, spec), e);
	if (termination >= 0)
		(void)unlinkat(termination, spec->id, 0); /* goes with the tmpfs otherwise */
	if (containers < 0)
		return nsr_fail(e, NSR_STEP_REMOVE, errno, NSR_POD_CONTAINERS);
	if (r < 0) {
		(void)nsr_remove_tree(containers, spec->id, NULL); /* the first failure is the one to tell */
		return r;
	}
	return nsr_remove_tree(containers, spec->id, e);
}

/* Removes a directory by its absolute path: its parent is ours and root's alone. */
static int remove_path(int host_mnt_fd, const char *path, struct nsr_error *e)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = (size_t)(slash - path);
	cleanup_fd int fd = -1;
	int r;

	if (length >= sizeof(parent))
		return nsr_fail(e, NSR_STEP_REMOVE, ENAMETOOLONG, path);
	memcpy(parent, path, length);
	parent[length] = '\0';
	fd = open(length ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : nsr_fail(e, NSR_STEP_REMOVE, errno, path);
	r = nsr_remove_tree(fd, slash + 1, e);
	if (r != -EBUSY || nsr_unmount_below_in(host_mnt_fd, path) < 0)
		return r;
	return nsr_remove_tree(fd, slash + 1, e);
}

static int forget_all(struct nsr_pod *pod, struct nsr_error *e)
{
	const struct nsr_sandbox_spec *spec = pod->spec;
	const char *const paths[] = {spec->state_dir, spec->logs_dir, spec->run_dir};
	int result = 0;

	/* Or nothing is mounted there. All of it goes with this mount namespace in any case. */
	(void)nsr_unmount(spec->run_dir, NSR_POD_FILES);
	(void)nsr_unmount(spec->run_dir, NSR_POD_SHM);
	for (uint32_t i = 0; i < spec->volumes_count; i++) {
		char name[sizeof(NSR_POD_EMPTY_DIRS) + NAME_MAX + 1] = NSR_POD_EMPTY_DIRS "/";

		if (spec->volumes[i].kind != NSR_VOLUME_MEMORY_DIR)
			continue;
		memcpy(name + sizeof(NSR_POD_EMPTY_DIRS), spec->volumes[i].name, strlen(spec->volumes[i].name) + 1);
		(void)nsr_unmount(spec->state_dir, name);
	}
	nsr_close(&pod->files_fd);
	nsr_close(&pod->shm_fd);
	nsr_close(&pod->run_fd);
	nsr_close(&pod->state_fd);
	nsr_close(&pod->logs_fd);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int r = remove_path(pod->host_mnt_fd, paths[i], result < 0 ? NULL : e);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

int nsr_pod_close(struct nsr_pod *pod, bool forget, struct nsr_error *e)
{
	int r = 0, r2 = 0;

	nsr_close(&pod->pause_pidfd);
	pod->pause_pid = 0;
	(void)nsr_unmount(pod->spec->run_dir, NSR_POD_PROC); /* pause's, who is gone */
	if (pod->cgroup_fd >= 0) {
		cleanup_fd int parent = openat(pod->cgroup_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = parent < 0 ? nsr_fail(e, NSR_STEP_CGROUP_REMOVE, errno, pod->spec->cgroup)
			       : nsr_cgroup_remove(parent, strrchr(pod->spec->cgroup, '/') + 1, e);
		nsr_close(&pod->cgroup_fd);
	}
	if (forget)
		r2 = forget_all(pod, r < 0 ? NULL : e);
	return r < 0 ? r : r2;
}
