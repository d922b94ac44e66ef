/* commands.c - what each message does. One table: who may send it, whether a repetition gets the first answer, who carries it out.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

/* A handler returns 0: it has answered or will; DONE: answer OK; negative: answer ERROR with *e. It takes the descriptors it
 * wants to keep and leaves -1. */
#define DONE 1

struct call {
	struct nsr_session *session;
	struct nsr_shim *shim;
	struct nsr_request request;
	struct nsr_reply reply;
	int *fds;
	size_t fds_count;
};

struct nsr_writer *nsr_answer_begin(struct nsr_shim *shim, uint64_t id, enum nsr_kind kind)
{
	static uint8_t buffer[NSR_MESSAGE_MAX];

	nsr_writer_begin(&shim->writer, buffer, sizeof(buffer), kind, id);
	return &shim->writer;
}

void nsr_write_stamp(struct nsr_writer *w, enum nsr_tag tag, struct nsr_stamp stamp)
{
	size_t mark = nsr_write_block_begin(w, tag);

	nsr_write_u64(w, NSR_TAG_BOOTTIME_NS, stamp.boottime_ns);
	nsr_write_u64(w, NSR_TAG_REALTIME_NS, stamp.realtime_ns);
	nsr_write_block_end(w, mark);
}

void nsr_answer_send(struct nsr_shim *shim, struct nsr_reply *reply, int fd)
{
	ssize_t length = nsr_writer_end(&shim->writer);
	struct nsr_answer *answer = reply->controller ? nsr_answers_find(&shim->answers, reply->id) : NULL;
	struct nsr_session *session;

	if (length < 0 || reply->id == 0)
		return; /* too long: no answer is, by construction */
	session = nsr_session_find(shim, answer ? answer->session : reply->session);
	if (answer)
		nsr_answers_keep(&shim->answers, reply->id, shim->writer.buffer, (size_t)length);
	if (session)
		nsr_session_send(session, shim->writer.buffer, (size_t)length, fd);
}

void nsr_answer_ok(struct nsr_shim *shim, struct nsr_reply *reply)
{
	(void)nsr_answer_begin(shim, reply->id, NSR_KIND_OK);
	nsr_answer_send(shim, reply, -1);
}

void nsr_answer_error(struct nsr_shim *shim, struct nsr_reply *reply, const struct nsr_error *e)
{
	struct nsr_writer *w = nsr_answer_begin(shim, reply->id, NSR_KIND_ERROR);

	nsr_write_u32(w, NSR_TAG_STEP, (uint32_t)e->step);
	nsr_write_u32(w, NSR_TAG_ERRNO, (uint32_t)e->err);
	nsr_write_string(w, NSR_TAG_PATH, e->path);
	nsr_answer_send(shim, reply, -1);
}

int nsr_replies_add(struct nsr_replies *replies, struct nsr_reply reply, struct nsr_error *e)
{
	if (reply.id == 0)
		return 0;
	if (replies->count >= NSR_WAITING_MAX)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOBUFS, "so many wait for this already");
	replies->list[replies->count++] = reply;
	return 0;
}

void nsr_replies_send(struct nsr_shim *shim, struct nsr_replies *replies, const struct nsr_error *e)
{
	for (uint32_t i = 0; i < replies->count; i++) {
		if (e)
			nsr_answer_error(shim, &replies->list[i], e);
		else
			nsr_answer_ok(shim, &replies->list[i]);
	}
	replies->count = 0;
}

void nsr_record_send(struct nsr_shim *shim, int fd)
{
	ssize_t length = nsr_writer_end(&shim->writer);

	if (length < 0)
		nsr_close(&fd);
	else if (nsr_records_add(&shim->records, shim->writer.buffer, (size_t)length, fd) == 0)
		nsr_records_flush(shim);
}

/* CONTAINER_INFO of each that runs, then WELCOME. */
static void send_snapshot(const struct call *call)
{
	struct nsr_shim *shim = call->shim;
	struct nsr_writer *w;
	ssize_t length;

	for (const struct nsr_instance *instance = shim->instances; instance; instance = instance->next) {
		if (instance->state != NSR_INSTANCE_RUNNING)
			continue;
		w = nsr_answer_begin(shim, call->request.id, NSR_KIND_CONTAINER_INFO);
		nsr_write_string(w, NSR_TAG_CONTAINER_ID, instance->spec->id);
		nsr_write_string(w, NSR_TAG_NAME, instance->spec->name);
		nsr_write_u32(w, NSR_TAG_ATTEMPT, instance->spec->attempt);
		nsr_write_u32(w, NSR_TAG_PID, (uint32_t)instance->container.pid);
		nsr_write_stamp(w, NSR_TAG_STARTED, instance->started);
		length = nsr_writer_end(w);
		if (length > 0)
			nsr_session_send(call->session, w->buffer, (size_t)length, -1);
	}
	w = nsr_answer_begin(shim, call->request.id, NSR_KIND_WELCOME);
	if (shim->spec)
		nsr_write_string(w, NSR_TAG_UID, shim->spec->uid);
	if (shim->sandbox == NSR_SANDBOX_RUNNING) {
		nsr_write_u32(w, NSR_TAG_ATTEMPT, shim->spec->attempt);
		nsr_write_u32(w, NSR_TAG_PID, (uint32_t)shim->pod.pause_pid);
	}
	length = nsr_writer_end(w);
	if (length > 0)
		nsr_session_send(call->session, w->buffer, (size_t)length, -1);
}

