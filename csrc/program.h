/* program.h - the last two things before a program runs: signals as the kernel gives them to its first process, and execve with PATH.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_PROGRAM_H
#define NSR_PROGRAM_H

#include "nsr.h"

/* All handlers default (what a parent ignores stays ignored across execve: Python ignores SIGPIPE), nothing blocked. */
int nsr_reset_signals(struct nsr_error *e);

/* execve. args[0] without a slash is tried in every directory of env's PATH, as the user that the process is. Returns on failure only. */
int nsr_run_program(const char *const *args, const char *const *env, struct nsr_error *e);

#endif
