/* nsr.h - what every file of the C library shares: error reports, descriptors, byte helpers.
 *
 * Conventions (docs/design.md): functions return >= 0 or -errno and never log, never exit; out-parameters are ret_* and
 * untouched on failure; descriptors first, paths second, everything O_CLOEXEC; only main() files may die.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_H
#define NSR_H

#include <stddef.h>
#include <stdint.h>

#include "steps.h"

/* The triple that becomes nsrunner.errors.SandboxError: which step, which errno, which path. */
struct nsr_error {
	int32_t step; /* enum nsr_step */
	int32_t err;  /* positive errno, 0: none */
	char path[248]; /* NUL-terminated, cut at the front with "..." when longer */
};

/* Fills *e and returns -err, so that callers can `return nsr_fail(e, NSR_STEP_..., errno, path);` */
int nsr_fail(struct nsr_error *e, enum nsr_step step, int err, const char *path);

#endif
