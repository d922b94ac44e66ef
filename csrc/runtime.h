/* runtime.h - what the shim asks of the code that makes sandboxes, containers and execs: the seam between policy-free
 * book-keeping (shim.c and its files) and the system calls (pod.c, container.c, exec.c ...).
 *
 * Everything that starts a process is asynchronous: *_spawn() clones and returns at once; the caller polls `channel` and calls
 * nsr_spawned_read() whenever it is readable, until that says running or failed. The set-up happens in the child, so the
 * shim's loop never waits for a mount.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_RUNTIME_H
#define NSR_RUNTIME_H

#include <stdbool.h>
#include <sys/types.h>

#include "nsr.h"
#include "spec.h" /* struct nsr_sandbox_spec, nsr_container_spec, nsr_exec_spec: pointers into the mapped memfd + arrays */

/* The pod as the shim holds it. Descriptors are -1 when there is none. */
struct nsr_pod {
	const struct nsr_sandbox_spec *spec;
	int pause_exe; /* sealed memfd of nsrunner-pause */
	int run_fd, state_fd, logs_fd; /* the pod's directories */
	int cgroup_fd; /* <cgroup>, -1: no cgroup2 */
	int host_mnt_fd; /* the host's mount namespace (Bidirectional sources are cloned there) */
	int files_fd, shm_fd; /* detached-from-the-host tmpfs in the shim's mount namespace */
	int pause_pidfd; /* from its clone on */
	pid_t pause_pid; /* 0: its namespaces are not complete, or there is none */
};

/* A process on its way to execve. */
struct nsr_spawned {
	int channel; /* SEQPACKET socket, non-blocking */
	pid_t pid; /* child of the shim, in the shim's pid namespace; another one's when `ready`, if the first has set up the world for it; 0: that
		    * one has ended, and the other has not said who it is */
	int pidfd; /* of pid */
	int console; /* pty master when the spec says tty, -1 until known */
	int cgroup_fd; /* of a container: <pod>/<name>.<attempt>, of pause: <pod>/pause; -1: none, or an exec's, which its caller has */
	bool ready; /* the child has said that nothing but execve is left: EOF now means that it succeeded */
};

/* A running container, as exec needs it. */
struct nsr_container {
	const struct nsr_container_spec *spec; /* stays mapped while the container lives */
	pid_t pid;
	int pidfd;
	int cgroup_fd; /* <pod>/<name>.<attempt>, the parent of main and exec-N */
};

/* What a container on its way may have to be told before it goes on. */
enum nsr_word {
	NSR_WORD_SANDBOX = 1, /* pause's namespaces are complete: of one that was spawned before that */
	NSR_WORD_GO = 2, /* its program may run: of one that is held */
};

enum nsr_progress { NSR_FAILED = -1, NSR_RUNNING = 0, NSR_PENDING = 1 };

/* What pause needs: the shim's own mount namespace (slave of the host's), the run directory, the cgroup. Blocking, but short; called
 * once per sandbox attempt (volumes and directories of an earlier attempt are kept and used again).
 * On failure what was made stays for the next attempt; nsr_pod_close(forget) removes it. */
int nsr_pod_open(struct nsr_pod *pod, const struct nsr_sandbox_spec *spec, struct nsr_error *e);

/* What the containers need, made while pause sets itself up: the other directories, tmpfs, generated files, volumes. The caller
 * closes the pod when it fails. */
int nsr_pod_fill(struct nsr_pod *pod, struct nsr_error *e);

/* Pause in its new namespaces: lo up, eth0, hostname, sysctls, then execveat of pause_exe. */
int nsr_pause_spawn(struct nsr_pod *pod, struct nsr_spawned *ret, struct nsr_error *e);

/* One container instance. target: a running one whose pid namespace it joins; NULL: none. stdio are the shim's ends' peers (pipes or
 * /dev/null); ignored with a tty. Pause may still be in the making, unless its pid namespace is the containers', too: then the rest of the
 * world waits for NSR_WORD_SANDBOX. `held`: all is made, but nothing of the container's is run before NSR_WORD_GO. */
