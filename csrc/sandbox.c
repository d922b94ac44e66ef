/* sandbox.c - the pod as a whole: pause is made, pause dies, everything is stopped, everything is removed.
 *
 * An end has one order, whoever asked for it: every container, then every exec, then pause, then what is on disk. Each step is
 * taken by nsr_sandbox_advance() when the processes of the step before are reaped; nothing waits.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "pod.h"
#include "shim.h"
#include "util.h"

static void kill_pause(struct nsr_shim *shim)
{
	struct nsr_error ignored; /* pause itself is signalled whatever its cgroup says */

	shim->pause_killed = true;
	if (shim->pause.active)
		nsr_spawning_kill(&shim->pause);
	nsr_kill(shim->pod.pause_pidfd, shim->pod.pause_pid, SIGKILL);
	if (shim->pod.cgroup_fd >= 0)
		(void)nsr_cgroup_kill(shim->pod.cgroup_fd, &ignored);
	nsr_kill_children(shim); /* strays of a hostPID pod */
}

static void pause_is_gone(struct nsr_shim *shim)
{
	shim->sandbox = NSR_SANDBOX_NONE;
	shim->pod.pause_pid = 0;
	nsr_close(&shim->pod.pause_pidfd);
}

/* Takes back what was made of it, and then tells why. */
static void never_began(struct nsr_shim *shim, const struct nsr_error *e)
{
	if (e != &shim->create_error)
		shim->create_error = *e;
	pause_is_gone(shim);
	if (!shim->ending)
		shim->ending = NSR_ENDING_NEVER_BEGAN;
	nsr_instances_sandbox_ready(shim, &shim->create_error);
	nsr_sandbox_advance(shim);
}

static void on_paused(struct nsr_spawning *spawning, enum nsr_progress progress, const struct nsr_error *e)
{
	struct nsr_shim *shim = nsr_container_of(spawning, struct nsr_shim, pause);
	struct nsr_writer *w;

	shim->pod.pause_pid = spawning->process.pid;
	nsr_spawned_close(&spawning->process);
	if (progress == NSR_FAILED || shim->create_error.err) {
		kill_pause(shim);
		never_began(shim, shim->create_error.err ? &shim->create_error : e);
		return;
	}
	shim->sandbox = NSR_SANDBOX_RUNNING;
	w = nsr_answer_begin(shim, shim->create_reply.id, NSR_KIND_OK);
	nsr_write_u32(w, NSR_TAG_PID, (uint32_t)shim->pod.pause_pid);
	nsr_write_u32(w, NSR_TAG_ATTEMPT, shim->spec->attempt);
	nsr_answer_send(shim, &shim->create_reply, -1);
	nsr_instances_sandbox_ready(shim, NULL);
	nsr_sandbox_advance(shim);
}

int nsr_sandbox_create(struct nsr_shim *shim, int spec_fd, struct nsr_reply reply, struct nsr_error *e)
{
	struct nsr_sandbox_spec *spec;
	int r;

	if (shim->sandbox != NSR_SANDBOX_NONE || shim->ending)
		return nsr_fail(e, NSR_STEP_SPEC, EEXIST, "sandbox");
	r = nsr_sandbox_spec_open(spec_fd, &spec, e);
	if (r < 0)
		return r;
	if (shim->spec && strcmp(shim->spec->uid, spec->uid) != 0)
		r = nsr_fail(e, NSR_STEP_SPEC, EINVAL, spec->uid);
	else if (spec->owner_pid > 0) {
		r = nsr_owner_set(shim, spec->owner_pid, spec->owner_start);
		if (r < 0)
			(void)nsr_fail(e, NSR_STEP_GONE, -r, "owner");
	}
	if (r < 0) {
		nsr_sandbox_spec_free(spec);
		return r;
	}
	nsr_sandbox_spec_free(shim->spec);
	shim->spec = spec; /* also when it cannot be opened: what was begun is to be removed some time */
	shim->pod_open = true;
	r = nsr_pod_open(&shim->pod, spec, e);
	if (r < 0)
		return r;
	shim->pause_killed = false;
	shim->create_reply = reply;
	shim->pause = (struct nsr_spawning){.watch.fd = -1};
	r = nsr_pause_spawn(&shim->pod, &shim->pause.process, e);
	if (r == 0) {
		/* Its pid namespace is there from now on, and containers can be born below it. */
		shim->pod.pause_pidfd = steal_fd(&shim->pause.process.pidfd);
		r = nsr_spawning_watch(shim, &shim->pause, on_paused, e);
	}
	if (r < 0) {
		never_began(shim, e);
		return 0;
	}
	shim->sandbox = NSR_SANDBOX_STARTING;
	if (nsr_pod_fill(&shim->pod, &shim->create_error) < 0)
		nsr_spawning_kill(&shim->pause); /* when it has ended, this is the reason */
	return 0;
}

/* In the remover. */
static int close_pod(struct nsr_removal *removal, struct nsr_error *e)
{
	struct nsr_shim *shim = nsr_container_of(removal, struct nsr_shim, removal);
	int r;

	if (shim->closing == NSR_ENDING_REMOVE)
		nsr_instances_unlink(shim);
	r = nsr_pod_close(&shim->pod, shim->closing == NSR_ENDING_REMOVE, e);
	if (r < 0 && e->err == 0)
		e->err = EIO;
	return r;
}

