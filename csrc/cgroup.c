/* cgroup.c - see cgroup.h, and nsr_cgroup_kill() and nsr_cgroup_empty() of runtime.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "runtime.h"
#include "util.h"

#define DEPTH_MAX 32 /* a container may nest its own; deeper ones are refused rather than followed for ever */
#define EMPTY_TIMEOUT_MS 2000

int nsr_cgroup_open(const char *path, struct nsr_error *e)
{
	char prefix[PATH_MAX];
	size_t length = strlen(path);
	cleanup_fd int fd = -1;
	struct statfs fs;

	if (length >= sizeof(prefix))
		return nsr_fail(e, NSR_STEP_CGROUP, ENAMETOOLONG, path);
	memcpy(prefix, path, length + 1);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 1; fd < 0 && i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		prefix[i] = '\0';
		if (mkdir(prefix, 0755) < 0 && errno != EEXIST)
			return nsr_fail(e, NSR_STEP_CGROUP, errno, prefix);
		prefix[i] = path[i];
		if (i == length)
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_CGROUP, errno, path);
	if (fstatfs(fd, &fs) < 0)
		return nsr_fail(e, NSR_STEP_CGROUP, errno, path);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return nsr_fail(e, NSR_STEP_CGROUP, EOPNOTSUPP, path);
	return steal_fd(&fd);
}

int nsr_cgroup_make(int parent_fd, const char *name, struct nsr_error *e)
{
	int fd;

	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_CGROUP, errno, name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? nsr_fail(e, NSR_STEP_CGROUP, errno, name) : fd;
}

int nsr_cgroup_events_empty(int events_fd)
{
	char text[512];
	ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);
	const char *line;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	line = strstr(text, "populated ");
	if (!line)
		return -EBADMSG;
	return line[strlen("populated ")] == '0';
}

int nsr_cgroup_empty(int cgroup_fd)
{
	cleanup_fd int events = openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int r = events < 0 ? -errno : nsr_cgroup_events_empty(events);

	return r == -ENODEV || r == -ENOENT ? 1 : r; /* removed meanwhile */
}

/* Calls each for every subdirectory; what disappears meanwhile is skipped. */
static int each_child(int cgroup_fd, int (*each)(int fd, const char *name, unsigned depth), unsigned depth)
{
	int fd = openat(cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		nsr_close(&fd);
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && nsr_is_component(entry->d_name))
			r = depth >= DEPTH_MAX ? -ELOOP : each(dirfd(dir), entry->d_name, depth + 1);
	(void)closedir(dir); /* read only */
	return r;
}

/* SIGKILL to each line of cgroup.procs. 0: nobody is left. 1: some were there. */
static int kill_members(int cgroup_fd)
{
	cleanup_fd int fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : nsr_signal_listed(fd, SIGKILL, 0); /* frozen: none ends meanwhile */

	return r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP ? 0 : r; /* removed, or threaded */
}

static int kill_tree(int cgroup_fd, unsigned depth);

static int kill_child(int parent_fd, const char *name, unsigned depth)
{
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return kill_tree(fd, depth);
}

static int kill_tree(int cgroup_fd, unsigned depth)
{
	int r = kill_members(cgroup_fd);

	return r < 0 ? r : each_child(cgroup_fd, kill_child, depth);
}

int nsr_cgroup_kill(int cgroup_fd, struct nsr_error *e)
{
	int r = nsr_force_fallback & NSR_FALLBACK_CGROUP_KILL ? -ENOENT : nsr_write_at(cgroup_fd, "cgroup.kill", "1");

	if (r == 0)
		return 0;
	if (r == -ENODEV)
		return 0; /* removed */
	if (r != -ENOENT)
		return nsr_fail(e, NSR_STEP_CGROUP_KILL, -r, "cgroup.kill");
	/* Before 5.14. Freezing is a request that running processes meet a moment later, so one may fork while the list is read (not
	 * after its SIGKILL: fork fails with a signal pending); hence several rounds. */
	(void)nsr_write_at(cgroup_fd, "cgroup.freeze", "1"); /* 5.2; without it the loop below has to do */
	for (int round = 0; round < 8; round++) {
		r = kill_tree(cgroup_fd, 0);
		if (r < 0 || nsr_cgroup_empty(cgroup_fd) == 1)
			break;
	}
	(void)nsr_write_at(cgroup_fd, "cgroup.freeze", "0"); /* a killed process leaves the freezer by itself */
	return r < 0 ? nsr_fail(e, NSR_STEP_CGROUP_KILL, -r, "cgroup.procs") : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* cgroup.events is pollable: POLLPRI when populated changes. */
static int wait_empty(int cgroup_fd)
{
	cleanup_fd int events = openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t deadline = now_ms() + EMPTY_TIMEOUT_MS;

	if (events < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	for (;;) {
		struct pollfd p = {.fd = events, .events = POLLPRI};
		char text[512];
		int64_t left = deadline - now_ms();
		ssize_t n = pread(events, text, sizeof(text) - 1, 0); /* the read arms the poll */

		if (n < 0)
			return errno == ENODEV ? 0 : -errno;
		text[n] = '\0';
		if (strstr(text, "populated 0"))
			return 0;
		if (left <= 0)
			return -EBUSY;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

static int remove_child(int parent_fd, const char *name, unsigned depth)
{
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = each_child(fd, remove_child, depth);
	if (r < 0)
		return r;
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int nsr_cgroup_remove(int parent_fd, const char *name, struct nsr_error *e)
{
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : nsr_fail(e, NSR_STEP_CGROUP_REMOVE, errno, name);
	r = nsr_cgroup_empty(fd);
	if (r == 0) {
		r = nsr_cgroup_kill(fd, e);
		if (r < 0)
			return r;
		r = wait_empty(fd);
	}
	if (r >= 0)
		r = remove_child(parent_fd, name, 0);
	return r < 0 ? nsr_fail(e, NSR_STEP_CGROUP_REMOVE, -r, name) : 0;
}

bool nsr_oom_killed(int container_cgroup_fd)
{
	char text[512];
	const char *line;

	/* Of the container's cgroup: it counts what lies below it. No file: no memory controller here, nothing is known. */
	if (container_cgroup_fd < 0 || nsr_read_at(container_cgroup_fd, "memory.events", text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "oom_kill ");
	return line && line[strlen("oom_kill ")] != '0';
}
