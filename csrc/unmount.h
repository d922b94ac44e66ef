/* unmount.h - taking mounts away before the directories that they are in.
 *
 * Containers with Bidirectional propagation mount on the host, and may end without having undone it. What lies in the pod's own volumes goes
 * with the pod. No process of a container may be left: places are found by name.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_UNMOUNT_H
#define NSR_UNMOUNT_H

/* Detaches what is mounted on <directory>/<name>; -EINVAL: nothing is. */
int nsr_unmount(const char *directory, const char *name);

/* Detaches everything that is mounted below the directory, in the caller's mount namespace. Fine when it is not there. */
int nsr_unmount_below(const char *directory);

/* The same in another mount namespace. The caller comes back to its own, at its "/". */
int nsr_unmount_below_in(int mnt_fd, const char *directory);

#endif
