/* probe.c - what this kernel and host can do, tried out: nsrunner doctor's questions. What changes a process is tried in a short-lived child.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "device_filter.h"
#include "mount.h"
#include "native.h"
#include "netlink.h"
#include "path.h"
#include "runtime.h"
#include "util.h"

int nsr_probe_pidfd(void)
{
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd < 0 ? -errno : 1;
}

int nsr_probe_openat2(void)
{
	cleanup_fd int fd = nsr_openat2(AT_FDCWD, "/", O_PATH, RESOLVE_IN_ROOT);

	return fd < 0 ? fd : 1;
}

int nsr_probe_mount_setattr(void)
{
	struct mount_attr nothing = {0};

	/* EBADF: the call is there and did not like the descriptor. */
	if (syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &nothing, sizeof(nothing)) == 0)
		return 1;
	return errno == ENOSYS ? -ENOSYS : 1;
}

int nsr_probe_close_range(void)
{
	/* An empty range changes nothing. */
	return syscall(SYS_close_range, ~0u, ~0u, 0u) < 0 ? -errno : 1;
}

int nsr_probe_cgroup_kill(int cgroup_fd)
{
	return faccessat(cgroup_fd, "cgroup.kill", W_OK, 0) < 0 ? -errno : 1;
}

int nsr_probe_device_filter(int cgroup_fd)
{
	return nsr_device_filter_probe(cgroup_fd);
}

struct probe {
	int (*try)(const struct probe *p);
	uint64_t flags;
	const char *path;
};

static void probe_child(void *arg)
{
	const struct probe *p = arg;
	int r = p->try(p);

	/* errno fits an exit status; 0 is yes. */
	_exit(r < 0 ? -r : 0);
}

/* Runs try() in a child with copies of everything. */
static int in_child(const struct probe *p, uint64_t clone_flags, int cgroup_fd)
{
	struct probe copy = *p;
	struct nsr_clone c = {.flags = clone_flags, .cgroup_fd = cgroup_fd, .pid_ns_of = -1};
	struct nsr_error e;
	int status, r = nsr_clone(&c, probe_child, &copy, &e);

	if (r < 0)
		return r;
	nsr_close(&c.pidfd);
	while (waitpid(c.pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	if (cgroup_fd >= 0 && !c.in_cgroup)
		return -EOPNOTSUPP;
	if (!WIFEXITED(status))
		return -EINTR;
	return WEXITSTATUS(status) ? -WEXITSTATUS(status) : 1;
}

static int try_nothing(const struct probe *p)
{
	(void)p; /* being there is all */
	return 0;
}

int nsr_probe_clone_into_cgroup(int cgroup_fd)
{
	const struct probe p = {.try = try_nothing};

	return in_child(&p, 0, cgroup_fd);
}

int nsr_probe_namespaces(uint64_t flags)
{
	const struct probe p = {.try = try_nothing};

	return in_child(&p, flags, -1);
}

static int try_dummy(const struct probe *p)
{
	struct nsr_error e;
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "eth0"};
	int r = nsr_network_setup("192.0.2.1/32", &e);

	(void)p; /* no parameter */
	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	/* Of what could stand in for it, nothing does without ARP. */
	return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_NOARP) ? 0 : -EOPNOTSUPP;
}

int nsr_probe_dummy(void)
{
	const struct probe p = {.try = try_dummy};

	return in_child(&p, CLONE_NEWNET, -1);
}

/* An overlay of an empty directory, unmounted with the namespace. */
static int try_overlay(const struct probe *p)
{
	static const char *const names[] = {"lower", "upper", "work"};
	char path[3][NSR_FD_PATH];
	const char *const options[] = {"lowerdir", path[0], "upperdir", path[1], "workdir", path[2], NULL};
	cleanup_fd int base = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int fds[3];

	if (base < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		if (mkdirat(base, names[i], 0700) < 0)
			return -errno;
		fds[i] = openat(base, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* until _exit */
		if (fds[i] < 0)
			return -errno;
		(void)nsr_fd_path(path[i], fds[i]);
	}
	fd = nsr_mount_new("overlay", options, 0);
	return fd < 0 ? fd : 0;
}

int nsr_probe_overlay(const char *directory)
{
	static const char name[] = ".nsrunner-probe";
	char path[4096];
	struct probe p = {.try = try_overlay, .path = path};
	cleanup_fd int base = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct nsr_error e;
	size_t length = strlen(directory);
	int r;

	if (base < 0)
		return -errno;
	if (length + 1 + sizeof(name) > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, directory, length);
	path[length] = '/';
	memcpy(path + length + 1, name, sizeof(name));
	r = nsr_remove_tree(base, name, &e); /* of a probe that was killed */
	if (r == 0 && mkdirat(base, name, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = in_child(&p, CLONE_NEWNS, -1);
	(void)nsr_remove_tree(base, name, &e); /* the answer is known; the next probe tries again */
	return r;
}
