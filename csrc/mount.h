/* mount.h - the new mount API (5.2), by descriptors only; what mount_setattr (5.12) does is done by mount(2) before.
 *
 * Order that every kernel since 5.10 accepts: make a detached mount, attach it where it belongs in the caller's own mount
 * namespace, then change it. (Cloning a detached mount, or attaching one below a detached one, works on recent kernels only.)
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_MOUNT_H
#define NSR_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#ifndef MOUNT_ATTR_RDONLY
#include <linux/mount.h> /* a libc that does not know the new mount API: musl, glibc before 2.36 */
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000 /* linux/fcntl.h, which libc's fcntl.h does not bear */
#endif

#include "nsr.h"

/* fsopen + fsconfig + fsmount. options: key, value, key, value, NULL; a NULL value is a flag. attr: MOUNT_ATTR_*. */
int nsr_mount_new(const char *type, const char *const *options, unsigned attr);

/* The same of what fsopen() has given. */
int nsr_mount_made_of(int context, const char *const *options, unsigned attr);

/* A detached copy of what fd (O_PATH) names; it keeps its propagation. fd must be of the caller's mount namespace. */
int nsr_mount_clone(int fd, bool recursive);

/* move_mount onto what target_fd names. */
int nsr_mount_attach(int mount_fd, int target_fd);

/* Adds MOUNT_ATTR_{RDONLY,NOSUID,NODEV,NOEXEC} to an attached mount, to those below it too when recursive. */
int nsr_mount_restrict(int mount_fd, unsigned attr, bool recursive);

/* MS_PRIVATE, MS_SLAVE or MS_SHARED for an attached mount and those below it. */
int nsr_mount_propagate(int mount_fd, unsigned long propagation);

/* Bind of source_fd onto target_fd with attr: clone, attach, restrict. Returns the mount's descriptor. */
int nsr_mount_bind(int source_fd, int target_fd, bool recursive, unsigned attr);

#endif
