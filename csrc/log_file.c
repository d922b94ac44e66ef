/* log_file.c - the files of a log: made, rotated, deleted, each below the descriptor of its directory and never through a link.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h> /* RENAME_NOREPLACE */
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "logs.h"
#include "util.h"

#define FILE_MODE 0640
#define DIRECTORY_MODE 0755
#define STAMP_LENGTH 15u /* "YYYYMMDD-HHMMSS" */

static int create_file(int dir_fd, const char *name)
{
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	if (fd < 0 || fchmod(fd, FILE_MODE) < 0) /* the umask is 077 */
		return -errno;
	return steal_fd(&fd);
}

/* The file of an instance that a dead shim had begun to start is taken over; nothing else that lies there is. */
static int reuse_file(int dir_fd, const char *name, int64_t *ret_size)
{
	struct stat st;
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -EEXIST;
	*ret_size = st.st_size;
	return steal_fd(&fd);
}

static int make_directory(int dir_fd, const char *name)
{
	bool made = mkdirat(dir_fd, name, DIRECTORY_MODE) == 0;
	cleanup_fd int fd = -1;

	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || (made && fchmod(fd, DIRECTORY_MODE) < 0))
		return -errno;
	return steal_fd(&fd);
}

/* Strings one after the other; snprintf(3) would bring the locale into every pod's memory. -ENAMETOOLONG when they do not fit. */
static int concatenate(char *buffer, size_t size, const char *const *pieces, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(pieces[i]);

		if (length >= size - used)
			return -ENAMETOOLONG;
		memcpy(buffer + used, pieces[i], length + 1);
		used += length;
	}
	return 0;
}

static int link_target(const struct nsr_log_spec *spec, char *target)
{
	const char *pieces[] = {spec->directory, "/", spec->file_name};

	return concatenate(target, PATH_MAX, pieces, 3);
}

static bool link_is_ours(const struct nsr_log_spec *spec, const char *target)
{
	char found[PATH_MAX];
	ssize_t length = readlink(spec->link, found, sizeof(found));

	return length == (ssize_t)strlen(target) && memcmp(found, target, (size_t)length) == 0;
}

static int make_link(const struct nsr_log_spec *spec)
{
	/* Not on the stack: what a stack has touched once is a pod's memory for good, and these would be two pages. */
	size_t size;
	char *target = (char *)nsr_log_buffer(&size), *parent;
	const char *slash = strrchr(spec->link, '/');
	int r = link_target(spec, target);

	if (r < 0 || spec->link[0] == '\0')
		return r;
	parent = target + strlen(target) + 1;
	if (symlink(target, spec->link) == 0)
		return 0;
	if (errno == ENOENT && slash && slash != spec->link && slash - spec->link < PATH_MAX) {
		memcpy(parent, spec->link, (size_t)(slash - spec->link));
		parent[slash - spec->link] = '\0';
		if (mkdir(parent, DIRECTORY_MODE) == 0)
			(void)chmod(parent, DIRECTORY_MODE); /* the umask is 077; log collectors need not be root */
	} else if (errno == EEXIST) {
		/* Left by an earlier pod of the same names; the id in the name makes a living one impossible. */
		if (unlink(spec->link) < 0)
			return -errno;
	} else {
		return -errno;
	}
	return symlink(target, spec->link) < 0 ? -errno : 0;
}

/* The log's directory as a name below logs_dir; NULL: it is not in there. */
static const char *name_below(const char *logs_dir, const struct nsr_log_spec *spec)
{
	size_t length = strlen(logs_dir);

	if (strncmp(spec->directory, logs_dir, length) != 0 || spec->directory[length] != '/' ||
	    !nsr_is_component(spec->directory + length + 1) || !nsr_is_component(spec->file_name))
		return NULL;
	return spec->directory + length + 1;
}

int nsr_log_open(struct nsr_log *log, int logs_fd, const char *logs_dir, const struct nsr_log_spec *spec, struct nsr_error *e)
{
	const char *name = name_below(logs_dir, spec);
	cleanup_fd int dir_fd = -1, fd = -1;
	int64_t size = 0;
	int r;

	*log = (struct nsr_log){.dir_fd = -1, .fd = -1, .max_size = -1, .rotate_at = -1};
	if (spec->directory[0] == '\0')
		return 0;
	if (!name)
		return nsr_fail(e, NSR_STEP_LOG, EINVAL, spec->directory);
	dir_fd = make_directory(logs_fd, name);
	if (dir_fd < 0)
		return nsr_fail(e, NSR_STEP_LOG, -dir_fd, spec->directory);
	fd = create_file(dir_fd, spec->file_name);
	if (fd == -EEXIST)
		fd = reuse_file(dir_fd, spec->file_name, &size);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_LOG, -fd, spec->file_name);
	r = make_link(spec);
	if (r < 0) {
		(void)unlinkat(dir_fd, spec->file_name, 0); /* nothing stays of a failed start */
		return nsr_fail(e, NSR_STEP_LOG, -r, spec->link);
	}
	log->dir_fd = steal_fd(&dir_fd);
	log->fd = steal_fd(&fd);
	log->file_name = spec->file_name;
	log->size = size;
	log->max_size = log->rotate_at = spec->max_size > 0 ? spec->max_size : -1;
	log->max_files = spec->max_files > 0 ? spec->max_files : 1;
	return 0;
}

void nsr_log_close(struct nsr_log *log)
{
	nsr_close(&log->fd);
	nsr_close(&log->dir_fd);
}

