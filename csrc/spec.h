/* spec.h - specs as C sees them: nsrunner/sandbox/spec.py after the journey through wire.h.
 *
 * A spec is one allocation: the struct and its lists; strings and bytes point into the mapped memfd, which stays mapped until
 * nsr_*_spec_free(). What the decoder checked: every name is one path component, every path is absolute, every number in its
 * range; whoever uses a spec relies on that.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_SPEC_H
#define NSR_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include "nsr.h"
#include "wire_reader.h"

/* Where the memory of a spec is; not for users. */
struct nsr_spec_memory {
	void *map; /* NULL: decoded from the caller's memory */
	size_t size;
};

struct nsr_sysctl {
	const char *name, *value;
};

struct nsr_volume {
	uint32_t kind; /* enum nsr_volume_kind */
	const char *name;
	const char *path, *type; /* hostPath */
	uint64_t size; /* tmpfs: bytes, 0: the kernel's default */
};

struct nsr_file {
	const char *name, *target;
	struct nsr_bytes content;
	uint32_t mode;
};

struct nsr_sandbox_spec {
	const char *uid;
	uint32_t attempt;
	const char *run_dir, *state_dir, *logs_dir, *links_dir; /* links_dir "": no links */
	uint32_t owner_pid; /* 0: a daemon's */
	uint64_t owner_start; /* clock ticks since boot */
	uint32_t network, ipc, pid_mode; /* enum nsr_ns */
	const char *hostname, *address; /* "": none */
	struct nsr_sysctl *sysctls;
	uint32_t sysctls_count;
	struct nsr_volume *volumes;
	uint32_t volumes_count;
	struct nsr_file *files;
	uint32_t files_count;
	uint64_t shm_size;
	const char *cgroup; /* "": no cgroup2 */
	int64_t oom_score_adj;
	struct nsr_spec_memory memory;
};

struct nsr_submount {
	const char *path;
	uint32_t overlay;
};

struct nsr_root {
	const char *lower;
	uint32_t read_only;
	struct nsr_submount *submounts;
	uint32_t submounts_count;
	const char **privates;
	uint32_t privates_count;
};

struct nsr_mount {
	uint32_t kind; /* enum nsr_mount_kind */
	const char *source, *target;
	const char *name; /* of the volume, for messages */
	const char *sub_path; /* "": none */
	uint32_t read_only, recursive; /* recursive: read-only below, too */
	uint32_t propagation; /* enum nsr_propagation */
	uint32_t create; /* a missing source becomes a directory 0755 */
	uint64_t size; /* tmpfs */
	uint32_t mode; /* tmpfs */
};

struct nsr_credentials {
	uint32_t user, group;
	uint32_t *supplementary;
	uint32_t supplementary_count;
	uint64_t bounding, permitted, ambient;
	uint32_t no_new_privs;
	struct nsr_bytes seccomp; /* struct sock_filter[]; length 0: unconfined */
	uint32_t seccomp_flags;
};

struct nsr_rlimit {
	uint32_t resource;
	uint64_t soft, hard;
};

struct nsr_log_spec {
	const char *directory; /* "": no log */
	const char *file_name, *link;
	int64_t max_size;
	uint32_t max_files;
};

struct nsr_container_spec {
	const char *name, *id;
	uint32_t attempt;
	struct nsr_root root;
	const char **args; /* NULL-terminated, at least one */
	uint32_t args_count;
	const char **env; /* NULL-terminated; NULL when there are none */
	uint32_t env_count;
	const char *cwd;
	struct nsr_mount *mounts;
	uint32_t mounts_count;
	const char **masked;
	uint32_t masked_count;
	const char **readonly;
	uint32_t readonly_count;
	struct nsr_credentials credentials;
	uint32_t privileged;
	struct nsr_rlimit *rlimits;
	uint32_t rlimits_count;
	int64_t oom_score_adj;
	uint32_t tty, stdin_open, stdin_once;
	struct nsr_log_spec log;
	const char *termination_path; /* "": none */
	const char *target; /* id of the container whose pid namespace it joins; "": none */
	struct nsr_spec_memory memory;
};

struct nsr_exec_spec {
	const char *container_id;
	const char **args;
	uint32_t args_count;
	const char **env;
	uint32_t env_count;
	uint32_t tty, rows, columns;
	uint64_t timeout_ms;
	uint64_t output_limit;
	uint32_t attached;
	struct nsr_spec_memory memory;
};

/* Maps a sealed memfd (all four seals, at most NSR_SPEC_MAX bytes) and decodes it. The descriptor is the caller's still.
 * -EBADMSG: malformed; -EINVAL: well-formed, but a value is out of range (path names it); -EPERM: not sealed. */
int nsr_sandbox_spec_open(int memfd, struct nsr_sandbox_spec **ret, struct nsr_error *e);
int nsr_container_spec_open(int memfd, struct nsr_container_spec **ret, struct nsr_error *e);
int nsr_exec_spec_open(int memfd, struct nsr_exec_spec **ret, struct nsr_error *e);

/* The same from memory, which must outlive the spec (tests, fuzzing). */
int nsr_sandbox_spec_decode(const void *data, size_t size, struct nsr_sandbox_spec **ret, struct nsr_error *e);
int nsr_container_spec_decode(const void *data, size_t size, struct nsr_container_spec **ret, struct nsr_error *e);
int nsr_exec_spec_decode(const void *data, size_t size, struct nsr_exec_spec **ret, struct nsr_error *e);

/* The same of a copy, which goes with the spec. */
int nsr_exec_spec_copy(struct nsr_bytes bytes, struct nsr_exec_spec **ret, struct nsr_error *e);

void nsr_sandbox_spec_free(struct nsr_sandbox_spec *spec);
void nsr_container_spec_free(struct nsr_container_spec *spec);
void nsr_exec_spec_free(struct nsr_exec_spec *spec);

#endif
