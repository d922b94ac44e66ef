/* mountinfo.c - see mountinfo.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mountinfo.h"
#include "path.h"
#include "util.h"

/* Space, tab, newline and backslash are written as \040 and so on. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in;) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
			in += 4;
		} else
			*out++ = *in++;
	}
	*out = '\0';
}

char *nsr_mountinfo_point(char *line)
{
	char *end;

	/* id, parent, major:minor, root, mount point */
	for (int field = 0; field < 4; field++) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	end = strchr(line, ' ');
	if (!end)
		return NULL;
	*end = '\0';
	unescape(line);
	return *line == '/' ? line : NULL;
}

/* Calls each(line, arg) for every line until one answers other than 0, which is returned. In pieces: any number of mounts is fine. */
static int each_line(int (*each)(char *line, void *arg), void *arg)
{
	char buffer[2 * PATH_MAX + 512];
	cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t have = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		char *line = buffer, *end;
		ssize_t n = read(fd, buffer + have, sizeof(buffer) - 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return have == 0 ? 0 : -EBADMSG;
		have += (size_t)n;
		buffer[have] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			int r;

			*end = '\0';
			r = each(line, arg);
			if (r != 0)
				return r;
		}
		have -= (size_t)(line - buffer);
		if (have == sizeof(buffer) - 1)
			return -EFBIG;
		memmove(buffer, line, have);
	}
}

/* The first field. */
static int line_id(const char *line, uint64_t *ret)
{
	char text[24];
	size_t length = strcspn(line, " ");

	if (length >= sizeof(text))
		return -EBADMSG;
	memcpy(text, line, length);
	text[length] = '\0';
	return nsr_parse_u64(text, UINT64_MAX, ret);
}

struct below {
	const char *base;
	size_t base_length;
	int (*each)(const char *relative, uint64_t id, void *arg);
	void *arg;
};

static int visit_below(char *line, void *arg)
{
	const struct below *b = arg;
	const char *point;
	uint64_t id;
	int r;

	if (line_id(line, &id) < 0)
		return -EBADMSG;
	point = nsr_mountinfo_point(line);
	if (!point)
		return -EBADMSG;
	if (strncmp(point, b->base, b->base_length) != 0 || point[b->base_length] != '/' || !point[b->base_length + 1])
		return 0;
	r = b->each(point + b->base_length + 1, id, b->arg);
	return r < 0 ? r : 0;
}

int nsr_mountinfo_below(int mount_fd, int (*each)(const char *relative, uint64_t id, void *arg), void *arg)
{
	char base[PATH_MAX], path[NSR_FD_PATH];
	struct below b = {base, 0, each, arg};
	ssize_t n = readlink(nsr_fd_path(path, mount_fd), base, sizeof(base) - 1);

	if (n < 0)
		return -errno;
	base[n] = '\0';
	b.base_length = n == 1 ? 0 : (size_t)n; /* "/" */
	return each_line(visit_below, &b);
}

#define SHARED 1
#define NOT_SHARED 2

static int visit_shared(char *line, void *arg)
{
	const uint64_t *wanted = arg;
	char *options;
	uint64_t id;

	if (line_id(line, &id) < 0)
		return -EBADMSG;
	if (id != *wanted)
		return 0;
	/* Optional fields lie before " - ". */
	options = strstr(line, " - ");
	if (options)
		*options = '\0';
	return strstr(line, " shared:") ? SHARED : NOT_SHARED;
}

int nsr_mountinfo_id(int fd, uint64_t *ret)
{
	/* struct statx of linux/stat.h, whose later fields not every libc knows: stx_mask lies at 0, stx_mnt_id at 144. */
	uint64_t st[256 / sizeof(uint64_t)] = {0};
	const uint32_t mnt_id = 0x1000; /* STATX_MNT_ID, 5.8 */

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mnt_id, st) < 0)
		return -errno;
	if (!(st[0] & mnt_id))
		return -EOPNOTSUPP;
	*ret = st[144 / sizeof(uint64_t)];
	return 0;
}

int nsr_mountinfo_is_shared(int fd)
{
	uint64_t id;
	int r = nsr_mountinfo_id(fd, &id);

	if (r < 0)
		return r;
	r = each_line(visit_shared, &id);
	return r < 0 ? r : r == SHARED;
}