/* The rotated files of one log, seen in a scan of its directory: FILE.YYYYMMDD-HHMMSS[-N]. */
struct rotated {
	uint32_t count;
	char oldest[NAME_MAX + 1];
	char stamp[STAMP_LENGTH + 1];
	uint64_t number;
};

static bool is_rotated(const char *name, const char *file_name, char stamp[static STAMP_LENGTH + 1], uint64_t *ret_number)
{
	size_t length = strlen(file_name);
	const char *rest = name + length + 1;

	if (strncmp(name, file_name, length) != 0 || name[length] != '.' || strlen(rest) < STAMP_LENGTH)
		return false;
	for (size_t i = 0; i < STAMP_LENGTH; i++)
		if (i == 8 ? rest[i] != '-' : rest[i] < '0' || rest[i] > '9')
			return false;
	memcpy(stamp, rest, STAMP_LENGTH);
	stamp[STAMP_LENGTH] = '\0';
	*ret_number = 0;
	rest += STAMP_LENGTH;
	return *rest == '\0' || (*rest == '-' && nsr_parse_u64(rest + 1, UINT32_MAX, ret_number) == 0);
}

/* getdents64(2) itself: opendir(3) would allocate 32 KiB for each look. */
static int scan_rotated(int dir_fd, const char *file_name, struct rotated *ret)
{
	_Alignas(struct linux_dirent64) char buffer[4096];
	long size;

	ret->count = 0;
	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((size = syscall(SYS_getdents64, dir_fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < size;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);
			char stamp[STAMP_LENGTH + 1];
			uint64_t number;

			at += entry->d_reclen;
			if (!is_rotated(entry->d_name, file_name, stamp, &number))
				continue;
			if (ret->count++ > 0 && (strcmp(stamp, ret->stamp) > 0 ||
						 (strcmp(stamp, ret->stamp) == 0 && number > ret->number)))
				continue;
			memcpy(ret->oldest, entry->d_name, strlen(entry->d_name) + 1);
			memcpy(ret->stamp, stamp, sizeof(stamp));
			ret->number = number;
		}
	return size < 0 ? -errno : 0;
}

/* Deletes the oldest rotated files until no more than `keep` are left. */
static int prune(int dir_fd, const char *file_name, uint32_t keep)
{
	struct rotated rotated;
	int r;

	while ((r = scan_rotated(dir_fd, file_name, &rotated)) == 0 && rotated.count > keep)
		if (unlinkat(dir_fd, rotated.oldest, 0) < 0 && errno != ENOENT)
			return -errno;
	return r;
}

/* Gives the current file its rotated name. UTC, so that names sort across changes of the clock's zone. */
static int set_aside(struct nsr_log *log, char name[static NAME_MAX + 1])
{
	time_t now = time(NULL);
	char full[NSR_LOG_STAMP], stamp[STAMP_LENGTH + 1], number[21];
	const char *pieces[] = {log->file_name, ".", stamp, "-", number};

	nsr_log_stamp(full, now, 0);
	for (size_t from = 0, to = 0; to < STAMP_LENGTH; from++)
		if (full[from] >= '0' && full[from] <= '9')
			stamp[to++] = full[from];
		else if (full[from] == 'T')
			stamp[to++] = '-';
	stamp[STAMP_LENGTH] = '\0';
	log->rotated_count = log->rotated_second == now ? log->rotated_count + 1 : 0;
	log->rotated_second = now;
	for (;; log->rotated_count++) {
		int r;

		(void)nsr_format_u64(number, log->rotated_count);
		r = concatenate(name, NAME_MAX + 1, pieces, log->rotated_count > 0 ? 5 : 3);
		if (r < 0)
			return r;
		if (syscall(SYS_renameat2, log->dir_fd, log->file_name, log->dir_fd, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

void nsr_log_rotate(struct nsr_log *log)
{
	char name[NAME_MAX + 1];
	int fd;

	/* When it does not work it is tried again after as much output: never for each line, and the log goes on meanwhile. */
	log->rotate_at = log->size + log->max_size;
	if (set_aside(log, name) < 0)
		return;
	fd = create_file(log->dir_fd, log->file_name);
	if (fd < 0) {
		(void)renameat(log->dir_fd, name, log->dir_fd, log->file_name);
		return;
	}
	nsr_close(&log->fd);
	log->fd = fd;
	log->size = 0;
	log->rotate_at = log->max_size;
	(void)prune(log->dir_fd, log->file_name, log->max_files - 1); /* what cannot be deleted now is at the next rotation */
}

int nsr_log_remove(int logs_fd, const char *logs_dir, const struct nsr_log_spec *spec, struct nsr_error *e)
{
	char target[PATH_MAX];
	const char *name = name_below(logs_dir, spec);
	cleanup_fd int dir_fd = -1;
	int r;

	if (!name) /* nsr_log_open() has made nothing there */
		return 0;
	dir_fd = openat(logs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd < 0)
		return errno == ENOENT ? 0 : nsr_fail(e, NSR_STEP_REMOVE, errno, spec->directory);
	r = prune(dir_fd, spec->file_name, 0);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_REMOVE, -r, spec->directory);
	if (unlinkat(dir_fd, spec->file_name, 0) < 0 && errno != ENOENT)
		return nsr_fail(e, NSR_STEP_REMOVE, errno, spec->file_name);
	if (spec->link[0] != '\0' && link_target(spec, target) == 0 && link_is_ours(spec, target) && unlink(spec->link) < 0 &&
	    errno != ENOENT)
		return nsr_fail(e, NSR_STEP_REMOVE, errno, spec->link);
	return 0;
}
