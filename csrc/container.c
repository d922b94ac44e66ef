/* container.c - one instance of a container, from its cgroup to the common tail before execve.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cgroup.h"
#include "channel.h"
#include "clone.h"
#include "device_filter.h"
#include "finish.h"
#include "path.h"
#include "pivot.h"
#include "pod.h"
#include "target.h"
#include "util.h"
#include "world.h"

struct container_job {
	struct nsr_clone clone;
	struct nsr_world world;
	struct nsr_finish finish;
	int shims_end;
	bool early; /* pause is not complete */
	const struct nsr_container *target; /* whose pid namespace is joined; NULL: nobody's */
};

static int join_pod(const struct nsr_pod *pod, struct nsr_error *e)
{
	int flags = (pod->spec->network == NSR_NS_HOST ? 0 : CLONE_NEWNET | CLONE_NEWUTS) | (pod->spec->ipc == NSR_NS_HOST ? 0 : CLONE_NEWIPC) |
		(pod->spec->pid_mode == NSR_NS_POD ? CLONE_NEWPID : 0); /* that of later children */

	/* One call (5.8): no moment with half of the namespaces. */
	if (flags && setns(pod->pause_pidfd, flags) < 0)
		return nsr_fail(e, errno == ESRCH ? NSR_STEP_GONE : NSR_STEP_SETNS, errno, "pause");
	return 0;
}