static int hello(struct call *call, struct nsr_error *e)
{
	struct nsr_session *session = call->session;
	struct nsr_shim *shim = call->shim;
	uint32_t clients = 0;

	(void)e;
	for (const struct nsr_session *other = shim->sessions; other; other = other->next)
		clients += other->role == NSR_ROLE_CLIENT;
	if (session->role != 0 || (call->request.role != NSR_ROLE_CONTROLLER && call->request.role != NSR_ROLE_CLIENT) ||
	    (call->request.role == NSR_ROLE_CLIENT && clients >= NSR_CLIENTS_MAX)) {
		session->broken = true;
		return 0;
	}
	nsr_timer_cancel(&shim->loop, &session->hello);
	session->role = call->request.role;
	if (session->role == NSR_ROLE_CONTROLLER) {
		if (shim->controller)
			shim->controller->broken = true; /* the newer one has it now */
		shim->controller = session;
		nsr_owner_controller_came(shim, steal_fd(&session->pidfd));
		nsr_records_unsent(&shim->records);
	}
	send_snapshot(call);
	nsr_records_flush(shim);
	return 0;
}

static int list(struct call *call, struct nsr_error *e)
{
	(void)e;
	send_snapshot(call);
	return 0;
}

static int create_sandbox(struct call *call, struct nsr_error *e)
{
	return nsr_sandbox_create(call->shim, call->fds[0], call->reply, e);
}

static int stop_sandbox(struct call *call, struct nsr_error *e)
{
	struct nsr_shim *shim = call->shim;

	/* Of another attempt, or none: what was asked for is so already. */
	if (shim->ending == NSR_ENDING_NOT && (shim->sandbox == NSR_SANDBOX_NONE || shim->spec->attempt != call->request.attempt))
		return DONE;
	return nsr_sandbox_end(shim, NSR_ENDING_STOP, call->reply, e);
}

static int start_container(struct call *call, struct nsr_error *e)
{
	return nsr_instance_start(call->shim, call->fds[0], call->reply, e);
}

static int prepare_container(struct call *call, struct nsr_error *e)
{
	const char *after = call->request.container_id;

	return *after ? nsr_successor_keep(call->shim, after, &call->fds[0], e) : nsr_instance_prepare(call->shim, call->fds[0], e);
}

static int send_signal(struct call *call, struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_instance_find(call->shim, call->request.container_id);
	int r = instance ? nsr_instance_signal(instance, (int)call->request.signal, call->request.whole != 0, e) : 0;

	if (!instance)
		nsr_successor_forget(call->shim, call->request.container_id);
	return r < 0 ? r : DONE;
}

static int remove_container(struct call *call, struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_instance_find(call->shim, call->request.container_id);

	return instance ? nsr_instance_remove(instance, call->reply, e) : DONE;
}

static int remove_pod(struct call *call, struct nsr_error *e)
{
	return nsr_sandbox_end(call->shim, NSR_ENDING_REMOVE, call->reply, e);
}

static int exec(struct call *call, struct nsr_error *e)
{
	struct nsr_bytes bytes = call->request.spec;
	size_t first = bytes.length == 0; /* of the descriptors that are not the spec's */
	struct nsr_exec_spec *spec;
	int r = bytes.length > 0 ? nsr_exec_spec_copy(bytes, &spec, e) : nsr_exec_spec_open(call->fds[0], &spec, e);

	return r < 0 ? r : nsr_exec_start(call->session, spec, call->fds + first, call->fds_count - first, call->reply, e);
}

static int resize(struct call *call, struct nsr_error *e)
{
	struct nsr_exec *running = call->request.exec_id ? nsr_exec_find(call->session, call->request.exec_id) : NULL;
	struct nsr_instance *instance = nsr_instance_find(call->shim, call->request.container_id);
	int console = running ? nsr_exec_console(running) : instance ? instance->console : -1, r;

	if (console < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, running || instance ? ENOTTY : ESRCH, call->request.container_id);
	r = nsr_console_resize(console, call->request.rows, call->request.columns);
	return r < 0 ? nsr_fail(e, NSR_STEP_CONSOLE, -r, call->request.container_id) : DONE;
}

