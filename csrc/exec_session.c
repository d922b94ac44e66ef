/* exec_session.c - one more process in a running container: a user's command, a probe, a hook.
 *
 * It ends when its first process does; what that one left running in the background stays, as on a cluster, but keeps no session
 * alive. On a time limit, on KILL_EXEC and when the client that asked is gone, the whole tree is killed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

struct nsr_exec {
	struct nsr_exec *next;
	struct nsr_shim *shim;
	struct nsr_instance *target; /* NULL: removed meanwhile */
	struct nsr_exec_spec *spec;
	struct nsr_reply reply; /* the id is the exec's, too */
	bool attached; /* a client's, or asked to be so: ends with the connection of whoever asked */
	struct nsr_spawning spawning;
	struct nsr_timer limit;
	bool timed_out;
	bool failed; /* to start, and answered so: only its process is still to be reaped */
	struct nsr_exec_place place;
	pid_t pid; /* 0: not running (yet) */
	int pidfd, console;
	struct nsr_watch output;
	int output_fd, memfd; /* with output_limit: the pipe's end and what came out of it; -1: nothing yet */
	uint64_t collected;
};

static void free_exec(struct nsr_exec *exec)
{
	struct nsr_shim *shim = exec->shim;

	for (struct nsr_exec **at = &shim->execs; *at; at = &(*at)->next)
		if (*at == exec) {
			*at = exec->next;
			break;
		}
	nsr_timer_cancel(&shim->loop, &exec->limit);
	nsr_watch_remove(&shim->loop, &exec->output);
	nsr_close(&exec->output_fd);
	nsr_close(&exec->memfd);
	nsr_close(&exec->console);
	nsr_close(&exec->pidfd);
	nsr_place_close(&exec->place);
	nsr_exec_spec_free(exec->spec);
	free(exec);
}

bool nsr_exec_runs(uint64_t number, void *arg)
{
	const struct nsr_shim *shim = arg;

	for (const struct nsr_exec *exec = shim->execs; exec; exec = exec->next)
		if (exec->place.number == number)
			return true;
	return false;
}

/* One read of the collected output; what is over the limit is dropped. Length, 0 at the end, -EAGAIN. */
static ssize_t collect(struct nsr_exec *exec)
{
	size_t size;
	uint8_t *buffer = nsr_log_buffer(&size);
	ssize_t length = read(exec->output_fd, buffer, size);
	uint64_t room;

	if (length <= 0)
		return length < 0 ? -errno : 0;
	room = exec->spec->output_limit - exec->collected;
	if ((uint64_t)length < room)
		room = (uint64_t)length;
	if (room > 0 && exec->memfd < 0)
		exec->memfd = memfd_create("output", MFD_CLOEXEC); /* most say nothing. Without it what they say is lost. */
	if (room > 0 && exec->memfd >= 0 && nsr_write_all(exec->memfd, buffer, room) == 0)
		exec->collected += room;
	return length;
}

static void on_output(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_exec *exec = nsr_container_of(watch, struct nsr_exec, output);
	ssize_t length = collect(exec);

	(void)events;
	if (length == 0 || (length < 0 && length != -EAGAIN && length != -EINTR))
		nsr_watch_remove(&exec->shim->loop, watch);
}

static void drain(struct nsr_exec *exec)
{
	/* What is in the pipe (64 KiB at most, it was never made larger), not what a child in the background adds to it. */
	for (ssize_t length, left = 1 << 16; left > 0 && (length = collect(exec)) > 0;)
		left -= length;
}

/* A background child may write on: its pipe is read for nobody, so that SIGPIPE does not end what a hook has started. The oldest
 * of a few such pipes is given up when there are too many. */
static void on_sink(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_sink *sink = nsr_container_of(watch, struct nsr_sink, watch);
	size_t size;
	uint8_t *buffer = nsr_log_buffer(&size);
	ssize_t length = read(sink->fd, buffer, size);

	(void)events;
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) {
		nsr_watch_remove(sink->loop, watch);
		nsr_close(&sink->fd);
	}
}

static void leave_to_sink(struct nsr_exec *exec)
{
	struct nsr_shim *shim = exec->shim;
	struct nsr_sink *sink = &shim->sinks[shim->next_sink++ % NSR_SINKS];

	nsr_watch_remove(&shim->loop, &exec->output);
	if (sink->loop) {
		nsr_watch_remove(&shim->loop, &sink->watch);
		nsr_close(&sink->fd);
	}
	sink->loop = &shim->loop;
	sink->fd = steal_fd(&exec->output_fd);
	if (nsr_watch_add(&shim->loop, &sink->watch, sink->fd, EPOLLIN, on_sink) < 0)
		nsr_close(&sink->fd);
}

