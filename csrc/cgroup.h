/* cgroup.h - directories of a cgroup2 hierarchy: made, emptied, removed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CGROUP_H
#define NSR_CGROUP_H

#include "nsr.h"

/* Opens <path>, making what is missing of it; it must lie in a cgroup2 hierarchy (EOPNOTSUPP otherwise). O_RDONLY|O_DIRECTORY. */
int nsr_cgroup_open(const char *path, struct nsr_error *e);

/* Makes and opens one child; one that is there already is used. */
int nsr_cgroup_make(int parent_fd, const char *name, struct nsr_error *e);

/* Kills everything in <parent>/<name>, waits (at most two seconds) until it is empty and removes it with all below it. ENOENT is
 * success. */
int nsr_cgroup_remove(int parent_fd, const char *name, struct nsr_error *e);

#endif
