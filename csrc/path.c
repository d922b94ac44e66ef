/* path.c - see path.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "path.h"
#include "util.h"

int nsr_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};

	for (int tries = 0; tries < 64; tries++) {
		long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int nsr_open_in(int root_fd, const char *path, uint64_t flags)
{
	return nsr_openat2(root_fd, path, flags | O_PATH, RESOLVE_IN_ROOT);
}

/* Makes the component `name` of the directory and opens it; what is there by now may be another's, but it is no link. */
static int make_component(int parent_fd, const char *name, bool directory, mode_t mode, bool *ret_made)
{
	int fd;

	if (directory) {
		if (mkdirat(parent_fd, name, mode) < 0 && errno != EEXIST)
			return -errno;
		*ret_made = true;
		fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* EEXIST and then a link: it dangled when it was looked up. */
		return fd < 0 ? (errno == ENOTDIR ? -ENOENT : -errno) : fd;
	}
	fd = openat(parent_fd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0)
		return errno == EEXIST ? -ENOENT : -errno;
	nsr_close(&fd);
	*ret_made = true;
	fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int nsr_make_resolved(int root_fd, const char *path, bool directory, mode_t mode, uint64_t resolve, bool *ret_made)
{
	char prefix[PATH_MAX];
	cleanup_fd int parent_fd = -1;
	size_t length = strlen(path), at = 0;
	bool made = false;
	int fd = nsr_openat2(root_fd, path, O_PATH, resolve);

	if (fd != -ENOENT) {
		if (ret_made && fd >= 0)
			*ret_made = false;
		return fd;
	}
	if (length >= sizeof(prefix))
		return -ENAMETOOLONG;
	parent_fd = nsr_openat2(root_fd, ".", O_PATH | O_DIRECTORY, resolve);
	if (parent_fd < 0)
		return parent_fd;
	while (at < length) {
		char name[NAME_MAX + 1];
		size_t begin, end, last;

		for (begin = at; begin < length && path[begin] == '/'; begin++)
			;
		for (end = begin; end < length && path[end] != '/'; end++)
			;
		for (last = end; last < length && path[last] == '/'; last++)
			;
		at = last;
		if (begin == end)
			break;
		if (end - begin > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path + begin, end - begin);
		name[end - begin] = '\0';
		/* The whole prefix each time: links in it are resolved against the root, not against the directory they lie in. */
		memcpy(prefix, path, end);
		prefix[end] = '\0';
		fd = nsr_openat2(root_fd, prefix, O_PATH | (last < length ? O_DIRECTORY : 0), resolve);
		made = false;
		if (fd == -ENOENT) {
			if (!nsr_is_component(name)) /* ".." of what was not there a moment ago */
				return -ENOENT;
			fd = make_component(parent_fd, name, directory || last < length, last < length ? 0755 : mode, &made);
		}
		if (fd < 0)
			return fd;
		nsr_close(&parent_fd);
		parent_fd = fd;
	}
	if (ret_made)
		*ret_made = made;
	return steal_fd(&parent_fd);
}

int nsr_make_in(int root_fd, const char *path, bool directory, mode_t mode, bool *ret_made)
{
	return nsr_make_resolved(root_fd, path, directory, mode, RESOLVE_IN_ROOT, ret_made);
}

/* The next component of the path, with "." skipped. False at the end. */
static bool next_component(const char **path, const char **ret, size_t *ret_length)
{
	for (;;) {
		size_t length;

		while (**path == '/')
			(*path)++;
		length = strcspn(*path, "/");
		if (length == 0)
			return false;
		*ret = *path;
		*ret_length = length;
		*path += length;
		if (length != 1 || **ret != '.')
			return true;
	}
}

bool nsr_path_below(const char *path, const char *above)
{
	const char *wanted[16], *component;
	size_t wanted_length[16], length, depth = 0, have = 0, matched = 0;

	while (depth < 16 && next_component(&above, &wanted[depth], &wanted_length[depth]))
		depth++;
	/* have: how deep we are; matched: how many of the first components are those of `above`. */
	while (next_component(&path, &component, &length)) {
		if (length == 2 && component[0] == '.' && component[1] == '.') {
			have -= have > 0;
			if (matched > have)
				matched = have;
			continue;
		}
		if (matched == have && have < depth && length == wanted_length[have] && memcmp(component, wanted[have], length) == 0)
			matched++;
		have++;
	}
	return matched == depth;
}

const char *nsr_fd_path(char *buffer, int fd)
{
	static const char prefix[] = "/proc/self/fd/";

	memcpy(buffer, prefix, sizeof(prefix));
	nsr_format_u64(buffer + sizeof(prefix) - 1, (uint64_t)fd);
	return buffer;
}