/* The sources of masks, as this mount namespace's copy of the pod's files has them. */
static int open_masks(struct nsr_world *w, struct nsr_error *e)
{
	cleanup_fd int run = open(w->pod->spec->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), files = -1;

	files = run < 0 ? -1 : openat(run, NSR_POD_FILES, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (files < 0)
		return nsr_fail(e, NSR_STEP_MASK, errno, NSR_POD_FILES);
	w->null = openat(files, NSR_FILES_NULL, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	w->empty = openat(files, NSR_FILES_EMPTY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return w->null < 0 || w->empty < 0 ? nsr_fail(e, NSR_STEP_MASK, errno, NSR_POD_FILES) : 0;
}

/* Steps 9 and 10a. */
static int begin_world(struct nsr_world *w, struct nsr_error *e)
{
	int r = nsr_world_sources(w, e);

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) /* nothing after it reaches the host */
		return nsr_fail(e, NSR_STEP_PROPAGATION, errno, "/");
	if ((r = open_masks(w, e)) < 0 || (r = nsr_world_root(w, e)) < 0 || (r = nsr_world_volumes(w, false, e)) < 0 ||
	    (r = nsr_world_proc(w, e)) < 0 || (r = nsr_world_dev(w, e)) < 0)
		return r;
	return nsr_world_files(w, e); /* the default termination log lies below /dev */
}

/* Steps 10b to 13. */
static int complete_world(struct nsr_world *w, struct nsr_error *e)
{
	int r, cwd;

	if ((r = nsr_world_sys(w, e)) < 0 || (r = nsr_world_mqueue(w, e)) < 0 || (r = nsr_world_volumes(w, true, e)) < 0 ||
	    (r = nsr_world_restrict(w, e)) < 0)
		return r;
	/* A missing working directory is made, as containerd does, while the root can be written. */
	cwd = nsr_make_in(w->root, w->spec->cwd, true, 0755, NULL);
	if (cwd < 0 && cwd != -EACCES)
		return nsr_fail(e, NSR_STEP_CHDIR, -cwd, w->spec->cwd);
	nsr_close(&cwd);
	r = nsr_world_seal_root(w, e);
	return r < 0 ? r : nsr_pivot(w->root, e);
}

/* 5 */
static int join_target(struct container_job *job, struct nsr_error *e)
{
	int r = join_pod(job->world.pod, e);

	return r < 0 ? r : nsr_target_join(job->target->pidfd, job->world.spec->oom_score_adj, &job->world.proc_context, e);
}

/* 1-13. The pod's namespaces are joined (5) between 10a and 10b: pause may be making them meanwhile. */
static int set_up(struct container_job *job, struct nsr_error *e)
{
	const struct nsr_container_spec *spec = job->world.spec;
	int r = nsr_clone_join_cgroup(&job->clone, e);

	if (r == 0)
		r = nsr_begin(job->finish.channel, job->shims_end, spec->oom_score_adj, e); /* 1-4 */
	/* 6 was the clone. 7: after the process is in its cgroup, which becomes the root that it sees */
	if (r == 0 && !spec->privileged && job->clone.cgroup_fd >= 0 && unshare(CLONE_NEWCGROUP) < 0)
		r = nsr_fail(e, NSR_STEP_CGROUP_NS, errno, "");
	if (r == 0)
		r = nsr_join_keyring(e); /* 8 */
	if (r == 0 && job->target) /* its pod is complete */
		r = join_target(job, e);
	if (r == 0)
		r = begin_world(&job->world, e); /* 9, 10a */
	if (r == 0 && job->early && nsr_channel_wait(job->finish.channel, NSR_WORD_SANDBOX, &job->finish.heard) < 0)
		_exit(127); /* the shim has given us up, or is gone */
	if (r == 0 && !job->target)
		r = join_pod(job->world.pod, e); /* 5 */
	return r < 0 ? r : complete_world(&job->world, e); /* 10b-13 */
}

static void container_child(void *arg)
{
	struct container_job *job = arg;
	struct nsr_error e;

	if (set_up(job, &e) < 0)
		nsr_die(job->finish.channel, &e);
	nsr_finish(&job->finish); /* 14-26 */
}

static void passing_child(void *arg)
{
	struct container_job *job = arg;
	struct nsr_error e;

	if (set_up(job, &e) < 0)
		nsr_die(job->finish.channel, &e);
	nsr_finish_born(&job->finish);
}

/* The instance's cgroup <name>.<attempt> with main in it, and its device filter. */
static int make_cgroup(struct container_job *job, int *ret_container, int *ret_main, struct nsr_error *e)
{
	const struct nsr_container_spec *spec = job->world.spec;
	const struct nsr_pod *pod = job->world.pod;
	char name[NAME_MAX + 1];
	bool may_mknod = spec->credentials.bounding >> CAP_MKNOD & 1;
	cleanup_fd int container = -1;
	int r = -ENOTSUP, main_fd;

	if (pod->cgroup_fd < 0) {
		/* Fail closed: without a filter a node made in the container opens any device. */
		return may_mknod && !spec->privileged ? nsr_fail(e, NSR_STEP_DEVICE_FILTER, ENOTSUP, "no cgroup") : 0;
	}
	container = nsr_cgroup_make(pod->cgroup_fd, nsr_pod_cgroup_name(name, spec), e);
	if (container < 0)
		return container;
	if (!spec->privileged) {
		r = nsr_device_filter_attach(container, e);
		if (r < 0 && may_mknod)
			return r;
	}
	job->world.filtered = r == 0;
	main_fd = nsr_cgroup_make(container, "main", e);
	if (main_fd < 0)
		return main_fd;
	*ret_container = steal_fd(&container);
	*ret_main = main_fd;
	return 0;
}

static int start(struct nsr_pod *pod, struct container_job *job, struct nsr_spawned *ret, struct nsr_error *e)
{
	const struct nsr_container_spec *spec = job->world.spec;
	bool shared = pod->spec->pid_mode == NSR_NS_POD || job->target;
	cleanup_fd int container = -1, main_fd = -1, ours = -1, theirs = -1;
	int pair[2];
	int r = make_cgroup(job, &container, &main_fd, e);

	if (r == 0 && *spec->termination_path)
		r = nsr_pod_make_termination(pod, spec, e);
	if (r == 0)
		r = nsr_channel_open(pair, e);
	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	job->finish.channel = theirs;
	job->shims_end = ours;
	/* Its own pid namespace below pause's; or the host's, where the one that passes into pause's or another container's begins, too. */
	job->clone = (struct nsr_clone){.cgroup_fd = main_fd, .pid_ns_of = -1};
	if (pod->spec->pid_mode == NSR_NS_OWN && !job->target) {
		job->clone.flags = CLONE_NEWPID;
		job->clone.pid_ns_of = pod->pause_pidfd;
	}
	r = nsr_clone(&job->clone, shared ? passing_child : container_child, job, e);
	if (r < 0)
		return r;
	*ret = (struct nsr_spawned){
		.channel = steal_fd(&ours), .pid = job->clone.pid, .pidfd = job->clone.pidfd, .console = -1, .cgroup_fd = steal_fd(&container),
	};
	return 0;
}

int nsr_container_spawn(struct nsr_pod *pod, const struct nsr_container_spec *spec, const struct nsr_container *target, const int stdio[3],
			bool held, struct nsr_spawned *ret, struct nsr_error *e)
{
	static const char *const no_env[] = {NULL};
	size_t count = (size_t)spec->mounts_count + spec->root.submounts_count;
	cleanup_free int *table = calloc(count + 1, sizeof(*table)); /* for the child, which must not allocate */

	if (!table)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOMEM, "");
	for (size_t i = 0; i < count; i++)
		table[i] = -1;

	struct container_job job = {
		.world = {
			.pod = pod, .spec = spec, .sources = table, .submounts = table + spec->mounts_count,
			.root = -1, .proc = -1, .sys = -1, .dev = -1, .null = -1, .empty = -1, .proc_context = -1,
		},
		.finish = {.spec = spec, .args = spec->args, .env = spec->env ? spec->env : no_env, .tty = spec->tty != 0, .held = held},
		.early = pod->pause_pid == 0,
		.target = target,
	};

	for (int i = 0; i < 3; i++)
		job.finish.stdio[i] = spec->tty ? -1 : stdio[i];
	return start(pod, &job, ret, e);
}
