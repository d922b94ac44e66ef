/* pause_spawn.c - the process that holds the pod's namespaces: made, set up, and then nsrunner-pause from its memfd.
 *
 * It sees an empty root and has no capabilities, so that members of a shared pid namespace find nothing behind it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "channel.h"
#include "clone.h"
#include "credentials.h"
#include "finish.h"
#include "mount.h"
#include "netlink.h"
#include "path.h"
#include "pivot.h"
#include "pod.h"
#include "util.h"

struct pause_job {
	const struct nsr_pod *pod;
	struct nsr_clone clone;
	int channel, shims_end;
};

/* Closed world: what is namespaced with what the pod has of its own. Anything else would be set on the host (CVE-2022-0532). */
static bool is_own_sysctl(const struct nsr_sandbox_spec *spec, const char *name)
{
	static const char *const ipc[] = {"kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."};

	if (strncmp(name, "net.", 4) == 0)
		return spec->network != NSR_NS_HOST;
	for (size_t i = 0; i < sizeof(ipc) / sizeof(ipc[0]); i++)
		if (strncmp(name, ipc[i], strlen(ipc[i])) == 0)
			return spec->ipc != NSR_NS_HOST;
	return false;
}

static int set_sysctls(const struct nsr_sandbox_spec *spec, struct nsr_error *e)
{
	cleanup_fd int sys = -1;
	struct statfs fs;

	if (spec->sysctls_count == 0)
		return 0;
	sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sys < 0 || fstatfs(sys, &fs) < 0)
		return nsr_fail(e, NSR_STEP_SYSCTL, errno, "/proc/sys");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return nsr_fail(e, NSR_STEP_SYSCTL, ENODEV, "/proc/sys");
	for (uint32_t i = 0; i < spec->sysctls_count; i++) {
		const struct nsr_sysctl *sysctl = &spec->sysctls[i];
		size_t length = strlen(sysctl->value);
		char path[256];
		cleanup_fd int fd = -1;

		if (!is_own_sysctl(spec, sysctl->name))
			return nsr_fail(e, NSR_STEP_SYSCTL, EPERM, sysctl->name);
		for (size_t at = 0;; at++) { /* at most 200 bytes: the spec's check */
			path[at] = sysctl->name[at] == '.' ? '/' : sysctl->name[at];
			if (!path[at])
				break;
		}
		fd = nsr_openat2(sys, path, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
		if (fd < 0)
			return nsr_fail(e, NSR_STEP_SYSCTL, -fd, sysctl->name);
		if (write(fd, sysctl->value, length) != (ssize_t)length)
			return nsr_fail(e, NSR_STEP_SYSCTL, errno ? errno : EIO, sysctl->name);
	}
	return 0;
}

/* Containers that share this pid namespace are set up by processes outside of it, and only a member can mount its /proc. In the shim's
 * mount namespace, before anybody else is here to look at us. */