static void finished(struct nsr_exec *exec, uint32_t exit_code)
{
	struct nsr_shim *shim = exec->shim;
	struct nsr_session *session = exec->attached ? nsr_session_find(shim, exec->reply.session) : NULL;
	struct nsr_writer *w = nsr_answer_begin(shim, 0, NSR_KIND_EXEC_FINISHED);
	bool background = exec->output_fd >= 0 && nsr_place_empty(&exec->place) == 0;

	if (exec->output_fd >= 0)
		drain(exec);
	if (exec->memfd >= 0)
		(void)lseek(exec->memfd, 0, SEEK_SET);
	nsr_write_u64(w, NSR_TAG_RECORD, exec->attached ? 0 : nsr_records_next(&shim->records));
	nsr_write_u64(w, NSR_TAG_EXEC_ID, exec->reply.id);
	nsr_write_u32(w, NSR_TAG_EXIT_CODE, exit_code);
	nsr_write_u32(w, NSR_TAG_TIMED_OUT, exec->timed_out);
	if (!exec->attached) {
		nsr_record_send(shim, steal_fd(&exec->memfd));
	} else {
		ssize_t length = nsr_writer_end(w);

		if (length > 0 && session)
			nsr_session_send(session, w->buffer, (size_t)length, exec->memfd);
		if (length > 0 && exec->reply.controller && exec->spec->attached) /* its one and only answer */
			nsr_answers_keep(&shim->answers, exec->reply.id, w->buffer, (size_t)length);
	}
	nsr_place_leave(exec->target, &exec->place);
	if (background)
		leave_to_sink(exec);
	free_exec(exec);
	nsr_sandbox_advance(shim);
}

/* The process of an exec that could not be started is reaped. */
static void gave_up(struct nsr_exec *exec)
{
	struct nsr_shim *shim = exec->shim;

	nsr_place_leave(exec->target, &exec->place);
	free_exec(exec);
	nsr_sandbox_advance(shim);
}

static void on_limit(struct nsr_timer *timer)
{
	struct nsr_exec *exec = nsr_container_of(timer, struct nsr_exec, limit);

	exec->timed_out = true;
	nsr_exec_kill(exec);
}

static void on_spawned(struct nsr_spawning *spawning, enum nsr_progress progress, const struct nsr_error *e)
{
	struct nsr_exec *exec = nsr_container_of(spawning, struct nsr_exec, spawning);
	struct nsr_spawned *process = &spawning->process;
	struct nsr_shim *shim = exec->shim;

	exec->pid = process->pid;
	exec->pidfd = steal_fd(&process->pidfd);
	exec->console = steal_fd(&process->console);
	nsr_spawned_close(process);
	if (progress == NSR_FAILED) {
		struct nsr_error error = *e;

		if (exec->timed_out)
			(void)nsr_fail(&error, NSR_STEP_TIMEOUT, ETIMEDOUT, "");
		nsr_answer_error(shim, &exec->reply, &error);
		/* Its cgroup can be removed when it is reaped. */
		exec->failed = true;
		nsr_exec_kill(exec);
		if (exec->pid == 0)
			gave_up(exec); /* it ended before it told who it was */
		return;
	}
	if (!exec->spec->attached) {
		struct nsr_writer *w = nsr_answer_begin(shim, exec->reply.id, NSR_KIND_OK);

		nsr_write_u32(w, NSR_TAG_PID, (uint32_t)exec->pid);
		nsr_answer_send(shim, &exec->reply, exec->console);
	}
	if (exec->timed_out)
		nsr_exec_kill(exec);
}

/* What the client gave; its /dev/null is most likely the host's. */
static int take_stdio(const struct nsr_pod *pod, int *fds, int stdio[3])
{
	for (int i = 0; i < 3; i++) {
		stdio[i] = nsr_is_null(fds[i]) ? nsr_pod_null(pod, fcntl(fds[i], F_GETFL) & O_ACCMODE) : steal_fd(&fds[i]);
		if (stdio[i] < 0)
			return stdio[i];
	}
	return 0;
}

/* The three descriptors of the new process. */
static int open_stdio(struct nsr_exec *exec, int *fds, size_t fds_count, int stdio[3])
{
	const struct nsr_pod *pod = &exec->shim->pod;
	int ends[2];

	if (!exec->spec->tty && exec->spec->output_limit == 0)
		return fds_count == 3 ? take_stdio(pod, fds, stdio) : -EINVAL;
	if (fds_count != 0 || (exec->spec->tty && exec->spec->output_limit > 0))
		return -EINVAL;
	if (exec->spec->tty)
		return 0;
	stdio[0] = nsr_pod_null(pod, O_RDONLY);
	if (stdio[0] < 0)
		return stdio[0];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	exec->output_fd = ends[0];
	stdio[1] = ends[1];
	stdio[2] = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
	if (stdio[2] < 0)
		return -errno;
	return nsr_set_nonblocking(exec->output_fd);
}

