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

#define LINKS_MAX 40 /* as the kernel (path_resolution(7)) */

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

/* Makes the component `name` of the directory and opens it; what is there by now may be another's. -EEXIST: a link that leads
 * nowhere is in its place. */
static int make_component(int parent_fd, const char *name, bool directory, mode_t mode, bool *ret_made)
{
	int fd;

	if (directory) {
		if (mkdirat(parent_fd, name, mode) < 0 && errno != EEXIST)
			return -errno;
		*ret_made = true;
		fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? (errno == ENOTDIR ? -EEXIST : -errno) : fd;
	}
	fd = openat(parent_fd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	nsr_close(&fd);
	*ret_made = true;
	fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A walk along a path whose end, or more of it, may have to be made. */
struct walk {
	int root_fd;
	uint64_t resolve;
	bool directory, made;
	mode_t mode;
	char path[PATH_MAX];
	size_t length; /* of path */
	size_t begin, end; /* of the component that is looked at; everything before `begin` exists */
};

/* The next component of w->path. False at its end. */
static bool advance(struct walk *w)
{
	for (w->begin = w->end; w->begin < w->length && w->path[w->begin] == '/'; w->begin++)
		;
	for (w->end = w->begin; w->end < w->length && w->path[w->end] != '/'; w->end++)
		;
	return w->begin < w->end;
}

static bool is_last(const struct walk *w)
{
	return w->end + strspn(w->path + w->end, "/") == w->length;
}

/* Puts what the link says in the place of its name, so that what it leads to is made: /etc/resolv.conf often leads to a file in /run.
 * As every step it is resolved inside the root; the text only says what to look for. */
static int follow_link(struct walk *w, int parent_fd, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(parent_fd, name, target, sizeof(target));
	size_t rest_length = w->length - w->end, at;

	if (n < 0)
		return errno == EINVAL ? -ENOENT : -errno;
	at = target[0] == '/' ? 0 : w->begin;
	if ((size_t)n + at + rest_length >= sizeof(w->path))
		return -ENAMETOOLONG;
	memcpy(rest, w->path + w->end, rest_length);
	memcpy(w->path + at, target, (size_t)n);
	memcpy(w->path + at + n, rest, rest_length);
	w->length = at + (size_t)n + rest_length;
	w->path[w->length] = '\0';
	w->end = 0; /* from the top */
	return 0;
}

/* One component: opened, or made. -EEXIST: a dangling link. */
static int step(struct walk *w, int parent_fd, const char *name)
{
	char end = w->path[w->end];
	int fd;

	/* The whole prefix each time: links in it are resolved against the root, not against the directory they lie in. */
	w->path[w->end] = '\0';
	fd = nsr_openat2(w->root_fd, w->path, O_PATH, w->resolve);
	w->path[w->end] = end;
	w->made = false;
	if (fd != -ENOENT)
		return fd;
	if (!nsr_is_component(name)) /* ".." of what was there a moment ago */
		return -ENOENT;
	return make_component(parent_fd, name, w->directory || !is_last(w), is_last(w) ? w->mode : 0755, &w->made);
}

static int walk(struct walk *w)
{
	cleanup_fd int parent_fd = nsr_openat2(w->root_fd, ".", O_PATH | O_DIRECTORY, w->resolve);
	int links = 0;

	if (parent_fd < 0)
		return parent_fd;
	while (advance(w)) {
		char name[NAME_MAX + 1];
		int fd;

		if (w->end - w->begin > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, w->path + w->begin, w->end - w->begin);
		name[w->end - w->begin] = '\0';
		fd = step(w, parent_fd, name);
		if (fd == -EEXIST) {
			if (w->resolve != RESOLVE_IN_ROOT || ++links > LINKS_MAX)
				return links > LINKS_MAX ? -ELOOP : -ENOENT;
			fd = follow_link(w, parent_fd, name);
			if (fd < 0)
				return fd;
			fd = nsr_openat2(w->root_fd, ".", O_PATH | O_DIRECTORY, w->resolve);
		}
		if (fd < 0)
			return fd;
		nsr_close(&parent_fd);
		parent_fd = fd;
	}
	return steal_fd(&parent_fd);
}

int nsr_make_resolved(int root_fd, const char *path, bool directory, mode_t mode, uint64_t resolve, bool *ret_made)
{
	struct walk w = {.root_fd = root_fd, .resolve = resolve, .directory = directory, .mode = mode, .length = strlen(path)};
	int fd = nsr_openat2(root_fd, path, O_PATH, resolve);

	if (fd == -ENOENT) {
		if (w.length >= sizeof(w.path))
			return -ENAMETOOLONG;
		memcpy(w.path, path, w.length + 1);
		fd = walk(&w);
	}
	if (ret_made && fd >= 0)
		*ret_made = w.made;
	return fd;
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
