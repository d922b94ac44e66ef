/* fake_runtime.h - see fake_runtime.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_FAKE_RUNTIME_H
#define NSR_FAKE_RUNTIME_H

#include "runtime.h"

/* Nothing is forked: every start fails on its way to execve, as with a missing program. */
extern bool fake_runtime_dry;

#endif