static int spawn(struct nsr_exec *exec, const int stdio[3], struct nsr_error *e)
{
	struct nsr_shim *shim = exec->shim;
	int r = nsr_place_take(exec->target, &exec->place, e);

	if (r == 0)
		r = nsr_exec_spawn(&exec->target->container, exec->spec, exec->place.cgroup_fd, stdio, &exec->spawning.process, e);
	if (r < 0)
		return r;
	/* Of an attached one only the end is told. Without a cgroup the process must be known, to be killed. */
	exec->spawning.quiet = exec->spec->attached && exec->place.cgroup_fd >= 0;
	r = nsr_spawning_watch(shim, &exec->spawning, on_spawned, e);
	if (r == 0 && exec->output_fd >= 0)
		/* Without the watch the output is what the pipe holds at the end: less, not wrong. */
		(void)nsr_watch_add(&shim->loop, &exec->output, exec->output_fd, EPOLLIN, on_output);
	if (r == 0 && exec->spec->timeout_ms > 0)
		nsr_timer_arm(&shim->loop, &exec->limit, exec->spec->timeout_ms, on_limit);
	return r;
}

int nsr_exec_start(struct nsr_session *session, struct nsr_exec_spec *spec, int *fds, size_t fds_count, struct nsr_reply reply,
		   struct nsr_error *e)
{
	struct nsr_shim *shim = session->shim;
	struct nsr_exec *exec;
	int stdio[3] = {-1, -1, -1}, r = 0;
	uint32_t count = 0;

	for (exec = shim->execs; exec; exec = exec->next)
		count++;
	exec = count < NSR_EXECS_MAX ? calloc(1, sizeof(*exec)) : NULL;
	if (!exec) {
		nsr_exec_spec_free(spec);
		return nsr_fail(e, NSR_STEP_MEMORY, ENOBUFS, "");
	}
	*exec = (struct nsr_exec){
		.next = shim->execs, .shim = shim, .spec = spec, .reply = reply,
		.attached = session->role == NSR_ROLE_CLIENT || spec->attached,
		.target = nsr_instance_find(shim, spec->container_id), .place = {.cgroup_fd = -1, .events_fd = -1},
		.pidfd = -1, .console = -1, .output_fd = -1, .memfd = -1,
		.output.fd = -1, .spawning.watch.fd = -1,
	};
	shim->execs = exec;
	if (!exec->target || exec->target->state != NSR_INSTANCE_RUNNING || exec->target->killed || shim->ending)
		r = nsr_fail(e, NSR_STEP_GONE, ESRCH, spec->container_id);
	if (r == 0) {
		r = open_stdio(exec, fds, fds_count, stdio);
		if (r < 0)
			(void)nsr_fail(e, NSR_STEP_STDIO, -r, "");
	}
	if (r == 0)
		r = spawn(exec, stdio, e);
	for (int i = 0; i < 3; i++)
		nsr_close(&stdio[i]);
	if (r < 0) {
		nsr_place_leave(exec->target, &exec->place);
		free_exec(exec);
	}
	return r;
}

bool nsr_exec_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code)
{
	for (struct nsr_exec *exec = shim->execs; exec; exec = exec->next)
		if (exec->pid == pid && !exec->spawning.active) {
			exec->pid = 0;
			if (exec->failed)
				gave_up(exec);
			else
				finished(exec, exit_code);
			return true;
		}
	return false;
}

struct nsr_exec *nsr_exec_find(struct nsr_session *session, uint64_t id)
{
	for (struct nsr_exec *exec = session->shim->execs; exec; exec = exec->next)
		if (exec->reply.id == id && (exec->attached ? exec->reply.session == session->serial : session->role == NSR_ROLE_CONTROLLER))
			return exec;
	return NULL;
}

int nsr_exec_console(const struct nsr_exec *exec)
{
	return exec->console;
}

void nsr_exec_kill(struct nsr_exec *exec)
{
	struct nsr_error ignored; /* its first process is signalled whatever the cgroup says */

	if (exec->spawning.active)
		nsr_spawning_kill(&exec->spawning);
	nsr_kill(exec->pidfd, exec->pid, SIGKILL);
	exec->place.killed = true;
	if (exec->place.cgroup_fd >= 0)
		(void)nsr_cgroup_kill(exec->place.cgroup_fd, &ignored);
	else if (exec->pid > 0)
		(void)kill(-exec->pid, SIGKILL); /* no cgroups: its session's first process group is the best there is */
}

void nsr_execs_kill(struct nsr_shim *shim, const struct nsr_instance *target)
{
	for (struct nsr_exec *exec = shim->execs; exec; exec = exec->next)
		if (!target || exec->target == target)
			nsr_exec_kill(exec);
}

void nsr_execs_forget(struct nsr_shim *shim, const struct nsr_instance *target)
{
	for (struct nsr_exec *exec = shim->execs; exec; exec = exec->next)
		if (exec->target == target)
			exec->target = NULL;
}

void nsr_execs_session_ended(struct nsr_shim *shim, uint32_t session)
{
	for (struct nsr_exec *exec = shim->execs; exec; exec = exec->next)
		if (exec->attached && exec->reply.session == session)
			nsr_exec_kill(exec);
}
