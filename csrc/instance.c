/* instance.c - one instance of a container, from its first moment to its removal; how it starts is in starting.c.
 *
 *   QUEUED -> STARTING -> RUNNING -> ENDING -> DEAD -> REMOVING -> gone     (a start that fails: STARTING -> ENDING -> REMOVING -> gone)
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

#define MESSAGE_MAX 4096 /* bytes of a termination message */

struct nsr_instance *nsr_instance_find(struct nsr_shim *shim, const char *id)
{
	for (struct nsr_instance *instance = shim->instances; instance; instance = instance->next)
		if (strcmp(instance->spec->id, id) == 0)
			return instance;
	return NULL;
}

bool nsr_instances_alive(const struct nsr_shim *shim)
{
	for (const struct nsr_instance *instance = shim->instances; instance; instance = instance->next)
		if (instance->state < NSR_INSTANCE_DEAD)
			return true;
	return false;
}

static void free_instance(struct nsr_instance *instance)
{
	struct nsr_shim *shim = instance->shim;

	for (struct nsr_instance **at = &shim->instances; *at; at = &(*at)->next)
		if (*at == instance) {
			*at = instance->next;
			break;
		}
	nsr_execs_forget(shim, instance);
	nsr_log_close(&instance->log);
	nsr_close(&instance->successor_fd);
	nsr_container_spec_free(instance->spec);
	nsr_container_spec_free(instance->anew);
	free(instance);
}

/* In the remover. */
static int remove_files(struct nsr_removal *removal, struct nsr_error *e)
{
	const struct nsr_instance *instance = nsr_container_of(removal, struct nsr_instance, removal);
	struct nsr_pod *pod = &instance->shim->pod;
	int r = nsr_log_remove(pod->logs_fd, instance->shim->spec->logs_dir, &instance->spec->log, e);
	int released = nsr_container_release(pod, instance->spec, r < 0 ? NULL : e);

	return r < 0 ? r : released;
}

static void answer_removal(struct nsr_instance *instance, const struct nsr_error *e)
{
	if (instance->anew) /* which cannot be */
		(void)(e ? (instance->error = *e).err : nsr_fail(&instance->error, NSR_STEP_GONE, ESRCH, "sandbox"));
	if (instance->failed) /* to start: the first error is the one to tell, and leftovers go with the pod */
		nsr_answer_error(instance->shim, &instance->reply, &instance->error);
	nsr_replies_send(instance->shim, &instance->removers, e);
}

static void on_removed(struct nsr_removal *removal, const struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_container_of(removal, struct nsr_instance, removal);

	if (instance->anew && !e && !instance->shim->ending) {
		nsr_instance_begin(instance->shim, instance->anew, false, instance->reply);
		instance->anew = NULL;
		free_instance(instance);
		return;
	}
	answer_removal(instance, e);
	if (e && !instance->failed)
		instance->state = NSR_INSTANCE_DEAD; /* it may be tried again */
	else
		free_instance(instance);
}

static void begin_removal(struct nsr_instance *instance)
{
	instance->state = NSR_INSTANCE_REMOVING;
	instance->removal.work = remove_files;
	instance->removal.done = on_removed;
	nsr_removal_add(instance->shim, &instance->removal);
}

void nsr_instance_undo(struct nsr_instance *instance)
{
	instance->failed = true;
	nsr_streams_close(instance);
	nsr_log_close(&instance->log);
	nsr_close(&instance->container.cgroup_fd);
	nsr_close(&instance->container.pidfd);
	begin_removal(instance);
}

static void record_exit(struct nsr_instance *instance)
{
	struct nsr_shim *shim = instance->shim;
	size_t size;
	char *message = (char *)nsr_log_buffer(&size); /* the streams are closed */
	ssize_t length = nsr_termination_message(&shim->pod, instance->spec, message, MESSAGE_MAX);
	struct nsr_writer *w = nsr_answer_begin(shim, 0, NSR_KIND_CONTAINER_EXITED);

	nsr_write_u64(w, NSR_TAG_RECORD, nsr_records_next(&shim->records));
	nsr_write_string(w, NSR_TAG_CONTAINER_ID, instance->spec->id);
	nsr_write_string(w, NSR_TAG_NAME, instance->spec->name);
	nsr_write_u32(w, NSR_TAG_ATTEMPT, instance->spec->attempt);
	nsr_write_u32(w, NSR_TAG_EXIT_CODE, instance->exit_code);
	nsr_write_u32(w, NSR_TAG_OOM_KILLED, nsr_oom_killed(instance->container.cgroup_fd));
	nsr_write_stamp(w, NSR_TAG_STARTED, instance->started);
	nsr_write_stamp(w, NSR_TAG_FINISHED, instance->finished);
	if (length > 0)
		nsr_write_bytes(w, NSR_TAG_MESSAGE, message, (size_t)length);
	nsr_record_send(shim, -1);
}