static int leave_proc(const struct nsr_pod *pod, struct nsr_error *e)
{
	static const char *const options[] = {"source", "proc", NULL};
	cleanup_fd int tree = nsr_mount_new("proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), place = -1;
	int r;

	if (tree < 0)
		return nsr_fail(e, NSR_STEP_MOUNT_PROC, -tree, "");
	if (mkdirat(pod->run_fd, NSR_POD_PROC, 0700) < 0 && errno != EEXIST)
		return nsr_fail(e, NSR_STEP_DIRECTORY, errno, NSR_POD_PROC);
	place = openat(pod->run_fd, NSR_POD_PROC, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = place < 0 ? -errno : nsr_mount_attach(tree, place);
	return r < 0 ? nsr_fail(e, NSR_STEP_MOUNT_PROC, -r, NSR_POD_PROC) : 0;
}

static int enter_empty_root(const struct nsr_pod *pod, struct nsr_error *e)
{
	static const char *const options[] = {"source", "pause", "mode", "0555", "nr_inodes", "2", NULL};
	cleanup_fd int fd = -1, place = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return nsr_fail(e, NSR_STEP_PROPAGATION, errno, "/");
	fd = nsr_mount_new("tmpfs", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		return nsr_fail(e, NSR_STEP_ROOT, -fd, "tmpfs");
	place = open(pod->spec->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = place < 0 ? -errno : nsr_mount_attach(fd, place);
	return r < 0 ? nsr_fail(e, NSR_STEP_ROOT, -r, pod->spec->run_dir) : nsr_pivot(fd, e);
}

static int set_up(const struct pause_job *job, struct nsr_error *e)
{
	static const struct nsr_credentials nobody = {.no_new_privs = 1};
	const struct nsr_sandbox_spec *spec = job->pod->spec;
	int flags = CLONE_NEWNS | (spec->network == NSR_NS_HOST ? 0 : CLONE_NEWNET | CLONE_NEWUTS) |
		(spec->ipc == NSR_NS_HOST ? 0 : CLONE_NEWIPC);
	int r = nsr_clone_join_cgroup(&job->clone, e);

	if (r == 0)
		r = nsr_begin(job->channel, job->shims_end, spec->oom_score_adj, e);
	if (r == 0 && spec->pid_mode == NSR_NS_POD)
		r = leave_proc(job->pod, e);
	if (r < 0)
		return r;
	if (unshare(flags) < 0)
		return nsr_fail(e, NSR_STEP_UNSHARE, errno, "");
	if (*spec->hostname && (flags & CLONE_NEWUTS) && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return nsr_fail(e, NSR_STEP_HOSTNAME, errno, spec->hostname);
	if (flags & CLONE_NEWNET)
		r = nsr_network_setup(spec->address, e);
	if (r == 0)
		r = set_sysctls(spec, e);
	if (r == 0)
		r = enter_empty_root(job->pod, e);
	if (r == 0)
		r = nsr_credentials_drop(&nobody, e);
	if (r < 0)
		return r;
	/* Alone in the pod it dies with the shim. Again, after the last change of credentials; execve keeps it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_PDEATHSIG, errno, "");
	return nsr_credentials_seal(&nobody, e);
}

static void pause_child(void *arg)
{
	static const char *const args[] = {"nsrunner-pause", NULL}, *const env[] = {NULL};
	struct pause_job *job = arg;
	int exe = fcntl(job->pod->pause_exe, F_DUPFD_CLOEXEC, 10), channel = fcntl(job->channel, F_DUPFD_CLOEXEC, 10);
	int self_fds = fcntl(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
	struct nsr_error e;

	if (exe < 0 || channel < 0)
		nsr_die(job->channel, (nsr_fail(&e, NSR_STEP_STDIO, errno, ""), &e));
	if (set_up(job, &e) < 0)
		nsr_die(channel, &e);
	/* Nothing stays open in it, not even the standard streams. */
	if (dup3(channel, 3, O_CLOEXEC) < 0 || dup3(exe, 4, O_CLOEXEC) < 0 || (self_fds >= 0 && dup3(self_fds, 5, O_CLOEXEC) < 0) ||
	    syscall(SYS_close_range, 0u, 2u, 0u) < 0 || syscall(SYS_close_range, 6u, ~0u, 0u) < 0)
		nsr_die(channel, (nsr_fail(&e, NSR_STEP_CLOSE_RANGE, errno, ""), &e));
	(void)nsr_channel_send(3, NSR_REPORT_READY, NULL, -1); /* the shim is gone, then, and so are we in a moment */
	nsr_exec_fd(4, self_fds < 0 ? -1 : 5, args, env);
	nsr_die(3, (nsr_fail(&e, NSR_STEP_PAUSE_EXEC, errno, "nsrunner-pause"), &e));
}

int nsr_pause_spawn(struct nsr_pod *pod, struct nsr_spawned *ret, struct nsr_error *e)
{
	cleanup_fd int cgroup = -1, ours = -1, theirs = -1;
	struct pause_job job = {.pod = pod};
	int pair[2], r;

	if (pod->cgroup_fd >= 0) {
		cgroup = nsr_cgroup_make(pod->cgroup_fd, "pause", e);
		if (cgroup < 0)
			return cgroup;
	}
	r = nsr_channel_open(pair, e);
	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	job.channel = theirs;
	job.shims_end = ours;
	job.clone = (struct nsr_clone){
		.flags = pod->spec->pid_mode == NSR_NS_HOST ? 0 : CLONE_NEWPID, .cgroup_fd = cgroup, .pid_ns_of = -1,
	};
	r = nsr_clone(&job.clone, pause_child, &job, e);
	if (r < 0)
		return r;
	*ret = (struct nsr_spawned){
		.channel = steal_fd(&ours), .pid = job.clone.pid, .pidfd = job.clone.pidfd, .console = -1, .cgroup_fd = steal_fd(&cgroup),
	};
	return 0;
}
