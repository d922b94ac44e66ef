/* target.h - the pid namespace of another container, for one that is to look into it (targetContainerName).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_TARGET_H
#define NSR_TARGET_H

#include "nsr.h"

/* The caller's further children go to the pid namespace of the process behind pidfd, its /proc is in *ret_proc: a context of fsopen() that
 * nobody has configured yet. The caller stays outside: it is in a container's making, with the host's rights, and others are in there. */
int nsr_target_join(int pidfd, int64_t oom_score_adj, int *ret_proc, struct nsr_error *e);

#endif
