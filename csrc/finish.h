/* finish.h - the last steps before execve, the same for a container's first process and for every exec: the place where run
 * times forget things is the exec path.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_FINISH_H
#define NSR_FINISH_H

#include <stdbool.h>

#include "spec.h"

struct nsr_finish {
	int channel;
	const struct nsr_container_spec *spec; /* credentials, cwd, rlimits */
	const char *const *args, *const *env; /* NULL-terminated */
	bool tty;
	unsigned rows, columns;
	int stdio[3]; /* without tty */
};

/* First steps of every child (security.md 3b 1-4): not dumpable, dies with the shim, oom_score_adj, session, umask 0. shims_end is
 * the child's copy of the channel's other end, and is closed. */
int nsr_begin(int channel, int shims_end, int64_t oom_score_adj, struct nsr_error *e);

/* The two halves of it: while the host's /proc is there; and in the process itself, where nothing is closed when shims_end is -1. */
int nsr_set_oom_score_adj(int64_t value, struct nsr_error *e);
int nsr_begin_alone(int channel, int shims_end, struct nsr_error *e);

/* Step 8: an anonymous session keyring. */
int nsr_join_keyring(struct nsr_error *e);

/* Steps 14-26. Does not return: execve, or a report on the channel and _exit(127). */
_Noreturn void nsr_finish(const struct nsr_finish *f);

/* The two halves of it, for a process that is born between them: 14-22, which returns with neither rights nor descriptors left that the
 * program will not have, or not at all; and the rest, in the leader of a session. */
void nsr_finish_prepare(const struct nsr_finish *f);
_Noreturn void nsr_finish_run(const struct nsr_finish *f);

#define NSR_FINISH_CHANNEL 3 /* where the channel is between the two */

/* Tells the shim and ends. */
_Noreturn void nsr_die(int channel, const struct nsr_error *e);

#endif
