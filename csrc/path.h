/* path.h - paths that somebody else may have a hand in, resolved to descriptors that stay put.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_PATH_H
#define NSR_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nsr.h"

/* openat2 (5.6). RESOLVE_IN_ROOT and RESOLVE_BENEATH may say EAGAIN when somebody renames meanwhile: tried again, not for ever. */
int nsr_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve);

/* O_PATH descriptor of what `path` names for a process whose root is root_fd: links followed inside, never out. */
int nsr_open_in(int root_fd, const char *path, uint64_t flags);

/* The same, and what is missing is made on the way: directories 0755, at the end a directory of `mode` or an empty file. The umask
 * must be 0. What a dangling link leads to is made inside the root. *ret_made (may be NULL) tells whether the last component is new. */
int nsr_make_in(int root_fd, const char *path, bool directory, mode_t mode, bool *ret_made);

/* The same with every link and every way up refused: for places that we fill ourselves (/proc, /dev) and for subPath (BENEATH). */
int nsr_make_resolved(int root_fd, const char *path, bool directory, mode_t mode, uint64_t resolve, bool *ret_made);

/* Does `path` lie at or below `above`, after "//", "/." and "/x/.." are taken away? Both absolute; no links are looked at. */
bool nsr_path_below(const char *path, const char *above);

/* "/proc/self/fd/<fd>" in buffer (at least NSR_FD_PATH bytes): for system calls that take only paths. */
#define NSR_FD_PATH 40
const char *nsr_fd_path(char *buffer, int fd);

#endif
