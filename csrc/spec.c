/* spec.c - the shapes of the three specs, and what must hold of their values.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "spec.h"
#include "util.h"

#define MEMBERS(type, ...) static const struct nsr_member type##_members[] = {__VA_ARGS__}; \
	static const struct nsr_shape type##_shape = NSR_SHAPE(struct type, type##_members)
#define ONE(name, member, kind) NSR_ONE(struct THIS, name, member, kind)
#define ONE_BLOCK(name, member, of) NSR_ONE_BLOCK(struct THIS, name, member, &of##_shape)
#define LIST(name, member, kind) NSR_LIST(struct THIS, name, member, kind)
#define LIST_BLOCK(name, member, of) NSR_LIST_BLOCK(struct THIS, name, member, &of##_shape)

#define THIS nsr_sysctl
MEMBERS(nsr_sysctl, ONE(NAME, name, STRING), ONE(VALUE, value, STRING));
#undef THIS
#define THIS nsr_volume
MEMBERS(nsr_volume, ONE(KIND, kind, U32), ONE(NAME, name, STRING), ONE(PATH, path, STRING), ONE(TYPE, type, STRING),
	ONE(SIZE, size, U64));
#undef THIS
#define THIS nsr_file
MEMBERS(nsr_file, ONE(NAME, name, STRING), ONE(TARGET, target, STRING), ONE(CONTENT, content, BYTES), ONE(MODE, mode, U32));
#undef THIS
#define THIS nsr_sandbox_spec
MEMBERS(nsr_sandbox_spec, ONE(UID, uid, STRING), ONE(ATTEMPT, attempt, U32), ONE(RUN_DIR, run_dir, STRING),
	ONE(STATE_DIR, state_dir, STRING), ONE(LOGS_DIR, logs_dir, STRING), ONE(LINKS_DIR, links_dir, STRING),
	ONE(OWNER_PID, owner_pid, U32), ONE(OWNER_START, owner_start, U64), ONE(NETWORK, network, U32), ONE(IPC, ipc, U32),
	ONE(PID_MODE, pid_mode, U32), ONE(HOSTNAME, hostname, STRING), ONE(ADDRESS, address, STRING),
	LIST_BLOCK(SYSCTL, sysctls, nsr_sysctl), LIST_BLOCK(VOLUME, volumes, nsr_volume), LIST_BLOCK(FILE, files, nsr_file),
	ONE(SHM_SIZE, shm_size, U64), ONE(CGROUP, cgroup, STRING), ONE(OOM_SCORE_ADJ, oom_score_adj, I64));
#undef THIS
#define THIS nsr_submount
MEMBERS(nsr_submount, ONE(PATH, path, STRING), ONE(OVERLAY, overlay, U32));
#undef THIS
#define THIS nsr_root
MEMBERS(nsr_root, ONE(LOWER, lower, STRING), ONE(READ_ONLY, read_only, U32), LIST_BLOCK(SUBMOUNT, submounts, nsr_submount),
	LIST(PRIVATE, privates, STRING));
#undef THIS
#define THIS nsr_mount
MEMBERS(nsr_mount, ONE(KIND, kind, U32), ONE(SOURCE, source, STRING), ONE(TARGET, target, STRING), ONE(NAME, name, STRING),
	ONE(SUB_PATH, sub_path, STRING), ONE(READ_ONLY, read_only, U32), ONE(RECURSIVE, recursive, U32),
	ONE(PROPAGATION, propagation, U32), ONE(CREATE, create, U32), ONE(SIZE, size, U64), ONE(MODE, mode, U32));
#undef THIS
#define THIS nsr_credentials
MEMBERS(nsr_credentials, ONE(USER, user, U32), ONE(GROUP, group, U32), LIST(SUPPLEMENTARY, supplementary, U32),
	ONE(BOUNDING, bounding, U64), ONE(PERMITTED, permitted, U64), ONE(AMBIENT, ambient, U64),
	ONE(NO_NEW_PRIVS, no_new_privs, U32), ONE(SECCOMP, seccomp, BYTES), ONE(SECCOMP_FLAGS, seccomp_flags, U32));
#undef THIS
#define THIS nsr_rlimit
MEMBERS(nsr_rlimit, ONE(RESOURCE, resource, U32), ONE(SOFT, soft, U64), ONE(HARD, hard, U64));
#undef THIS
#define THIS nsr_log_spec
MEMBERS(nsr_log_spec, ONE(DIRECTORY, directory, STRING), ONE(FILE_NAME, file_name, STRING), ONE(LINK, link, STRING),
	ONE(MAX_SIZE, max_size, I64), ONE(MAX_FILES, max_files, U32));
#undef THIS
#define THIS nsr_container_spec
MEMBERS(nsr_container_spec, ONE(NAME, name, STRING), ONE(ATTEMPT, attempt, U32), ONE(CONTAINER_ID, id, STRING),
	ONE_BLOCK(ROOT, root, nsr_root), LIST(ARG, args, STRING), LIST(ENV, env, STRING), ONE(CWD, cwd, STRING),
	LIST_BLOCK(MOUNT, mounts, nsr_mount), LIST(MASKED, masked, STRING), LIST(READONLY, readonly, STRING),
	ONE_BLOCK(CREDENTIALS, credentials, nsr_credentials), ONE(PRIVILEGED, privileged, U32),
	LIST_BLOCK(RLIMIT, rlimits, nsr_rlimit), ONE(OOM_SCORE_ADJ, oom_score_adj, I64), ONE(TTY, tty, U32),
	ONE(STDIN, stdin_open, U32), ONE(STDIN_ONCE, stdin_once, U32), ONE_BLOCK(LOG, log, nsr_log_spec),
	ONE(TERMINATION_PATH, termination_path, STRING), ONE(TARGET_ID, target, STRING));
#undef THIS
#define THIS nsr_exec_spec
MEMBERS(nsr_exec_spec, ONE(CONTAINER_ID, container_id, STRING), LIST(ARG, args, STRING), LIST(ENV, env, STRING),
	ONE(TTY, tty, U32), ONE(ROWS, rows, U32), ONE(COLUMNS, columns, U32), ONE(TIMEOUT_MS, timeout_ms, U64),
	ONE(OUTPUT_LIMIT, output_limit, U64), ONE(ATTACHED, attached, U32));
#undef THIS

/* --- what must hold of the values ----------------------------------------------------------------------------------------- */

