/* volume_sources.c - see volume_sources.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "util.h"
#include "volume_sources.h"

static const struct {
	const char *type;
	mode_t format;
	int err; /* when it is something else */
} types[] = {
	{"Directory", S_IFDIR, ENOTDIR}, {"DirectoryOrCreate", S_IFDIR, ENOTDIR}, {"File", S_IFREG, EISDIR}, {"FileOrCreate", S_IFREG, EISDIR},
	{"Socket", S_IFSOCK, ENOTSOCK}, {"CharDevice", S_IFCHR, ENODEV}, {"BlockDevice", S_IFBLK, ENOTBLK},
};

/* Parents are made for a directory only, as the kubelet does it. */
static int create(const char *path, bool directory)
{
	cleanup_fd int fd = -1, root = -1;

	if (!directory) {
		fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);
		return fd < 0 ? -errno : 0;
	}
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = nsr_make_in(root, path, true, 0755, NULL);
	return fd < 0 ? fd : 0;
}

int nsr_host_path_check(const char *path, const char *type, struct nsr_error *e)
{
	struct stat st;

	if (!*type)
		return 0; /* looked at when it is mounted */
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i].type) != 0)
			continue;
		if (stat(path, &st) < 0) {
			int r = -errno;

			if (r == -ENOENT && strstr(type, "OrCreate"))
				r = create(path, types[i].format == S_IFDIR);
			return r < 0 ? nsr_fail(e, NSR_STEP_HOST_PATH, -r, path) : 0;
		}
		return (st.st_mode & S_IFMT) == types[i].format ? 0 : nsr_fail(e, NSR_STEP_HOST_PATH, types[i].err, path);
	}
	return nsr_fail(e, NSR_STEP_HOST_PATH, EINVAL, type);
}
