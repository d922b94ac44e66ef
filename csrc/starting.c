/* starting.c - how an instance starts: at once, when pause is there, or prepared first and started when somebody asks for it.
 *
 * One that is prepared is held in STARTING (or QUEUED) until its start is asked for. Without that it ends as a start that fails, of which
 * nobody hears: with its pod, after the time that a start may take, or when one with another spec is to be started in its place.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

static void running(struct nsr_instance *instance)
{
	struct nsr_writer *w;

	instance->state = NSR_INSTANCE_RUNNING;
	instance->started = nsr_stamp_now();
	w = nsr_answer_begin(instance->shim, instance->reply.id, NSR_KIND_OK);
	nsr_write_string(w, NSR_TAG_CONTAINER_ID, instance->spec->id);
	nsr_write_u32(w, NSR_TAG_PID, (uint32_t)instance->container.pid);
	nsr_write_stamp(w, NSR_TAG_STARTED, instance->started);
	nsr_answer_send(instance->shim, &instance->reply, -1);
	if (instance->killed)
		nsr_instance_kill(instance);
}

static void on_spawned(struct nsr_spawning *spawning, enum nsr_progress progress, const struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_container_of(spawning, struct nsr_instance, spawning);
	struct nsr_spawned *process = &spawning->process;

	instance->container.pid = process->pid;
	instance->container.pidfd = steal_fd(&process->pidfd);
	if (progress == NSR_RUNNING && process->console >= 0) {
		int r = nsr_streams_open_console(instance, steal_fd(&process->console));

		if (r < 0) {
			(void)nsr_fail(&instance->error, NSR_STEP_CONSOLE, -r, "");
			instance->failed = true;
		}
	}
	nsr_spawned_close(process);
	if (progress == NSR_FAILED) {
		if (!instance->error.err) /* otherwise it is the sandbox's */
			instance->error = *e;
		instance->failed = true;
	}
	if (instance->failed)
		nsr_instance_end(instance);
	else
		running(instance);
}

/* The container whose processes it is to see, if it names one. */
static int find_target(const struct nsr_instance *instance, const struct nsr_container **ret, struct nsr_error *e)
{
	const char *id = instance->spec->target;
	const struct nsr_instance *target = *id ? nsr_instance_find(instance->shim, id) : NULL;

	if (*id && (!target || target->state != NSR_INSTANCE_RUNNING || target->killed))
		return nsr_fail(e, NSR_STEP_TARGET, ESRCH, id);
	*ret = target ? &target->container : NULL;
	return 0;
}

static int spawn(struct nsr_instance *instance, struct nsr_error *e)
{
	struct nsr_spawned *process = &instance->spawning.process;
	const struct nsr_container *target = NULL;
	int r = find_target(instance, &target, e);

	if (r == 0)
		r = nsr_container_spawn(&instance->shim->pod, instance->spec, target, instance->stdio, instance->held, process, e);

	for (int i = 0; i < 3; i++)
		nsr_close(&instance->stdio[i]); /* the container's alone now: their end is its end */
	if (r < 0)
		return r;
	instance->state = NSR_INSTANCE_STARTING;
	if (process->cgroup_fd >= 0)
		instance->container.cgroup_fd = fcntl(process->cgroup_fd, F_DUPFD_CLOEXEC, 0);
	return nsr_spawning_watch(instance->shim, &instance->spawning, on_spawned, e);
}

/* Pause need not be complete, but where it lies in the containers' pid namespace. */
static bool may_spawn(const struct nsr_shim *shim)
{
	return shim->sandbox == NSR_SANDBOX_RUNNING || (shim->spec->pid_mode != NSR_NS_POD && shim->create_error.err == 0);
}

void nsr_instance_begin(struct nsr_shim *shim, struct nsr_container_spec *spec, bool held, struct nsr_reply reply)
{
	struct nsr_instance *instance = calloc(1, sizeof(*instance));
	struct nsr_error e;
	int r;

	if (!instance) {
		(void)nsr_fail(&e, NSR_STEP_MEMORY, ENOMEM, "");
		nsr_container_spec_free(spec);
		nsr_answer_error(shim, &reply, &e);
		return;
	}
	*instance = (struct nsr_instance){
		.next = shim->instances, .shim = shim, .spec = spec, .reply = reply, .held = held,
		.container = {.spec = spec, .pidfd = -1, .cgroup_fd = -1},
		.log = {.dir_fd = -1, .fd = -1}, .output = {{.fd = -1}, {.fd = -1}},
		.stdio = {-1, -1, -1}, .console = -1, .stdin_fd = -1, .events_fd = -1,
		.stdin_watch.fd = -1, .events_watch.fd = -1, .spawning.watch.fd = -1, .successor_fd = -1,
	};
	shim->instances = instance;
	r = nsr_log_open(&instance->log, shim->pod.logs_fd, shim->spec->logs_dir, &spec->log, &instance->error);
	if (r == 0 && !spec->tty) {
		r = nsr_streams_open_pipes(instance);
		if (r < 0)
			(void)nsr_fail(&instance->error, NSR_STEP_PIPE, -r, "");
	}
	if (r == 0 && may_spawn(shim)) {
		r = spawn(instance, &instance->error);
		/* Pause has just ended: the news of that, which has the reason, is on its way. */
		if (r < 0 && shim->sandbox == NSR_SANDBOX_STARTING && instance->error.step == NSR_STEP_GONE)
			return;
	}
	if (r < 0)
		nsr_instance_undo(instance);
}

