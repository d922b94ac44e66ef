/* util.c - see util.h. Everything here may run between clone and exec: no allocation, no stdio, no locale.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"

unsigned nsr_force_fallback;

const char *nsr_step_name(int step)
{
	static const char *const names[] = {
#define NSR_X(name, text) [NSR_STEP_##name] = (text),
		NSR_STEPS(NSR_X)
#undef NSR_X
	};

	return step >= 0 && step < NSR_STEP_COUNT ? names[step] : "unknown step";
}

int nsr_fail(struct nsr_error *e, enum nsr_step step, int err, const char *path)
{
	size_t length;

	if (!e)
		return -err;
	e->step = (int32_t)step;
	e->err = err;
	memset(e->path, 0, sizeof(e->path));
	if (!path)
		return -err;
	length = strlen(path);
	if (length < sizeof(e->path))
		memcpy(e->path, path, length);
	else {
		/* The end of a path says more than its beginning. */
		memcpy(e->path, "...", 3);
		memcpy(e->path + 3, path + length - (sizeof(e->path) - 4), sizeof(e->path) - 4);
	}
	return -err;
}

void nsr_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing could be done about a failure, and Linux has closed it all the same */
	*fd = -1;
	errno = saved;
}

void nsr_free(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	free(*pointer);
	*pointer = NULL;
}

bool nsr_is_component(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MAX || strchr(name, '/'))
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int nsr_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

int nsr_write_at(int dir_fd, const char *name, const char *text)
{
	size_t length = strlen(text);
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* One write: procfs and cgroupfs take each write as a whole value. */
	n = write(fd, text, length);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

ssize_t nsr_read_at(int dir_fd, const char *name, char *buffer, size_t size)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;

	if (fd < 0)
		return -errno;
	while (length < size) {
		ssize_t n = read(fd, buffer + length, size - length);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0) {
			buffer[length] = '\0';
			return (ssize_t)length;
		}
		length += (size_t)n;
	}
	return -EFBIG;
}

bool nsr_is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

int nsr_signal_listed(int fd, int signal, pid_t spare)
{
	char text[512];
	pid_t pid = 0;
	int found = 0;
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			/* There is a blank or a newline behind each. 0: of a pid namespace that is not ours. */
			if (pid > 0 && pid != spare) {
				found = 1;
				if (kill(pid, signal) < 0 && errno != ESRCH)
					return -errno;
			}
			pid = 0;
		}
	}
	return found;
}

int nsr_parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9)
			return -EINVAL;
		if (digit > max || value > (max - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret = value;
	return 0;
}

char *nsr_format_u64(char *buffer, uint64_t value)
{
	char reversed[20];
	size_t n = 0;

	do
		reversed[n++] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	for (size_t i = 0; i < n; i++)
		buffer[i] = reversed[n - 1 - i];
	buffer[n] = '\0';
	return buffer;
}

void nsr_exec_fd(int fd, int self_fds, const char *const *args, const char *const *env)
{
	char number[21];

	if (nsr_force_fallback & NSR_FALLBACK_EXEC_FD)
		errno = ENOENT;
	else
		(void)syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH);
	if (errno == ENOENT && self_fds >= 0 && fchdir(self_fds) == 0)
		(void)syscall(SYS_execve, nsr_format_u64(number, (uint64_t)fd), args, env);
}