static bool is_absolute(const char *path)
{
	return path[0] == '/' && strlen(path) < PATH_MAX;
}

/* Each returns the offending value's name, or NULL. */
static const char *check_volume(const struct nsr_volume *volume)
{
	if (!nsr_is_component(volume->name))
		return "volumes.name";
	if (volume->kind < NSR_VOLUME_EMPTY_DIR || volume->kind > NSR_VOLUME_HOST_PATH)
		return "volumes.kind";
	if (volume->kind == NSR_VOLUME_HOST_PATH && !is_absolute(volume->path))
		return "volumes.path";
	return NULL;
}

static const char *check_sandbox(const void *value)
{
	const struct nsr_sandbox_spec *spec = value;

	if (!nsr_is_component(spec->uid))
		return "uid";
	if (!is_absolute(spec->run_dir) || !is_absolute(spec->state_dir) || !is_absolute(spec->logs_dir))
		return "paths";
	if (*spec->links_dir && !is_absolute(spec->links_dir))
		return "paths.log_links";
	if (*spec->cgroup && !is_absolute(spec->cgroup))
		return "cgroup";
	if ((spec->network != NSR_NS_OWN && spec->network != NSR_NS_HOST) || (spec->ipc != NSR_NS_OWN && spec->ipc != NSR_NS_HOST) ||
	    spec->pid_mode > NSR_NS_HOST)
		return "namespaces";
	if (strlen(spec->hostname) > 64)
		return "hostname";
	if (spec->oom_score_adj < -1000 || spec->oom_score_adj > 1000)
		return "oom_score_adj";
	for (uint32_t i = 0; i < spec->volumes_count; i++) {
		const char *bad = check_volume(&spec->volumes[i]);

		if (bad)
			return bad;
	}
	for (uint32_t i = 0; i < spec->files_count; i++)
		if (!nsr_is_component(spec->files[i].name) || !is_absolute(spec->files[i].target))
			return "files";
	for (uint32_t i = 0; i < spec->sysctls_count; i++) {
		const char *name = spec->sysctls[i].name;

		/* Dots become slashes: no component may be empty, none may lead up. */
		if (!*name || *name == '.' || strchr(name, '/') || strstr(name, "..") || strlen(name) > 200)
			return "sysctls";
	}
	return NULL;
}