static int open_spec(struct nsr_shim *shim, int spec_fd, struct nsr_container_spec **ret, struct nsr_error *e)
{
	uint32_t count = 0;

	if (shim->sandbox == NSR_SANDBOX_NONE || shim->ending)
		return nsr_fail(e, NSR_STEP_GONE, ESRCH, "sandbox");
	for (const struct nsr_instance *instance = shim->instances; instance; instance = instance->next)
		count++;
	if (count >= NSR_INSTANCES_MAX)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOBUFS, "");
	return nsr_container_spec_open(spec_fd, ret, e);
}

static int refuse(struct nsr_container_spec *spec, struct nsr_error *e)
{
	int r = nsr_fail(e, NSR_STEP_SPEC, EEXIST, spec->id);

	nsr_container_spec_free(spec);
	return r;
}

int nsr_instance_prepare(struct nsr_shim *shim, int spec_fd, struct nsr_error *e)
{
	struct nsr_container_spec *spec;
	int r = open_spec(shim, spec_fd, &spec, e);

	if (r < 0)
		return r;
	if (nsr_instance_find(shim, spec->id))
		return refuse(spec, e);
	nsr_instance_begin(shim, spec, true, (struct nsr_reply){0});
	return 0;
}

static bool is_same(const struct nsr_container_spec *a, const struct nsr_container_spec *b)
{
	return a->memory.size == b->memory.size && memcmp(a->memory.map, b->memory.map, a->memory.size) == 0;
}

/* The start of one that is held is asked for: it goes on, or makes room. Takes the spec. */
static void release(struct nsr_instance *instance, struct nsr_container_spec *spec, struct nsr_reply reply)
{
	instance->reply = reply;
	if (is_same(instance->spec, spec) && instance->state <= NSR_INSTANCE_STARTING && !instance->killed) {
		nsr_container_spec_free(spec);
		instance->held = false;
		if (instance->state == NSR_INSTANCE_QUEUED)
			return;
		nsr_spawning_renew(&instance->spawning);
		nsr_spawned_tell(&instance->spawning.process, NSR_WORD_GO);
		return;
	}
	instance->anew = spec;
	if (instance->state == NSR_INSTANCE_QUEUED)
		nsr_instance_undo(instance);
	else if (instance->state == NSR_INSTANCE_STARTING)
		nsr_instance_kill(instance);
}

int nsr_instance_start(struct nsr_shim *shim, int spec_fd, struct nsr_reply reply, struct nsr_error *e)
{
	struct nsr_container_spec *spec;
	struct nsr_instance *instance;
	int r = open_spec(shim, spec_fd, &spec, e);

	if (r < 0)
		return r;
	instance = nsr_instance_find(shim, spec->id);
	if (instance && (!instance->held || instance->anew))
		return refuse(spec, e);
	if (instance)
		release(instance, spec, reply);
	else
		nsr_instance_begin(shim, spec, false, reply);
	return 0;
}

void nsr_instances_sandbox_ready(struct nsr_shim *shim, const struct nsr_error *e)
{
	struct nsr_instance *instance = shim->instances;

	while (instance) {
		struct nsr_instance *next = instance->next;
		struct nsr_error *error = &instance->error;
		int r = 0;

		if (instance->state == NSR_INSTANCE_STARTING && e) {
			*error = *e;
			nsr_instance_kill(instance);
		} else if (instance->state == NSR_INSTANCE_STARTING) {
			nsr_spawned_tell(&instance->spawning.process, NSR_WORD_SANDBOX);
		} else if (instance->state == NSR_INSTANCE_QUEUED) {
			if (e)
				*error = *e;
			r = error->err ? -error->err : instance->killed ? nsr_fail(error, NSR_STEP_GONE, ESRCH, "sandbox") :
				spawn(instance, error);
		}
		if (r < 0)
			nsr_instance_undo(instance);
		instance = next;
	}
}