int nsr_container_spawn(struct nsr_pod *pod, const struct nsr_container_spec *spec, const struct nsr_container *target, const int stdio[3],
			bool held, struct nsr_spawned *ret, struct nsr_error *e);
void nsr_spawned_tell(struct nsr_spawned *s, enum nsr_word word);

/* Makes a cgroup for one, exec-<number>. *ret is -1 where there are no cgroups. */
int nsr_exec_cgroup(const struct nsr_container *target, uint64_t number, int *ret, struct nsr_error *e);

/* One more process in a running container. The cgroup is the caller's, as is what happens to it. */
int nsr_exec_spawn(const struct nsr_container *target, const struct nsr_exec_spec *spec, int cgroup_fd, const int stdio[3],
		   struct nsr_spawned *ret, struct nsr_error *e);

/* Takes what the channel holds. NSR_RUNNING: execve succeeded and pid, pidfd (and console) are known; NSR_FAILED: *e says why (the
 * process has exited or will; it must still be reaped when pid is known); NSR_PENDING: poll again. Never blocks. */
enum nsr_progress nsr_spawned_read(struct nsr_spawned *s, struct nsr_error *e);
void nsr_spawned_close(struct nsr_spawned *s); /* closes what is left of its descriptors */

/* /dev/null, opened. The pod's own: root in a container can change the mode of what it has a descriptor of, and the host's must not
 * be it. */
int nsr_pod_null(const struct nsr_pod *pod, int flags);

/* The termination log of an instance: last 4096 bytes of the file that was bound into it. Returns the length. */
ssize_t nsr_termination_message(struct nsr_pod *pod, const struct nsr_container_spec *spec, char *buffer, size_t size);
/* True when the kernel reported an OOM kill in the instance's cgroup (memory.events), false when it cannot be known. */
bool nsr_oom_killed(int container_cgroup_fd);

/* After the instance is dead: its writable layer, termination log and cgroup. */
int nsr_container_release(struct nsr_pod *pod, const struct nsr_container_spec *spec, struct nsr_error *e);
/* After an exec is dead: its cgroup, unless there is something in it: -EBUSY. */
int nsr_exec_vacate(const struct nsr_container *target, uint64_t number);
/* The same, and what is left in it is killed first. */
int nsr_exec_release(const struct nsr_container *target, uint64_t number, struct nsr_error *e);
/* Removes the cgroups of execs in which nobody is left, but for those that runs() tells of: their process may not be in it yet.
 * Returns how many stay. */
int nsr_exec_sweep(const struct nsr_container *target, bool (*runs)(uint64_t number, void *arg), void *arg);
/* After every process is dead: the sandbox's cgroup and descriptors; with `forget` also tmpfs, volumes and all directories. */
int nsr_pod_close(struct nsr_pod *pod, bool forget, struct nsr_error *e);

/* Work in a child of the caller, out of the way of its loop. */
struct nsr_aside {
	pid_t pid; /* 0: none */
	struct nsr_error *told; /* memory of both; err 0: nothing has been told */
};

/* Calls work(arg, e) in a copy of the caller, which has no descriptors but the pod's and dies with the caller. Its end is the caller's to
 * reap: status 0, or 1 when it failed and *told says why. */
int nsr_aside_spawn(struct nsr_aside *aside, const struct nsr_pod *pod, int (*work)(void *arg, struct nsr_error *e), void *arg,
		    struct nsr_error *e);
void nsr_aside_close(struct nsr_aside *aside); /* after it is reaped */

/* cgroup.kill, or freeze + signal every process + thaw before 5.14; sub-cgroups too. */
int nsr_cgroup_kill(int cgroup_fd, struct nsr_error *e);
/* 1: no process left below it, 0: some, negative: errno. */
int nsr_cgroup_empty(int cgroup_fd);
int nsr_cgroup_events_empty(int events_fd); /* the same by its cgroup.events, opened; -ENODEV: it is removed */

/* Recursive, by descriptors only, no links followed, same device; ENOENT is success (security.md: CVE-2017-1002102). */
int nsr_remove_tree(int dir_fd, const char *name, struct nsr_error *e);

#endif
