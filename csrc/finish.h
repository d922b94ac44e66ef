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
	unsigned heard; /* words that have been said on it */
	bool held; /* until NSR_WORD_GO */
	const struct nsr_container_spec *spec; /* credentials, cwd, rlimits */
	const char *const *args, *const *env; /* NULL-terminated */
	bool tty;
	unsigned rows, columns;
	int stdio[3]; /* without tty */
};

/* First steps of every child (security.md 3b 1-4): not dumpable, dies with the shim, oom_score_adj, session, umask 0. shims_end is
 * the child's copy of the channel's other end, and is closed. */
int nsr_begin(int channel, int shims_end, int64_t oom_score_adj, struct nsr_error *e);

/* Step 8: an anonymous session keyring. */
int nsr_join_keyring(struct nsr_error *e);

/* Steps 14-26. Does not return: execve, or a report on the channel and _exit(127). */
_Noreturn void nsr_finish(const struct nsr_finish *f);

/* The same in a pid namespace in which others are: they see whoever is in it, and with CAP_SYS_PTRACE can look into it and make it do what
 * they want, whatever it says about being dumped (CVE-2016-9962). So all that takes the host's rights, root or descriptors is done
 * outside, 1-22, by a caller whose children go there; the program's process is born last, as what the program will be. */
_Noreturn void nsr_finish_born(const struct nsr_finish *f);

/* Tells the shim and ends. */
_Noreturn void nsr_die(int channel, const struct nsr_error *e);

#endif