static const char *check_mount(const struct nsr_mount *mount)
{
	if (mount->kind != NSR_MOUNT_BIND && mount->kind != NSR_MOUNT_TMPFS)
		return "mounts.kind";
	if (!is_absolute(mount->target))
		return "mounts.target";
	if (mount->kind == NSR_MOUNT_BIND && !is_absolute(mount->source))
		return "mounts.source";
	if (*mount->sub_path == '/')
		return "mounts.sub_path";
	if (mount->propagation > NSR_PROPAGATION_BIDIRECTIONAL)
		return "mounts.propagation";
	return NULL;
}

static const char *check_credentials(const struct nsr_credentials *who)
{
	/* 4294967295 means "leave unchanged" to setresuid, and stays root. */
	if (who->user > INT32_MAX || who->group > INT32_MAX)
		return "credentials";
	for (uint32_t i = 0; i < who->supplementary_count; i++)
		if (who->supplementary[i] > INT32_MAX)
			return "credentials.groups";
	if (who->supplementary_count > 65536)
		return "credentials.groups";
	if (who->seccomp.length % sizeof(struct sock_filter) != 0 || who->seccomp.length / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return "credentials.seccomp";
	return NULL;
}

static const char *check_container(const void *value)
{
	const struct nsr_container_spec *spec = value;
	const char *bad = check_credentials(&spec->credentials);

	if (bad)
		return bad;
	if (!nsr_is_component(spec->name))
		return "name";
	if (!nsr_is_component(spec->id))
		return "id";
	if (*spec->target && (!nsr_is_component(spec->target) || strcmp(spec->target, spec->id) == 0))
		return "target";
	if (spec->args_count == 0 || !*spec->args[0])
		return "argv";
	if (!is_absolute(spec->root.lower))
		return "root.lower";
	if (!is_absolute(spec->cwd))
		return "cwd";
	if (*spec->termination_path && !is_absolute(spec->termination_path))
		return "termination_message_path";
	if (*spec->log.directory && (!is_absolute(spec->log.directory) || !nsr_is_component(spec->log.file_name)))
		return "log";
	if (*spec->log.link && !is_absolute(spec->log.link))
		return "log.link";
	if (spec->oom_score_adj < -1000 || spec->oom_score_adj > 1000)
		return "oom_score_adj";
	for (uint32_t i = 0; i < spec->root.submounts_count; i++)
		if (!is_absolute(spec->root.submounts[i].path))
			return "root.submounts";
	for (uint32_t i = 0; i < spec->root.privates_count; i++)
		if (!is_absolute(spec->root.privates[i]))
			return "root.private";
	for (uint32_t i = 0; i < spec->mounts_count; i++) {
		bad = check_mount(&spec->mounts[i]);
		if (bad)
			return bad;
	}
	for (uint32_t i = 0; i < spec->masked_count; i++)
		if (!is_absolute(spec->masked[i]))
			return "masked_paths";
	for (uint32_t i = 0; i < spec->readonly_count; i++)
		if (!is_absolute(spec->readonly[i]))
			return "readonly_paths";
	for (uint32_t i = 0; i < spec->rlimits_count; i++)
		if (spec->rlimits[i].resource >= RLIM_NLIMITS)
			return "rlimits";
	return NULL;
}

static const char *check_exec(const void *value)
{
	const struct nsr_exec_spec *spec = value;

	if (!nsr_is_component(spec->container_id))
		return "container_id";
	if (spec->args_count == 0 || !*spec->args[0])
		return "argv";
	if (spec->rows > UINT16_MAX || spec->columns > UINT16_MAX)
		return "rows";
	if (spec->attached && spec->tty)
		return "attached"; /* which OK tells of */
	return NULL;
}

/* --- memory ------------------------------------------------------------------------------------------------------------ */

struct spec_kind {
	enum nsr_kind kind;
	const struct nsr_shape *shape;
	const char *(*check)(const void *value);
};

static const struct spec_kind sandbox_kind = {NSR_KIND_SANDBOX_SPEC, &nsr_sandbox_spec_shape, check_sandbox};
static const struct spec_kind container_kind = {NSR_KIND_CONTAINER_SPEC, &nsr_container_spec_shape, check_container};
static const struct spec_kind exec_kind = {NSR_KIND_EXEC_SPEC, &nsr_exec_spec_shape, check_exec};

/* copy: what it points to is of its own memory. */
static int decode(const struct spec_kind *kind, const void *data, size_t size, bool copy, void **ret, struct nsr_error *e)
{
	struct nsr_envelope envelope;
	struct nsr_bytes block;
	struct nsr_arena arena = {0};
	cleanup_free uint8_t *memory = NULL;
	size_t head = (kind->shape->size + 7) & ~(size_t)7;
	const char *bad;
	int r = size > NSR_SPEC_MAX ? -EBADMSG : nsr_envelope_read(data, size, &envelope, &block);

	if (r == 0 && envelope.kind != kind->kind)
		r = -EBADMSG;
	if (r == 0)
		r = nsr_measure(block, kind->shape, &arena.size);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_SPEC, -r, "");
	memory = malloc(head + arena.size + (copy ? block.length : 0));
	if (!memory)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOMEM, "");
	arena.memory = memory + head;
	if (copy) {
		memcpy(arena.memory + arena.size, block.data, block.length);
		block.data = arena.memory + arena.size;
	}
	r = nsr_decode(block, kind->shape, &arena, memory);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_SPEC, -r, "");
	bad = kind->check(memory);
	if (bad)
		return nsr_fail(e, NSR_STEP_SPEC, EINVAL, bad);
	*ret = memory;
	memory = NULL;
	return 0;
}

