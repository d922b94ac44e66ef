/* native.h - functions for the Python extension that the shim does not need; ffi.cdef.h documents them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_NATIVE_H
#define NSR_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#include "nsr.h"

extern const int nsr_step_count;

struct nsr_wire_name {
	const char *name;
	int number;
	int payload; /* enum nsr_payload; tags only */
};
const struct nsr_wire_name *nsr_wire_kind(int index);
const struct nsr_wire_name *nsr_wire_tag(int index);
int nsr_spec_check(int kind, const void *data, size_t size, struct nsr_error *e);

int nsr_shim_spawn(int shim_memfd, int pause_memfd, int listen_fd, struct nsr_error *e);

struct nsr_spawn {
	const char *const *args;
	const char *const *env;
	const char *cwd;
	const char *root;
	uint64_t unshare;
	uint64_t join;
	int join_pidfd;
	const int *ns_fds;
	size_t ns_fds_count;
	int cgroup_fd;
	int stdin_fd, stdout_fd, stderr_fd;
	int set_ids;
	uint32_t user, group;
	const uint32_t *groups;
	size_t groups_count;
	int no_new_privs;
	int pdeathsig;
};
int nsr_spawn(const struct nsr_spawn *spec, int *ret_pid, int *ret_pidfd, struct nsr_error *e);
int nsr_unshare(int flags);
int nsr_setns(int fd, int flags);
int nsr_sockets_at(int pidfd, int domain, int type, int protocol, int count, int *ret_fds);
int nsr_pidfd_pid(int pidfd);

enum nsr_talk_step {
	NSR_TALK_CONNECT,
	NSR_TALK_SEND,
	NSR_TALK_WATCH,
	NSR_TALK_WAIT,
};
int nsr_talk_begin(int fd, int family, const char *ip, int port, const char *request, size_t size, int epoll_fd, int known, int *ret_step);
int nsr_talk_answer(int fd, char *buffer, size_t size, int *ret_status, int *ret_parted);
int nsr_http_whole(const char *data, size_t size);

int nsr_inotify_open(void);
int nsr_inotify_add(int fd, const char *directory, uint32_t mask);
int nsr_inotify_remove(int fd, int watch);

int nsr_probe_pidfd(void);
int nsr_probe_openat2(void);
int nsr_probe_clone_into_cgroup(int cgroup_fd);
int nsr_probe_mount_setattr(void);
int nsr_probe_close_range(void);
int nsr_probe_namespaces(uint64_t flags);
int nsr_probe_overlay(const char *directory);
int nsr_probe_cgroup_kill(int cgroup_fd);
int nsr_probe_device_filter(int cgroup_fd);
int nsr_probe_dummy(void);

#endif
