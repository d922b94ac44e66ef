/* clone.h - new processes: raw clone3 with a pidfd, straight into a cgroup, and into another process's pid namespace.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CLONE_H
#define NSR_CLONE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nsr.h"

/* A clone to be made, and what became of it; the child sees its own copy. */
struct nsr_clone {
	uint64_t flags; /* in: CLONE_NEW* */
	int cgroup_fd; /* in: -1: stay in the caller's cgroup */
	int pid_ns_of; /* in: pidfd of a process below whose pid namespace the child's own (CLONE_NEWPID) shall be, -1: the caller's */
	pid_t pid; /* out, in the caller's pid namespace */
	int pidfd; /* out, CLOEXEC */
	bool in_cgroup; /* out: false: the child must join by itself, nsr_clone_join_cgroup() */
};

/* Runs child(arg), which must not return, in a new process; its parent is the caller and its exit signal SIGCHLD. No atfork handlers
 * run and no libc state is touched: the caller has one thread, or the child calls nothing but system calls. All signals are
 * blocked around the clone and stay blocked in the child. */
int nsr_clone(struct nsr_clone *c, void (*child)(void *arg), void *arg, struct nsr_error *e);

/* First step of a child: joins c->cgroup_fd where the clone itself could not (older kernels, threaded cgroups). */
int nsr_clone_join_cgroup(const struct nsr_clone *c, struct nsr_error *e);

/* Pid of the process behind a pidfd, as the caller's pid namespace numbers it; -ESRCH when it is gone. */
pid_t nsr_pidfd_pid(int pidfd);

#endif
