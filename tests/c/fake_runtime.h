/* fake_runtime.h - see fake_runtime.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_FAKE_RUNTIME_H
#define NSR_FAKE_RUNTIME_H

#include "runtime.h"

/* Nothing is forked: starts get pids that no process can have (above the kernel's 4,194,304), every fifth fails at its execve. */
extern bool fake_runtime_dry;
#define FAKE_RUNTIME_FIRST_PID 0x40000000
extern pid_t fake_runtime_last_pid;
extern bool fake_runtime_cgroups; /* execs have one, of no use */
extern int fake_runtime_release_error; /* errno of removing an instance's layers; 0: it works */
/* Dry: one that is held fails, as one that is killed does. */
void fake_runtime_end(pid_t pid);

#endif
