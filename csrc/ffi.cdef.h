/* ffi.cdef.h - what Python sees of the C library (nsrunner/sandbox/native.py is the only importer of nsrunner._native).
 * Every function returns >= 0 or -errno; those with an nsr_error also say at which step and path. None of them needs the GIL.
 * SPDX-License-Identifier: Apache-2.0
 */

struct nsr_error {
	int32_t step;
	int32_t err;
	char path[248];
};

/* Text of a step, "unknown step" out of range; numbers run from 0 to NSR_STEP_COUNT - 1. */
const char *nsr_step_name(int step);
extern const int nsr_step_count;

/* The tables of the wire format by index from 0; NULL behind the last. payload: 0 U32, 1 U64, 2 I64, 3 STRING, 4 BYTES, 5 BLOCK (tags only). */
struct nsr_wire_name {
	const char *name;
	int number;
	int payload;
};
const struct nsr_wire_name *nsr_wire_kind(int index);
const struct nsr_wire_name *nsr_wire_tag(int index);
#define NSR_WIRE_MAGIC ...
#define NSR_WIRE_VERSION ...
#define NSR_MESSAGE_MAX ...
#define NSR_SPEC_MAX ...

/* Decodes a spec (bytes of a whole envelope) and forgets it: 0, or what the shim would say. kind: 1 sandbox, 2 container, 3 exec. */
int nsr_spec_check(int kind, const void *data, size_t size, struct nsr_error *e);

/* Starts a shim: descriptor 3 is the listening socket, 4 the pause memfd, 0-2 /dev/null; empty environment, cwd "/", umask 077, a session of
 * its own, default signals. It is nobody's child (init's): there is nothing to reap. Returns its pid, for messages only. */
int nsr_shim_spawn(int shim_memfd, int pause_memfd, int listen_fd, struct nsr_error *e);

/* One program in given namespaces: the library's primitive. */
struct nsr_spawn {
	const char *const *args; /* NULL-terminated; args[0] without a slash is looked up in PATH of env */
	const char *const *env; /* NULL-terminated */
	const char *cwd; /* NULL: left alone ("/" after joining a mount namespace) */
	const char *root; /* NULL: left alone; a directory to pivot to, in the joined or a new mount namespace (CLONE_NEWNS in unshare) */
	uint64_t unshare; /* CLONE_NEW* to create, after joining */
	uint64_t join; /* CLONE_NEW* to join of the process behind join_pidfd */
	int join_pidfd; /* -1: none */
	const int *ns_fds; /* namespace descriptors to join, in this order */
	size_t ns_fds_count;
	int cgroup_fd; /* directory of a cgroup2 to be born in, -1: the caller's */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
	int set_ids; /* 1: user, group and groups below */
	uint32_t user, group;
	const uint32_t *groups;
	size_t groups_count;
	int no_new_privs;
	int pdeathsig; /* 0: none; signal when the calling thread ends */
};
/* The process is a child of the caller and must be waited for. It runs its program when this returns 0. */
int nsr_spawn(const struct nsr_spawn *spec, int *ret_pid, int *ret_pidfd, struct nsr_error *e);

/* unshare(2) and setns(2) as they are: THEY CHANGE THE CALLING THREAD. */
int nsr_unshare(int flags);
int nsr_setns(int fd, int flags);

/* A socket that lives in the network namespace of the process behind pidfd. The calling thread goes there and comes back; should
 * coming back fail the process is aborted, as the thread would be lost in the pod. */
int nsr_sockets_at(int pidfd, int domain, int type, int protocol, int count, int *ret_fds);

/* The pid that a pidfd stands for, -ESRCH when it is gone. */
int nsr_pidfd_pid(int pidfd);

/* An exchange of one request and one response on a nonblocking TCP socket. Connects it, sends the request and has the epoll set tell once,
 * by the descriptor, when it can be read; known: the socket has been in that set before. Returns the bytes that were sent, or -errno, and
 * the step that came next: all went well with NSR_TALK_WAIT alone. */
enum nsr_talk_step {
	NSR_TALK_CONNECT,
	NSR_TALK_SEND,
	NSR_TALK_WATCH,
	NSR_TALK_WAIT,
	...
};
int nsr_talk_begin(int fd, int family, const char *ip, int port, const char *request, size_t size, int epoll_fd, int known, int *ret_step);
/* Reads once. Returns the bytes, 0 at the end, or -errno; and the status when they are a whole response of the plainest kind, otherwise 0.
 * parted: the connection has ended on both sides, and nsr_talk_begin() can make the next one of the same socket. */
int nsr_talk_answer(int fd, char *buffer, size_t size, int *ret_status, int *ret_parted);
/* The status of a response that is there from its first byte to its last (of which a probe takes notice: 10 KiB of the body), has one
 * Content-Length, is no redirect and leaves no doubt; 0: read it with more care. */
int nsr_http_whole(const char *data, size_t size);

/* inotify(7): an instance (IN_NONBLOCK), the number of a watch of a directory (IN_ONLYDIR is added to the mask), its end. */
int nsr_peer_pid(int fd);
int nsr_inotify_open(void);
int nsr_inotify_add(int fd, const char *directory, uint32_t mask);
int nsr_inotify_remove(int fd, int watch);

/* What this kernel and host can do, tried out (in a short-lived child where needed): 1 yes, otherwise -errno of what failed. */
int nsr_probe_pidfd(void);
int nsr_probe_openat2(void);
int nsr_probe_clone_into_cgroup(int cgroup_fd);
int nsr_probe_mount_setattr(void);
int nsr_probe_close_range(void);
int nsr_probe_namespaces(uint64_t flags); /* CLONE_NEW* */
int nsr_probe_overlay(const char *directory); /* upper layer in that directory */
int nsr_probe_cgroup_kill(int cgroup_fd);
int nsr_probe_device_filter(int cgroup_fd);
int nsr_probe_dummy(void); /* a dummy network device in a new namespace */

/* Empties and removes; see csrc/runtime.h. */
int nsr_cgroup_kill(int cgroup_fd, struct nsr_error *e);
int nsr_cgroup_empty(int cgroup_fd);
int nsr_cgroup_remove(int parent_fd, const char *name, struct nsr_error *e);
int nsr_remove_tree(int dir_fd, const char *name, struct nsr_error *e);
int nsr_unmount_below(const char *directory);
