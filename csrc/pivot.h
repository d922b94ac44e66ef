/* pivot.h - another root for the calling process's own mount namespace; nothing of the old one stays.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_PIVOT_H
#define NSR_PIVOT_H

#include "nsr.h"

/* root_fd: the root of an attached mount. The working directory is "/" afterwards. */
int nsr_pivot(int root_fd, struct nsr_error *e);

#endif
