/* remove_tree.c - recursive removal of what containers could write: by descriptors, following nothing, on one file system.
 *
 * Whatever a racing writer puts in the place of a name between the look and the removal: a link is unlinked itself, a directory of
 * another device is refused, and a name is only ever taken below a descriptor that was opened with O_NOFOLLOW (CVE-2017-1002102).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime.h"
#include "util.h"

#define PASSES_MAX 64 /* see struct level */

/* One directory on the way down. Two descriptors are open however deep it goes: up again it is by "..", which must be the directory that
 * the way down came through.
 *
 * A pass reads a directory once and either removes an entry or empties what it stands for, and then removes it. So one is enough and a
 * second finds nothing, unless the file system counts entries to tell positions (tmpfs before 6.6): then removals move the others up and
 * up to half of those that are left are passed over, and as many passes do as the number of entries has bits. More than PASSES_MAX it
 * takes only if somebody goes on adding files.
 */
struct level {
	ino_t inode;
	off_t position; /* where the entry that was descended into is read again */
	ino_t below; /* that entry; 0: this pass has met none yet */
	unsigned passes;
};

struct walk {
	dev_t device;
	struct level *levels;
	size_t depth, capacity;
};

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

/* Reads on in this pass. 1: *ret_name is a directory that must be emptied first. 0: the pass is at its end. */
static int sweep(int fd, struct level *level, char ret_name[static NAME_MAX + 1])
{
	_Alignas(struct linux_dirent64) char buffer[2048];
	off_t position = level->position;
	long n;

	if (lseek(fd, position, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);
			int r;

			at += entry->d_reclen;
			level->position = position;
			position = entry->d_off;
			if (!nsr_is_component(entry->d_name))
				continue;
			r = remove_name(fd, entry->d_name);
			if (r < 0)
				return r;
			if (r == 0 || entry->d_ino == level->below) /* refilled behind our back: the next pass has it */
				continue;
			level->below = entry->d_ino;
			memcpy(ret_name, entry->d_name, strlen(entry->d_name) + 1);
			return 1;
		}
	return n < 0 && errno != ENOENT ? -errno : 0; /* ENOENT: somebody else has removed the directory itself */
}

static int push(struct walk *walk, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (walk->depth == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 32;
		struct level *levels = realloc(walk->levels, capacity * sizeof(*levels));

		if (!levels)
			return -ENOMEM;
		walk->levels = levels;
		walk->capacity = capacity;
	}
	walk->levels[walk->depth++] = (struct level){.inode = st.st_ino};
	return 0;
}

/* The directory that the one of *fd lies in. -ESTALE: another one than that where it was found. */
static int go_up(struct walk *walk, int *fd)
{
	cleanup_fd int parent = open_directory(*fd, "..", walk->device);
	struct stat st;

	if (parent < 0)
		return parent == -EXDEV ? -ESTALE : parent;
	if (fstat(parent, &st) < 0)
		return -errno;
	walk->depth--;
	if (st.st_ino != walk->levels[walk->depth - 1].inode)
		return -ESTALE;
	nsr_close(fd);
	*fd = steal_fd(&parent);
	return 0;
}

/* Empties the directory of *fd, which is another's in the end. */
static int clear_below(struct walk *walk, int *fd)
{
	char name[NAME_MAX + 1];
	int r = push(walk, *fd);

	while (r == 0) {
		struct level *level = &walk->levels[walk->depth - 1];
		int child;

		r = sweep(*fd, level, name);
		if (r < 0)
			break;
		if (r == 0) {
			if (level->below) { /* not everything was gone when this pass came by */
				r = ++level->passes < PASSES_MAX ? 0 : -EBUSY;
				level->below = 0;
				level->position = 0;
			} else if (walk->depth == 1) {
				return 0;
			} else {
				r = go_up(walk, fd);
			}
			continue;
		}
		child = open_directory(*fd, name, walk->device);
		r = child == -ENOENT ? 0 : child < 0 ? child : push(walk, child); /* ENOENT: swapped, the next pass sees it */
		if (child >= 0) {
			nsr_close(fd);
			*fd = child;
		}
	}
	return r;
}

static int clear_directory(int fd, dev_t device)
{
	struct walk walk = {.device = device};
	cleanup_fd int here = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = here < 0 ? -errno : clear_below(&walk, &here);

	free(walk.levels);
	return r;
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
		r = clear_directory(fd, st.st_dev);
		if (r == 0 || r == -ESTALE) /* now the directory itself; or somebody moves directories about: from the top again */
			r = 1;
	}
	if (r == 0)
		return 0;
	return nsr_fail(e, NSR_STEP_REMOVE, r < 0 ? -r : EBUSY, name);
}
