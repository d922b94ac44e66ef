/* remove_tree.c - recursive removal of what containers could write: by descriptors, following nothing, on one file system.
 *
 * Whatever a racing writer puts in the place of a name between the look and the removal: a link is unlinked itself, a directory of
 * another device is refused, and a name is only ever taken below a descriptor that was opened with O_NOFOLLOW (CVE-2017-1002102).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime.h"
#include "util.h"

#define PASSES_MAX 64 /* a writer that keeps adding files gets so many chances */
#define DEPTH_MAX 48 /* levels held open at a time; below, the way down is taken again for each directory */

/* 0: gone, 1: a directory that is not empty, negative: errno. */
static int remove_name(int parent_fd, const char *name)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -errno;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	return errno == ENOTDIR ? 0 : -errno; /* swapped meanwhile: the next pass sees it */
}

/* -ENOENT: no directory any more (gone, or a link or a file by now). */
static int open_directory(int parent_fd, const char *name, dev_t device)
{
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_dev == device ? steal_fd(&fd) : -EXDEV;
}

static int clear_directory(int fd, dev_t device, int depth);
static int clear_deep(int fd, dev_t device);

/* One reading of the directory. Returns how many entries could not be removed at once; their contents are gone now. */
static int clear_pass(int fd, dev_t device, int depth)
{
	_Alignas(struct linux_dirent64) char buffer[2048];
	int left = 0;
	long n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);
			int r, child;

			at += entry->d_reclen;
			if (!nsr_is_component(entry->d_name))
				continue;
			r = remove_name(fd, entry->d_name);
			if (r == 0)
				continue;
			if (r < 0)
				return r;
			child = open_directory(fd, entry->d_name, device);
			if (child == -ENOENT) {
				left = 1;
				continue;
			}
			if (child < 0)
				return child;
			r = depth < DEPTH_MAX ? clear_directory(child, device, depth + 1) : clear_deep(child, device);
			nsr_close(&child);
			if (r == 0)
				r = remove_name(fd, entry->d_name);
			if (r < 0)
				return r;
			left |= r;
		}
	return n < 0 ? -errno : left;
}

static int clear_directory(int fd, dev_t device, int depth)
{
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		int r = clear_pass(fd, device, depth);

		if (r <= 0)
			return r;
	}
	return -EBUSY;
}

/* Removes what needs no descending; copies the name of one subdirectory that does. 1: there is one. */
static int sweep(int fd, char *ret_name)
{
	_Alignas(struct linux_dirent64) char buffer[2048];
	int found = 0;
	long n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);
			int r;

			at += entry->d_reclen;
			if (!nsr_is_component(entry->d_name))
				continue;
			r = remove_name(fd, entry->d_name);
			if (r < 0)
				return r;
			if (r == 1 && !found) {
				memcpy(ret_name, entry->d_name, strlen(entry->d_name) + 1);
				found = 1;
			}
		}
	return n < 0 ? -errno : found;
}

/* Any depth with two descriptors: down to a directory without subdirectories, and again from here until nothing is left. */
static int clear_deep(int top_fd, dev_t device)
{
	for (int rounds = 0; rounds < 1 << 16; rounds++) {
		char name[NAME_MAX + 1];
		cleanup_fd int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = fd < 0 ? -errno : sweep(fd, name);

		if (r <= 0)
			return r;
		while (r == 1) {
			int next = open_directory(fd, name, device);

			if (next == -ENOENT)
				break;
			if (next < 0)
				return next;
			nsr_close(&fd);
			fd = next;
			r = sweep(fd, name);
			if (r < 0)
				return r;
		}
	}
	return -EBUSY;
}

int nsr_remove_tree(int dir_fd, const char *name, struct nsr_error *e)
{
	int r = nsr_is_component(name) ? 1 : -EINVAL;

	for (int pass = 0; r > 0 && pass < PASSES_MAX; pass++) {
		cleanup_fd int fd = -1;
		struct stat st;

		r = remove_name(dir_fd, name);
		if (r <= 0)
			break;
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0) {
			if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
				r = -errno;
			continue;
		}
		r = clear_directory(fd, st.st_dev, 0);
		if (r == 0)
			r = 1; /* now the directory itself */
	}
	if (r == 0)
		return 0;
	return nsr_fail(e, NSR_STEP_REMOVE, r < 0 ? -r : EBUSY, name);
}
