/* steps.h - the table of steps, shared by C and Python (nsr_step_name() is exported): one line a step.
 * Order is free; add a step where it belongs in the life of a container. The supervisor decides which step means which
 * waiting reason (supervisor/perform.py).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_STEPS_H
#define NSR_STEPS_H

#define NSR_STEPS(X) \
	X(NONE, "none") \
	X(SPEC, "read spec") \
	X(MEMORY, "allocate memory") \
	X(PIPE, "make pipes") \
	X(SOCKET, "make socket") \
	X(CLONE, "clone") \
	X(SHIM_EXEC, "run the shim") \
	X(PAUSE_EXEC, "run the pause process") \
	X(DUMPABLE, "set dumpable") \
	X(PDEATHSIG, "set parent death signal") \
	X(SETSID, "make session") \
	X(OOM_SCORE_ADJ, "set oom_score_adj") \
	X(CGROUP, "make cgroup") \
	X(CGROUP_JOIN, "join cgroup") \
	X(CGROUP_KILL, "kill cgroup") \
	X(CGROUP_REMOVE, "remove cgroup") \
	X(DEVICE_FILTER, "attach device filter") \
	X(UNSHARE, "unshare namespaces") \
	X(SETNS, "join namespaces") \
	X(CGROUP_NS, "unshare cgroup namespace") \
	X(HOSTNAME, "set hostname") \
	X(LINK_UP, "set network link up") \
	X(LINK_ADD, "add network link") \
	X(ADDRESS, "add network address") \
	X(SYSCTL, "set sysctl") \
	X(KEYRING, "join session keyring") \
	X(TARGET, "join the target container") \
	X(PROPAGATION, "set mount propagation") \
	X(DIRECTORY, "make directory") \
	X(FILE, "write file") \
	X(VOLUME, "make volume") \
	X(HOST_PATH, "check hostPath") \
	X(ROOT, "mount root") \
	X(SUBMOUNT, "mount host file system") \
	X(MOUNT_SOURCE, "open mount source") \
	X(SUB_PATH, "resolve subPath") \
	X(MOUNT_TARGET, "resolve mount target") \
	X(MOUNT, "mount") \
	X(MOUNT_PROC, "mount /proc") \
	X(MOUNT_SYS, "mount /sys") \
	X(MOUNT_CGROUP, "mount /sys/fs/cgroup") \
	X(MOUNT_DEV, "mount /dev") \
	X(MOUNT_MQUEUE, "mount /dev/mqueue") \
	X(MASK, "mask path") \
	X(READONLY_PATH, "make path read-only") \
	X(PIVOT_ROOT, "pivot_root") \
	X(READONLY_ROOT, "make root read-only") \
	X(CONSOLE, "open console") \
	X(STDIO, "set standard streams") \
	X(ATTACH, "attach") \
	X(CHDIR, "change to working directory") \
	X(RLIMIT, "set resource limit") \
	X(CLOSE_RANGE, "close descriptors") \
	X(CAPABILITIES, "set capabilities") \
	X(GROUPS, "set groups") \
	X(GID, "set group") \
	X(UID, "set user") \
	X(NO_NEW_PRIVS, "set no_new_privs") \
	X(SECCOMP, "install seccomp filter") \
	X(SIGNALS, "reset signals") \
	X(LOG, "open log") \
	X(TERMINATION_LOG, "make termination log") \
	X(TIMEOUT, "wait for the process to start") \
	X(DIED, "wait for the process to start: it died") \
	X(GONE, "find the container") \
	X(SIGNAL, "signal process") \
	X(REMOVE, "remove directory") \
	X(EXEC, "exec") \
	X(EXEC_LOOKUP, "find executable in PATH")

enum nsr_step {
#define NSR_X(name, text) NSR_STEP_##name,
	NSR_STEPS(NSR_X)
#undef NSR_X
	NSR_STEP_COUNT
};

/* Text of a step; "unknown step" out of range. */
const char *nsr_step_name(int step);

#endif
