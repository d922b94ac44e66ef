/* exec.c - one more process in a running container: its namespaces, user, filter and limits, another program.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "channel.h"
#include "clone.h"
#include "finish.h"
#include "runtime.h"
#include "util.h"

struct exec_job {
	const struct nsr_container *target;
	struct nsr_clone clone;
	struct nsr_finish finish;
	int shims_end;
};

/* Outside of the container until all is done that takes more than it may. */
static void passing_child(void *arg)
{
	struct exec_job *job = arg;
	struct nsr_error e;
	int r = nsr_clone_join_cgroup(&job->clone, &e);

	if (r == 0)
		r = nsr_begin(job->finish.channel, job->shims_end, job->target->spec->oom_score_adj, &e);
	/* All but user: there is none of its own. What is the host's anyway is joined to no effect. The cgroup namespace now that it is in its
	 * cgroup, which need not lie below the namespace's root; the pid namespace for the process that is to be born. */
	if (r == 0 && setns(job->target->pidfd, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP) < 0)
		r = nsr_fail(&e, errno == ESRCH ? NSR_STEP_GONE : NSR_STEP_SETNS, errno, "container");
	if (r == 0)
		r = nsr_join_keyring(&e);
	if (r < 0)
		nsr_die(job->finish.channel, &e);
	nsr_finish_born(&job->finish);
}

static const char *exec_cgroup_name(char buffer[32], uint64_t number)
{
	memcpy(buffer, "exec-", 5);
	nsr_format_u64(buffer + 5, number);
	return buffer;
}

static bool same_name(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return strncmp(a, b, length) == 0 && b[length] == '=';
}

/* The container's environment with the exec's entries added or put in the place of theirs. NULL: no memory. */
static const char **merge_env(const struct nsr_container_spec *spec, const struct nsr_exec_spec *exec)
{
	const char **env = calloc((size_t)spec->env_count + exec->env_count + 1, sizeof(*env));
	size_t count = 0;

	if (!env)
		return NULL;
	for (uint32_t i = 0; i < spec->env_count; i++)
		env[count++] = spec->env[i];
	for (uint32_t i = 0; i < exec->env_count; i++) {
		size_t at = 0;

		while (at < count && !same_name(exec->env[i], env[at]))
			at++;
		env[at] = exec->env[i];
		count += at == count;
	}
	return env;
}

int nsr_exec_cgroup(const struct nsr_container *target, uint64_t number, int *ret, struct nsr_error *e)
{
	char name[32];
	int fd = target->cgroup_fd < 0 ? -1 : nsr_cgroup_make(target->cgroup_fd, exec_cgroup_name(name, number), e);

	*ret = fd < 0 ? -1 : fd;
	return target->cgroup_fd >= 0 && fd < 0 ? fd : 0;
}

int nsr_exec_spawn(const struct nsr_container *target, const struct nsr_exec_spec *spec, int cgroup_fd, const int stdio[3],
		   struct nsr_spawned *ret, struct nsr_error *e)
{
	cleanup_free const char **env = merge_env(target->spec, spec);
	cleanup_fd int ours = -1, theirs = -1;
	struct exec_job job = {.target = target};
	int pair[2], r;

	if (!env)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOMEM, "");
	r = nsr_channel_open(pair, e);
	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	job.finish = (struct nsr_finish){
		.channel = theirs, .spec = target->spec, .args = spec->args, .env = env, .tty = spec->tty != 0,
		.rows = spec->rows, .columns = spec->columns,
	};
	for (int i = 0; i < 3; i++)
		job.finish.stdio[i] = spec->tty ? -1 : stdio[i];
	job.shims_end = ours;
	job.clone = (struct nsr_clone){.cgroup_fd = cgroup_fd, .pid_ns_of = -1};
	r = nsr_clone(&job.clone, passing_child, &job, e);
	if (r < 0)
		return r;
	*ret = (struct nsr_spawned){
		.channel = steal_fd(&ours), .pid = job.clone.pid, .pidfd = job.clone.pidfd, .console = -1, .cgroup_fd = -1,
	};
	return 0;
}

int nsr_exec_vacate(const struct nsr_container *target, uint64_t number)
{
	char name[32];

	if (target->cgroup_fd < 0 || unlinkat(target->cgroup_fd, exec_cgroup_name(name, number), AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOENT ? 0 : -errno;
}

int nsr_exec_release(const struct nsr_container *target, uint64_t number, struct nsr_error *e)
{
	char name[32];

	return target->cgroup_fd < 0 ? 0 : nsr_cgroup_remove(target->cgroup_fd, exec_cgroup_name(name, number), e);
}

int nsr_exec_sweep(const struct nsr_container *target, bool (*runs)(uint64_t number, void *arg), void *arg)
{
	_Alignas(struct linux_dirent64) char buffer[2048];
	cleanup_fd int fd = -1;
	int left = 0;
	long n;

	if (target->cgroup_fd < 0)
		return 0;
	fd = openat(target->cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(const void *)(buffer + at);
			uint64_t number;

			at += entry->d_reclen;
			if (strncmp(entry->d_name, "exec-", 5) != 0 || nsr_parse_u64(entry->d_name + 5, UINT64_MAX, &number) < 0)
				continue;
			/* EBUSY: somebody is in it */
			left += runs(number, arg) || (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT);
		}
	return n < 0 ? -errno : left;
}