static int map_and_decode(const struct spec_kind *kind, int memfd, void **ret, struct nsr_spec_memory *ret_memory, struct nsr_error *e)
{
	const int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;
	void *map;
	int seals = fcntl(memfd, F_GET_SEALS);
	int r;

	/* Unsealed, it could change between check and use, or shrink below us: SIGBUS. */
	if (seals < 0 || (seals & wanted) != wanted)
		return nsr_fail(e, NSR_STEP_SPEC, EPERM, "memfd");
	if (fstat(memfd, &st) < 0)
		return nsr_fail(e, NSR_STEP_SPEC, errno, "memfd");
	if (st.st_size <= 0 || st.st_size > (off_t)NSR_SPEC_MAX)
		return nsr_fail(e, NSR_STEP_SPEC, EBADMSG, "");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, memfd, 0);
	if (map == MAP_FAILED)
		return nsr_fail(e, NSR_STEP_MEMORY, errno, "memfd");
	r = decode(kind, map, (size_t)st.st_size, false, ret, e);
	if (r < 0) {
		(void)munmap(map, (size_t)st.st_size); /* cannot fail: it is ours and whole */
		return r;
	}
	*ret_memory = (struct nsr_spec_memory){map, (size_t)st.st_size};
	return 0;
}

static void release(void *spec, const struct nsr_spec_memory *memory)
{
	if (memory->map)
		(void)munmap(memory->map, memory->size); /* cannot fail: it is ours and whole */
	free(spec);
}

#define SPEC_FUNCTIONS(name) \
	int nsr_##name##_spec_open(int memfd, struct nsr_##name##_spec **ret, struct nsr_error *e) \
	{ \
		struct nsr_spec_memory memory; \
		void *spec = NULL; \
		int r = map_and_decode(&name##_kind, memfd, &spec, &memory, e); \
		if (!spec) \
			return r; \
		*ret = spec; \
		(*ret)->memory = memory; \
		return 0; \
	} \
	int nsr_##name##_spec_decode(const void *data, size_t size, struct nsr_##name##_spec **ret, struct nsr_error *e) \
	{ \
		void *spec = NULL; \
		int r = decode(&name##_kind, data, size, false, &spec, e); \
		if (!spec) \
			return r; \
		*ret = spec; \
		return 0; \
	} \
	void nsr_##name##_spec_free(struct nsr_##name##_spec *spec) \
	{ \
		if (spec) \
			release(spec, &spec->memory); \
	}

SPEC_FUNCTIONS(sandbox)
SPEC_FUNCTIONS(container)
SPEC_FUNCTIONS(exec)

int nsr_exec_spec_copy(struct nsr_bytes bytes, struct nsr_exec_spec **ret, struct nsr_error *e)
{
	void *spec = NULL;
	int r = decode(&exec_kind, bytes.data, bytes.length, true, &spec, e);

	if (!spec)
		return r;
	*ret = spec;
	return 0;
}