/* No process of it is left. */
static void ended(struct nsr_instance *instance)
{
	struct nsr_shim *shim = instance->shim;

	nsr_watch_remove(&shim->loop, &instance->events_watch);
	nsr_close(&instance->events_fd);
	if (instance->failed) {
		nsr_instance_undo(instance);
	} else {
		nsr_streams_close(instance);
		nsr_attached_instance_ended(instance);
		nsr_place_forget(instance);
		record_exit(instance);
		nsr_log_close(&instance->log);
		nsr_close(&instance->container.pidfd);
		nsr_close(&instance->container.cgroup_fd);
		instance->state = NSR_INSTANCE_DEAD;
		nsr_successor_prepare(instance);
	}
	nsr_sandbox_advance(shim);
}

static void on_cgroup_event(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_instance *instance = nsr_container_of(watch, struct nsr_instance, events_watch);
	char text[256];

	(void)events;
	(void)!pread(instance->events_fd, text, sizeof(text), 0); /* arms the next event; the answer is asked for below */
	if (nsr_cgroup_empty(instance->container.cgroup_fd) != 0)
		ended(instance);
}

/* The first process is gone: so must be the rest, which a pid namespace of its own has seen to already. */
void nsr_instance_end(struct nsr_instance *instance)
{
	struct nsr_error ignored; /* what could not be killed is waited for below */

	instance->state = NSR_INSTANCE_ENDING;
	/* Without a cgroup these are all of it that is known. The first has ended, unless it ran and could not be kept. */
	nsr_kill(instance->container.pidfd, instance->container.pid, SIGKILL);
	nsr_execs_kill(instance->shim, instance);
	instance->container.pid = 0;
	if (instance->container.cgroup_fd >= 0) {
		(void)nsr_cgroup_kill(instance->container.cgroup_fd, &ignored);
		if (nsr_cgroup_empty(instance->container.cgroup_fd) == 0) {
			instance->events_fd = openat(instance->container.cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
			/* The first event comes at once and finds what has changed since the look above. */
			if (instance->events_fd >= 0 && nsr_watch_add(&instance->shim->loop, &instance->events_watch,
								       instance->events_fd, EPOLLPRI, on_cgroup_event) == 0)
				return;
		}
	}
	ended(instance);
}

bool nsr_instance_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code)
{
	for (struct nsr_instance *instance = shim->instances; instance; instance = instance->next) {
		if (instance->container.pid != pid || instance->state != NSR_INSTANCE_RUNNING)
			continue;
		instance->exit_code = exit_code;
		instance->finished = nsr_stamp_now();
		instance->container.pid = 0; /* reaped: the number is free again */
		nsr_instance_end(instance);
		return true;
	}
	return false;
}

void nsr_instance_kill(struct nsr_instance *instance)
{
	struct nsr_error ignored; /* the process itself is signalled whatever its cgroup says */

	instance->killed = true;
	if (instance->state == NSR_INSTANCE_STARTING)
		nsr_spawning_kill(&instance->spawning);
	if (instance->state == NSR_INSTANCE_RUNNING)
		nsr_kill(instance->container.pidfd, instance->container.pid, SIGKILL);
	if (instance->container.cgroup_fd >= 0)
		(void)nsr_cgroup_kill(instance->container.cgroup_fd, &ignored);
}

int nsr_instance_signal(struct nsr_instance *instance, int signal, bool whole, struct nsr_error *e)
{
	/* To all of a cgroup there is no other: cgroup.kill knows no signals, and of a list of pids each may be another's by now. */
	if (signal < 1 || signal > SIGRTMAX || (whole && signal != SIGKILL))
		return nsr_fail(e, NSR_STEP_SIGNAL, EINVAL, instance->spec->id);
	nsr_close(&instance->successor_fd); /* what is stopped is not followed at once */
	if (signal == SIGKILL && (whole || instance->state != NSR_INSTANCE_RUNNING)) {
		nsr_instance_kill(instance);
		return 0;
	}
	if (instance->state != NSR_INSTANCE_RUNNING)
		return 0;
	nsr_kill(instance->container.pidfd, instance->container.pid, signal);
	return 0;
}

int nsr_instance_remove(struct nsr_instance *instance, struct nsr_reply reply, struct nsr_error *e)
{
	int r;

	if (instance->state < NSR_INSTANCE_DEAD)
		return nsr_fail(e, NSR_STEP_REMOVE, EBUSY, instance->spec->id);
	r = nsr_replies_add(&instance->removers, reply, e);
	if (r == 0 && instance->state == NSR_INSTANCE_DEAD)
		begin_removal(instance);
	return r;
}

void nsr_instances_unlink(const struct nsr_shim *shim)
{
	for (const struct nsr_instance *instance = shim->instances; instance; instance = instance->next)
		/* The pod's directories go right after this. */
		(void)nsr_log_remove(shim->pod.logs_fd, shim->spec->logs_dir, &instance->spec->log, NULL);
}

void nsr_instances_forget(struct nsr_shim *shim, const struct nsr_error *e)
{
	struct nsr_instance *instance = shim->instances, *next;

	shim->removals = NULL; /* all that still waited for the remover */
	for (; instance; instance = next) {
		next = instance->next;
		if (instance->state < NSR_INSTANCE_DEAD)
			continue; /* given up */
		answer_removal(instance, e);
		free_instance(instance);
	}
}
