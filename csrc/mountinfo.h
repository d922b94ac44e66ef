/* mountinfo.h - what only /proc/self/mountinfo (proc(5)) tells: which mounts lie below one (for kernels without recursive
 * mount_setattr), and whether one is shared.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_MOUNTINFO_H
#define NSR_MOUNTINFO_H

#include <stddef.h>
#include <stdint.h>

#include "nsr.h"

/* Calls each(path relative to the mount, the mount's id, arg) for every mount below what mount_fd names, in the order of mountinfo: also
 * for those that are hidden, under another mount on their place or above it, whose path leads elsewhere. Stops at the first negative answer
 * and returns it. Reads in pieces, so any number of mounts is fine; needs the host's /proc. */
int nsr_mountinfo_below(int mount_fd, int (*each)(const char *relative, uint64_t id, void *arg), void *arg);

/* The id, as the lines have it, of the mount that fd lies on. */
int nsr_mountinfo_id(int fd, uint64_t *ret);

/* 1: the mount that fd lies on is shared with a peer group, 0: it is not. In the caller's mount namespace. */
int nsr_mountinfo_is_shared(int fd);

/* One line taken apart in place: the mount point with its \ooo escapes resolved. NULL when malformed. */
char *nsr_mountinfo_point(char *line);

#endif