/* What nsr_pod_close() has closed in the remover. */
static void close_descriptors(struct nsr_shim *shim, bool forget)
{
	nsr_close(&shim->pod.cgroup_fd);
	if (!forget)
		return;
	nsr_close(&shim->pod.files_fd);
	nsr_close(&shim->pod.shm_fd);
	nsr_close(&shim->pod.run_fd);
	nsr_close(&shim->pod.state_fd);
	nsr_close(&shim->pod.logs_fd);
	shim->pod_open = false;
}

static void record_death(struct nsr_shim *shim)
{
	struct nsr_writer *w = nsr_answer_begin(shim, 0, NSR_KIND_SANDBOX_DIED);

	shim->pause_died = false;
	nsr_write_u64(w, NSR_TAG_RECORD, nsr_records_next(&shim->records));
	nsr_write_u32(w, NSR_TAG_ATTEMPT, shim->spec->attempt);
	nsr_record_send(shim, -1);
}

static void on_closed(struct nsr_removal *removal, const struct nsr_error *e)
{
	struct nsr_shim *shim = nsr_container_of(removal, struct nsr_shim, removal);
	bool forget = shim->closing == NSR_ENDING_REMOVE;

	shim->closing = NSR_ENDING_NOT;
	close_descriptors(shim, forget);
	/* A STOP that came meanwhile has what it wanted, a REMOVE goes on from here. */
	if (forget || shim->ending <= NSR_ENDING_STOP)
		shim->ending = NSR_ENDING_NOT;
	if (shim->create_error.err) {
		nsr_answer_error(shim, &shim->create_reply, &shim->create_error);
		shim->create_error.err = 0;
	}
	if (shim->pause_died)
		record_death(shim);
	nsr_replies_send(shim, &shim->stop_replies, e);
	if (forget) {
		nsr_instances_forget(shim, e);
		nsr_replies_send(shim, &shim->remove_replies, e);
		shim->gone = true;
	}
	nsr_sandbox_advance(shim);
}

/* Every process has ended. */
static void close_all(struct nsr_shim *shim)
{
	nsr_timer_cancel(&shim->loop, &shim->give_up);
	shim->closing = shim->ending;
	shim->removal.work = close_pod;
	shim->removal.done = on_closed;
	if (shim->pod_open)
		nsr_removal_add(shim, &shim->removal);
	else
		on_closed(&shim->removal, NULL);
}

void nsr_sandbox_advance(struct nsr_shim *shim)
{
	if (!shim->ending || shim->closing)
		return;
	if (!shim->given_up) {
		if (shim->sandbox == NSR_SANDBOX_STARTING || nsr_instances_alive(shim) || shim->execs)
			return;
		if (shim->sandbox == NSR_SANDBOX_RUNNING) {
			if (!shim->pause_killed)
				kill_pause(shim);
			return;
		}
	}
	close_all(shim);
}

static void on_give_up(struct nsr_timer *timer)
{
	struct nsr_shim *shim = nsr_container_of(timer, struct nsr_shim, give_up);

	/* Some process does not die, in the kernel's hands (a dead network file system): what can be removed is. */
	shim->given_up = true;
	nsr_sandbox_advance(shim);
}

static void begin_end(struct nsr_shim *shim, enum nsr_ending ending)
{
	if (shim->ending >= ending)
		return;
	shim->ending = ending;
	if (ending == NSR_ENDING_REMOVE)
		nsr_timer_arm(&shim->loop, &shim->give_up, NSR_GIVE_UP_MS, on_give_up);
	for (struct nsr_instance *instance = shim->instances, *next; instance; instance = next) {
		next = instance->next;
		nsr_instance_kill(instance);
	}
	nsr_execs_kill(shim, NULL);
	if (shim->sandbox == NSR_SANDBOX_STARTING)
		kill_pause(shim);
}

int nsr_sandbox_end(struct nsr_shim *shim, enum nsr_ending ending, struct nsr_reply reply, struct nsr_error *e)
{
	int r = nsr_replies_add(ending == NSR_ENDING_REMOVE ? &shim->remove_replies : &shim->stop_replies, reply, e);

	if (r < 0)
		return r;
	begin_end(shim, ending);
	nsr_sandbox_advance(shim);
	return 0;
}

bool nsr_sandbox_exited(struct nsr_shim *shim, pid_t pid)
{
	if (pid != shim->pod.pause_pid || shim->sandbox != NSR_SANDBOX_RUNNING)
		return false;
	pause_is_gone(shim);
	if (!shim->ending) {
		shim->pause_died = true;
		begin_end(shim, NSR_ENDING_PAUSE_DIED);
	}
	nsr_sandbox_advance(shim);
	return true;
}

int nsr_sandbox_open_volume(struct nsr_shim *shim, const char *name, struct nsr_error *e)
{
	char path[sizeof(NSR_POD_EMPTY_DIRS "/") + NAME_MAX] = NSR_POD_EMPTY_DIRS "/";
	int fd;

	if (shim->sandbox == NSR_SANDBOX_NONE)
		return nsr_fail(e, NSR_STEP_GONE, ESRCH, "sandbox");
	for (uint32_t i = 0; i < shim->spec->volumes_count; i++) {
		const struct nsr_volume *volume = &shim->spec->volumes[i];

		if (strcmp(volume->name, name) != 0 || volume->kind == NSR_VOLUME_HOST_PATH)
			continue;
		(void)strcat(path, name); /* the spec's decoder has checked that it is one component */
		fd = openat(shim->pod.state_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? nsr_fail(e, NSR_STEP_VOLUME, errno, name) : fd;
	}
	return nsr_fail(e, NSR_STEP_VOLUME, ENOENT, name);
}