static int kill_exec(struct call *call, struct nsr_error *e)
{
	struct nsr_exec *running = nsr_exec_find(call->session, call->request.exec_id);

	(void)e;
	if (running)
		nsr_exec_kill(running);
	return DONE;
}

static int attach(struct call *call, struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_instance_find(call->shim, call->request.container_id);
	int r;

	if (!instance)
		return nsr_fail(e, NSR_STEP_GONE, ESRCH, call->request.container_id);
	r = nsr_attach(instance, call->reply, call->request.streams, call->fds, e);
	return r < 0 ? r : DONE;
}

static int acknowledge(struct call *call, struct nsr_error *e)
{
	(void)e;
	nsr_records_acknowledge(&call->shim->records, call->request.record);
	return 0;
}

static int open_volume(struct call *call, struct nsr_error *e)
{
	int fd = nsr_sandbox_open_volume(call->shim, call->request.name, e);

	if (fd < 0)
		return fd;
	(void)nsr_answer_begin(call->shim, call->reply.id, NSR_KIND_OK);
	nsr_answer_send(call->shim, &call->reply, fd);
	nsr_close(&fd);
	return 0;
}

static const struct command {
	enum nsr_kind kind;
	bool client; /* may clients send it */
	bool once; /* a repetition gets the first answer */
	bool silent; /* no id, no answer */
	int (*handle)(struct call *call, struct nsr_error *e);
} commands[] = {
	{NSR_KIND_HELLO, true, false, false, hello},
	{NSR_KIND_LIST, true, false, false, list},
	{NSR_KIND_CREATE_SANDBOX, false, true, false, create_sandbox},
	{NSR_KIND_STOP_SANDBOX, false, true, false, stop_sandbox},
	{NSR_KIND_START_CONTAINER, false, true, false, start_container},
	{NSR_KIND_SIGNAL, false, true, false, send_signal},
	{NSR_KIND_REMOVE_CONTAINER, false, true, false, remove_container},
	{NSR_KIND_REMOVE_POD, false, true, false, remove_pod},
	{NSR_KIND_EXEC, true, true, false, exec},
	{NSR_KIND_RESIZE, true, false, false, resize},
	{NSR_KIND_KILL_EXEC, true, false, false, kill_exec},
	{NSR_KIND_ATTACH, true, true, false, attach},
	{NSR_KIND_ACKNOWLEDGE, false, false, true, acknowledge},
	{NSR_KIND_OPEN_VOLUME, false, false, false, open_volume},
	{NSR_KIND_PREPARE_CONTAINER, false, false, true, prepare_container},
};

/* True: this command was seen before; its answer is sent again, or will be sent here when there is one. */
static bool repeated(const struct call *call)
{
	struct nsr_answer *answer = nsr_answers_find(&call->shim->answers, call->request.id);
	struct nsr_exec *running;

	if (!answer) {
		(void)nsr_answers_begin(&call->shim->answers, call->request.id, call->session->serial); /* or it is not kept */
		return false;
	}
	answer->session = call->session->serial;
	running = nsr_exec_find(call->session, call->request.id);
	if (answer->length > 0)
		nsr_session_send(call->session, answer->bytes, answer->length, running ? nsr_exec_console(running) : -1);
	return true;
}

static const struct command *find_command(enum nsr_kind kind)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].kind == kind)
			return &commands[i];
	return NULL;
}

void nsr_command(struct nsr_session *session, const void *message, size_t length, int *fds, size_t fds_count)
{
	struct call call = {.session = session, .shim = session->shim, .fds = fds, .fds_count = fds_count};
	struct nsr_error e = {0};
	const struct command *command;
	bool controller = session->role == NSR_ROLE_CONTROLLER;
	int r;

	if (nsr_request_parse(message, length, fds_count, &call.request) < 0) {
		session->broken = true;
		return;
	}
	command = find_command(call.request.kind);
	/* The first message is a hello; an id is what an answer is found by; a client stays with what clients may do. */
	if (!command || (session->role == 0) != (call.request.kind == NSR_KIND_HELLO) ||
	    (call.request.id == 0 && !command->silent) || (!command->client && !controller && session->role)) {
		session->broken = true;
		return;
	}
	call.reply = (struct nsr_reply){.id = call.request.id, .session = session->serial, .controller = controller && command->once};
	if (call.reply.controller && repeated(&call))
		return;
	r = command->handle(&call, &e);
	if (r == DONE)
		nsr_answer_ok(call.shim, &call.reply);
	else if (r < 0)
		nsr_answer_error(call.shim, &call.reply, &e);
}
