/* util.h - the small things: descriptors that close themselves, whole reads and writes, one path component.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_UTIL_H
#define NSR_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "nsr.h"

#define cleanup_fd __attribute__((cleanup(nsr_close)))
#define cleanup_free __attribute__((cleanup(nsr_free)))

/* Closes *fd unless it is negative, and makes it -1; errno stays. */
void nsr_close(int *fd);
void nsr_free(void *pointer_to_pointer);

/* The descriptor, which the caller's variable then no longer owns. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* What getdents64(2) fills a buffer with, as that page has it: libc's own name for it comes and goes (musl 1.2.4). */
struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

/* One component of a path: not empty, not "." or "..", no slash, at most NAME_MAX bytes. */
bool nsr_is_component(const char *name);

/* open(dir_fd, name) for an existing file, one write, close: procfs and cgroupfs files. 0 or -errno. */
int nsr_write_at(int dir_fd, const char *name, const char *text);
/* Reads a small file whole and NUL-terminates it. Length or -errno; -EFBIG when it does not fit. */
ssize_t nsr_read_at(int dir_fd, const char *name, char *buffer, size_t size);
/* All of it, through short writes and EINTR. */
int nsr_write_all(int fd, const void *data, size_t length);

/* Is it a descriptor of /dev/null, wherever that node lies? */
bool nsr_is_null(int fd);

/* Sends the signal to each process of an open list of pids (cgroup.procs, children), but for one. 1: there were some, 0: none, or
 * -errno. Whoever calls knows why none of them can be another's by now. */
int nsr_signal_listed(int fd, int signal, pid_t spare);

/* Parses a decimal number that is the whole string. */
int nsr_parse_u64(const char *text, uint64_t max, uint64_t *ret);

/* Decimal digits of value in buffer (at least 21 bytes); snprintf is not for the child after clone. Returns buffer. */
char *nsr_format_u64(char *buffer, uint64_t value);

/* execveat(2) of what fd is. Returns on failure, with errno. self_fds: /proc/self/fd as the caller has opened it, or -1: it becomes the
 * working directory where execveat pays no heed to descriptors (Debian's 5.10.0-32), and the program is to leave it at once. */
void nsr_exec_fd(int fd, int self_fds, const char *const *args, const char *const *env);

/* For tests: go the way of kernels and hosts that lack something, bits below, even where it is there. 0 otherwise. */
extern unsigned nsr_force_fallback;
#define NSR_FALLBACK_MOUNT_SETATTR 1u
#define NSR_FALLBACK_CGROUP_KILL 2u
#define NSR_FALLBACK_INTO_CGROUP 4u
#define NSR_FALLBACK_DUMMY 8u
#define NSR_FALLBACK_EXEC_FD 32u
#define NSR_FALLBACK_OVERLAY 16u /* a disk that holds no overlay's layer */

#endif
