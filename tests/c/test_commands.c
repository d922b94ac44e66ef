/* test_commands.c - what the shim answers, and when, over a runtime in which processes end when the test says so (fake_runtime.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "fake_runtime.h"
#include "shim.h"
#include "util.h"
#include "wire_reader.h"

static struct nsr_shim shim;
static int controller;

static void turn_while_ready(void)
{
	for (;;) {
		struct pollfd ready = {.fd = shim.loop.epoll_fd, .events = POLLIN};

		nsr_outputs_ready(&shim); /* in place of SIGIO */
		if (shim.gone || poll(&ready, 1, 0) == 0)
			return;
		CHECK_EQUAL(nsr_loop_turn(&shim.loop), 0);
		nsr_sessions_sweep(&shim);
	}
}

static int connect_to_shim(void)
{
	int ends[2];

	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	CHECK_EQUAL(nsr_session_open(&shim, ends[1], -1), 0);
	return ends[0];
}

static uint8_t packet[NSR_MESSAGE_MAX];

static struct nsr_writer begin(enum nsr_kind kind, uint64_t id)
{
	struct nsr_writer w;

	nsr_writer_begin(&w, packet, sizeof(packet), kind, id);
	return w;
}

static void send_packet(int socket, struct nsr_writer *w, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	ssize_t length = nsr_writer_end(w);
	struct iovec part = {.iov_base = packet, .iov_len = (size_t)length};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	CHECK(length > 0);
	if (fd >= 0) {
		struct cmsghdr *c;

		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	CHECK_EQUAL(sendmsg(socket, &header, MSG_NOSIGNAL), length);
	nsr_close(&fd);
	turn_while_ready();
}

static void send_plain(int socket, enum nsr_kind kind, uint64_t id)
{
	struct nsr_writer w = begin(kind, id);

	send_packet(socket, &w, -1);
}

static const char *followed; /* by what is prepared; NULL: nobody */

/* A command with the envelope in `w` as its spec. */
static void send_spec(enum nsr_kind kind, uint64_t id, struct nsr_writer *spec)
{
	ssize_t length = nsr_writer_end(spec);
	int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct nsr_writer w;

	CHECK(length > 0 && fd >= 0);
	CHECK_EQUAL(nsr_write_all(fd, packet, (size_t)length), 0);
	CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	w = begin(kind, id);
	if (kind == NSR_KIND_PREPARE_CONTAINER && followed)
		nsr_write_string(&w, NSR_TAG_CONTAINER_ID, followed);
	send_packet(controller, &w, fd);
}

static void send_container(enum nsr_kind kind, uint64_t id, const char *container)
{
	struct nsr_writer w = begin(kind, id);

	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	if (kind == NSR_KIND_SIGNAL)
		nsr_write_u32(&w, NSR_TAG_SIGNAL, 9);
	send_packet(controller, &w, -1);
}

static uint32_t other_user; /* that containers run as */

static void send_container_spec(enum nsr_kind kind, uint64_t id, const char *container, bool works)
{
	struct nsr_writer w = begin(NSR_KIND_CONTAINER_SPEC, 0);
	size_t mark;

	while (((fake_runtime_last_pid + 1) % 5 == 3) == works) /* of these the runtime says that execve failed */
		fake_runtime_last_pid++;
	nsr_write_string(&w, NSR_TAG_NAME, "web");
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, "/");
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_ARG, "/bin/true");
	nsr_write_string(&w, NSR_TAG_CWD, "/");
	mark = nsr_write_block_begin(&w, NSR_TAG_CREDENTIALS);
	nsr_write_u32(&w, NSR_TAG_USER, other_user);
	nsr_write_block_end(&w, mark);
	send_spec(kind, id, &w);
}

static void send_start(uint64_t id, const char *container, bool works)
{
	send_container_spec(NSR_KIND_START_CONTAINER, id, container, works);
}

/* The next message's kind and id, in one number that a failing test prints: 1000 * id + kind. 0: there is none. */
static long long next_answer(int socket, int32_t *ret_errno)
{
	uint8_t message[NSR_MESSAGE_MAX];
	ssize_t length = recv(socket, message, sizeof(message), MSG_DONTWAIT);
	struct nsr_envelope envelope;
	struct nsr_bytes block;
	uint32_t number;

	if (length <= 0)
		return 0;
	CHECK_EQUAL(nsr_envelope_read(message, (size_t)length, &envelope, &block), 0);
	if (envelope.kind == NSR_KIND_ERROR && ret_errno) { /* STEP, then ERRNO: each 8 bytes of field and 4 of number */
		memcpy(&number, block.data + 20, sizeof(number));
		*ret_errno = (int32_t)number;
	}
	return (long long)envelope.id * 1000 + envelope.kind;
}

#define ANSWER(id, kind) ((id) * 1000 + NSR_KIND_##kind)

static void expect(int socket, long long answer)
{
	CHECK_EQUAL(next_answer(socket, NULL), answer);
}

static void expect_error(int socket, long long id, int err)
{
	int32_t got = 0;

	CHECK_EQUAL(next_answer(socket, &got), ANSWER(id, ERROR));
	CHECK_EQUAL(got, err);
}

static void prepare(const char *container)
{
	send_container_spec(NSR_KIND_PREPARE_CONTAINER, 0, container, true);
	expect(controller, 0);
}

static void prepare_after(const char *container, const char *after)
{
	followed = after;
	prepare(container);
	followed = NULL;
}

static void end_process(pid_t pid, uint32_t exit_code)
{
	nsr_process_ended(&shim, pid, exit_code);
	turn_while_ready();
}

/* A pod with one container, "a"; its pids. Command ids up to 9 are used up. */
static pid_t pause_pid, container_pid;

static void begin_pod(void)
{
	struct nsr_writer w;

	fake_runtime_dry = true;
	fake_runtime_release_error = 0;
	fake_runtime_last_pid = FAKE_RUNTIME_FIRST_PID;
	shim = (struct nsr_shim){0};
	shim.pod = (struct nsr_pod){.run_fd = -1, .state_fd = -1, .logs_fd = -1, .cgroup_fd = -1, .host_mnt_fd = -1, .files_fd = -1,
				    .shm_fd = -1, .pause_pidfd = -1};
	shim.owner = (struct nsr_owner){.owner_fd = -1, .peer_fd = -1, .owner.fd = -1, .peer.fd = -1};
	CHECK_EQUAL(nsr_loop_open(&shim.loop), 0);
	controller = connect_to_shim();
	w = begin(NSR_KIND_HELLO, 1);
	nsr_write_u32(&w, NSR_TAG_ROLE, NSR_ROLE_CONTROLLER);
	send_packet(controller, &w, -1);
	expect(controller, ANSWER(1, WELCOME));
	w = begin(NSR_KIND_SANDBOX_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_UID, "uid");
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
	nsr_write_string(&w, NSR_TAG_RUN_DIR, "/nowhere/run");
	nsr_write_string(&w, NSR_TAG_STATE_DIR, "/nowhere/state");
	nsr_write_string(&w, NSR_TAG_LOGS_DIR, "/nowhere/logs");
	send_spec(NSR_KIND_CREATE_SANDBOX, 2, &w);
	expect(controller, ANSWER(2, OK));
	pause_pid = fake_runtime_last_pid;
	send_start(3, "a", true);
	expect(controller, ANSWER(3, OK));
	container_pid = fake_runtime_last_pid;
}

static void end_pod(void)
{
	for (struct nsr_session *session = shim.sessions; session; session = session->next)
		session->broken = true;
	nsr_sessions_sweep(&shim);
	CHECK(!shim.instances && !shim.attachments && !shim.removals);
	nsr_records_clear(&shim.records);
	nsr_answers_clear(&shim.answers);
	nsr_sandbox_spec_free(shim.spec);
	nsr_close(&shim.loop.epoll_fd);
	nsr_close(&controller);
}

static void end_container(void)
{
	end_process(container_pid, 3);
	expect(controller, ANSWER(0, CONTAINER_EXITED));
}

static void remove_pod(uint64_t id)
{
	send_plain(controller, NSR_KIND_REMOVE_POD, id);
	for (pid_t pid = FAKE_RUNTIME_FIRST_PID; pid <= fake_runtime_last_pid && !shim.gone; pid++)
		end_process(pid, pid == fake_runtime_last_pid ? 0 : 137);
	CHECK(shim.gone);
	end_pod();
}

/* While an instance is being removed: everybody else is served, and whoever asks about it gets a right answer. */
static void test_removing(void)
{
	pid_t remover;

	begin_pod();
	send_container(NSR_KIND_REMOVE_CONTAINER, 10, "a");
	expect_error(controller, 10, EBUSY); /* it runs */
	end_container();
	send_container(NSR_KIND_REMOVE_CONTAINER, 11, "a");
	remover = fake_runtime_last_pid;
	CHECK_EQUAL(shim.remover.pid, remover);
	expect(controller, 0);
	send_plain(controller, NSR_KIND_LIST, 12);
	expect(controller, ANSWER(12, WELCOME));
	send_container(NSR_KIND_SIGNAL, 13, "a");
	expect(controller, ANSWER(13, OK)); /* gone is as good as signalled */
	send_start(14, "a", true);
	expect_error(controller, 14, EEXIST);
	send_start(15, "b", true);
	expect(controller, ANSWER(15, OK));
	send_container(NSR_KIND_REMOVE_CONTAINER, 16, "a");
	send_container(NSR_KIND_REMOVE_CONTAINER, 16, "a"); /* a repetition is no command of its own */
	expect(controller, 0);
	end_process(remover, 0);
	expect(controller, ANSWER(11, OK));
	expect(controller, ANSWER(16, OK));
	expect(controller, 0);
	send_container(NSR_KIND_REMOVE_CONTAINER, 17, "a");
	expect(controller, ANSWER(17, OK)); /* gone already */
	remove_pod(20);
}

/* What failed is told, to all who waited, and may be tried again. */
static void test_removal_fails(void)
{
	begin_pod();
	end_container();
	fake_runtime_release_error = EXDEV;
	send_container(NSR_KIND_REMOVE_CONTAINER, 10, "a");
	send_container(NSR_KIND_REMOVE_CONTAINER, 11, "a");
	end_process(shim.remover.pid, 1);
	expect_error(controller, 10, EXDEV);
	expect_error(controller, 11, EXDEV);
	fake_runtime_release_error = 0;
	send_container(NSR_KIND_REMOVE_CONTAINER, 12, "a");
	end_process(shim.remover.pid, 128 + 9);
	expect(controller, ANSWER(12, OK)); /* somebody has killed the remover: the shim has done its work */
	CHECK(!shim.instances);
	remove_pod(20);
}

/* One after the other. */
static void test_removals_queue(void)
{
	pid_t first;

	begin_pod();
	end_container();
	send_start(10, "b", true);
	expect(controller, ANSWER(10, OK));
	end_process(fake_runtime_last_pid, 0);
	expect(controller, ANSWER(0, CONTAINER_EXITED));
	send_container(NSR_KIND_REMOVE_CONTAINER, 11, "a");
	first = shim.remover.pid;
	send_container(NSR_KIND_REMOVE_CONTAINER, 12, "b");
	send_plain(controller, NSR_KIND_REMOVE_POD, 13);
	end_process(pause_pid, 137);
	CHECK_EQUAL(shim.remover.pid, first);
	end_process(first, 0);
	expect(controller, ANSWER(11, OK));
	CHECK(shim.remover.pid > first);
	end_process(shim.remover.pid, 0);
	expect(controller, ANSWER(12, OK));
	send_container(NSR_KIND_REMOVE_CONTAINER, 14, "c");
	expect(controller, ANSWER(14, OK));
	end_process(shim.remover.pid, 0);
	expect(controller, ANSWER(13, OK));
	CHECK(shim.gone);
	end_pod();
}

/* Whoever asks for an end hears of it: those before and those after whoever asked for more. */
static void test_every_end_is_answered(void)
{
	struct nsr_writer w;

	begin_pod();
	for (uint64_t id = 10; id < 12; id++) {
		w = begin(NSR_KIND_STOP_SANDBOX, id);
		nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
		send_packet(controller, &w, -1);
	}
	send_plain(controller, NSR_KIND_REMOVE_POD, 12);
	expect(controller, 0);
	end_container();
	end_process(pause_pid, 137);
	w = begin(NSR_KIND_STOP_SANDBOX, 13);
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
	send_packet(controller, &w, -1);
	send_container(NSR_KIND_REMOVE_CONTAINER, 14, "a"); /* behind the pod itself, which takes it along */
	send_plain(controller, NSR_KIND_REMOVE_POD, 15);
	expect(controller, 0);
	end_process(shim.remover.pid, 0);
	for (long long id = 10; id < 12; id++)
		expect(controller, ANSWER(id, OK));
	expect(controller, ANSWER(13, OK));
	expect(controller, ANSWER(14, OK));
	expect(controller, ANSWER(12, OK));
	expect(controller, ANSWER(15, OK));
	CHECK(shim.gone);
	end_pod();
}

/* STOP, and REMOVE while what STOP takes is on its way out. */
static void test_stop_becomes_remove(void)
{
	struct nsr_writer w;
	pid_t remover;

	begin_pod();
	w = begin(NSR_KIND_STOP_SANDBOX, 10);
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
	send_packet(controller, &w, -1);
	end_container();
	end_process(pause_pid, 137);
	remover = shim.remover.pid;
	CHECK(remover > 0);
	for (uint64_t id = 11; id < 11 + NSR_WAITING_MAX; id++)
		send_plain(controller, NSR_KIND_REMOVE_POD, id);
	send_plain(controller, NSR_KIND_REMOVE_POD, 50);
	expect_error(controller, 50, ENOBUFS);
	expect(controller, 0);
	end_process(remover, 0);
	expect(controller, ANSWER(10, OK));
	expect(controller, 0);
	end_process(shim.remover.pid, 0);
	for (long long id = 11; id < 11 + NSR_WAITING_MAX; id++)
		expect(controller, ANSWER(id, OK));
	CHECK(shim.gone);
	end_pod();
}

/* A start that fails is told when what it had made is gone. */
static void test_failed_start(void)
{
	begin_pod();
	send_start(10, "b", false);
	expect(controller, 0);
	CHECK(shim.remover.pid > 0);
	end_process(shim.remover.pid, 0);
	expect_error(controller, 10, ENOENT);
	remove_pod(20);
}

/* What is prepared runs when its start is asked for, and has a life like any other from there. */
static void test_prepared(void)
{
	pid_t pid;

	begin_pod();
	prepare("b");
	pid = fake_runtime_last_pid;
	send_plain(controller, NSR_KIND_LIST, 10);
	expect(controller, ANSWER(10, CONTAINER_INFO)); /* of "a" */
	expect(controller, ANSWER(10, WELCOME));
	prepare("b"); /* there is one */
	CHECK(!shim.instances->next->next);
	send_container(NSR_KIND_REMOVE_CONTAINER, 11, "b");
	expect_error(controller, 11, EBUSY);
	send_start(12, "b", true);
	expect(controller, ANSWER(12, OK));
	send_start(13, "b", true);
	expect_error(controller, 13, EEXIST);
	end_process(pid, 0);
	expect(controller, ANSWER(0, CONTAINER_EXITED));
	remove_pod(20);
}

/* One that has failed, or was killed, says nothing and leaves nothing; the start is made anew, when that is gone. */
static void test_prepared_fails(void)
{
	pid_t pid;

	begin_pod();
	prepare("b");
	pid = fake_runtime_last_pid;
	send_container(NSR_KIND_SIGNAL, 10, "b");
	expect(controller, ANSWER(10, OK));
	send_start(11, "b", true);
	send_start(12, "b", true);
	expect_error(controller, 12, EEXIST); /* one start is under way */
	fake_runtime_end(pid);
	turn_while_ready();
	expect(controller, 0);
	end_process(shim.remover.pid, 0);
	expect(controller, ANSWER(11, OK));
	CHECK(fake_runtime_last_pid > pid);
	prepare("c");
	fake_runtime_end(fake_runtime_last_pid);
	turn_while_ready();
	send_start(13, "c", true);
	end_process(shim.remover.pid, 0);
	expect(controller, ANSWER(13, OK));
	prepare("d");
	fake_runtime_end(fake_runtime_last_pid);
	turn_while_ready();
	end_process(shim.remover.pid, 0);
	expect(controller, 0);
	send_start(14, "d", true);
	expect(controller, ANSWER(14, OK));
	prepare("e");
	CHECK(shim.instances->spawning.timeout.armed);
	shim.instances->spawning.timeout.due_ns = 0; /* nobody has asked for it in all that time */
	shim.loop.timers->due_ns = 0;
	CHECK_EQUAL(nsr_loop_turn(&shim.loop), 0);
	fake_runtime_end(fake_runtime_last_pid);
	end_process(shim.remover.pid, 0);
	expect(controller, 0);
	CHECK(!nsr_instance_find(&shim, "e"));
	remove_pod(20);
}

/* The start has another spec: what was prepared goes first. */
static void test_prepared_otherwise(void)
{
	struct nsr_writer w;
	pid_t pid;

	begin_pod();
	prepare("b");
	pid = fake_runtime_last_pid;
	other_user = 7;
	send_start(10, "b", true);
	expect(controller, 0);
	CHECK(shim.instances->killed);
	fake_runtime_end(pid);
	turn_while_ready();
	end_process(shim.remover.pid, 0);
	expect(controller, ANSWER(10, OK));
	CHECK_EQUAL(shim.instances->spec->credentials.user, 7);
	other_user = 0;
	/* No sandbox is left for the second one. */
	prepare("c");
	pid = fake_runtime_last_pid;
	other_user = 8;
	send_start(11, "c", true);
	other_user = 0;
	w = begin(NSR_KIND_STOP_SANDBOX, 12);
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
	send_packet(controller, &w, -1);
	fake_runtime_end(pid);
	turn_while_ready();
	end_process(shim.remover.pid, 0);
	expect_error(controller, 11, ESRCH);
	remove_pod(20);
}

/* With its pod it goes, without a record. */
static void test_prepared_in_a_removed_pod(void)
{
	begin_pod();
	prepare("b");
	send_plain(controller, NSR_KIND_REMOVE_POD, 20);
	fake_runtime_end(fake_runtime_last_pid);
	turn_while_ready();
	for (pid_t pid = FAKE_RUNTIME_FIRST_PID; pid <= fake_runtime_last_pid && !shim.gone; pid++)
		end_process(pid, pid == shim.remover.pid ? 0 : 137);
	CHECK(shim.gone);
	expect(controller, ANSWER(0, CONTAINER_EXITED)); /* "a" */
	expect(controller, ANSWER(20, OK));
	end_pod();
}

/* What is to follow an instance is prepared when that has ended by itself, the last one that was named, and only then. */
static void test_successor(void)
{
	begin_pod();
	prepare_after("b", "a");
	prepare_after("c", "a");
	CHECK(!shim.instances->next);
	end_container();
	CHECK(!nsr_instance_find(&shim, "b"));
	CHECK(nsr_instance_find(&shim, "c")->held);
	send_start(10, "c", true);
	expect(controller, ANSWER(10, OK));
	prepare_after("d", "nobody");
	CHECK(!nsr_instance_find(&shim, "d"));
	prepare_after("d", "a"); /* has ended */
	CHECK(nsr_instance_find(&shim, "d")->held);
	send_container(NSR_KIND_SIGNAL, 11, "d");
	expect(controller, ANSWER(11, OK));
	fake_runtime_end(fake_runtime_last_pid);
	turn_while_ready();
	end_process(shim.remover.pid, 0);
	CHECK(!nsr_instance_find(&shim, "d"));
	remove_pod(20);
}

/* One that is stopped is not followed, nor one whose successor is not wanted any more. */
static void test_successor_unwanted(void)
{
	begin_pod();
	prepare_after("b", "a");
	send_container(NSR_KIND_SIGNAL, 10, "x");
	expect(controller, ANSWER(10, OK));
	CHECK(shim.instances->successor_fd >= 0);
	send_container(NSR_KIND_SIGNAL, 11, "b");
	expect(controller, ANSWER(11, OK));
	CHECK_EQUAL(shim.instances->successor_fd, -1);
	prepare_after("b", "a");
	send_container(NSR_KIND_SIGNAL, 12, "a");
	expect(controller, ANSWER(12, OK));
	CHECK_EQUAL(shim.instances->successor_fd, -1);
	end_container();
	CHECK(!shim.instances->next);
	send_start(13, "c", true);
	expect(controller, ANSWER(13, OK));
	prepare_after("d", "c");
	remove_pod(20); /* which kills "c" */
}

/* A client may attach so often and no more, and others may still. */
static void test_attachments(void)
{
	int clients[2], ends[2];
	long long id = 100;
	struct nsr_writer w;

	begin_pod();
	CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = connect_to_shim();
		w = begin(NSR_KIND_HELLO, 1);
		nsr_write_u32(&w, NSR_TAG_ROLE, NSR_ROLE_CLIENT);
		send_packet(clients[i], &w, -1);
		while (next_answer(clients[i], NULL) != ANSWER(1, WELCOME))
			;
		for (int count = 0; count < 17; count++) {
			w = begin(NSR_KIND_ATTACH, (uint64_t)++id);
			nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "a");
			nsr_write_u32(&w, NSR_TAG_STREAMS, NSR_STREAM_STDOUT);
			send_packet(clients[i], &w, dup(ends[1]));
			if (count < 16)
				expect(clients[i], ANSWER(id, OK));
			else
				expect_error(clients[i], id, ENOBUFS);
		}
	}
	CHECK_EQUAL(close(ends[0]) | close(ends[1]), 0);
	end_container();
	remove_pod(20);
	CHECK_EQUAL(close(clients[0]) | close(clients[1]), 0);
}

/* Without a free descriptor the loop rests instead of asking again and again, and accepts when there is one. */
static void test_no_descriptor_to_accept_with(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(sa_family_t); /* the kernel chooses a name, an abstract one */
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int caller = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), sessions = 0, free_fd;
	struct rlimit before, none;

	begin_pod();
	CHECK_EQUAL(bind(listener, (struct sockaddr *)&address, length), 0);
	length = sizeof(address);
	CHECK_EQUAL(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	CHECK_EQUAL(listen(listener, 4), 0);
	CHECK_EQUAL(nsr_watch_add(&shim.loop, &shim.listener_watch, listener, EPOLLIN, nsr_session_accept), 0);
	CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	free_fd = dup(listener);
	none.rlim_cur = (rlim_t)free_fd; /* the lowest that is free */
	CHECK_EQUAL(close(free_fd), 0);
	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQUAL(connect(caller, (struct sockaddr *)&address, length), 0);
	turn_while_ready(); /* does not come back from here when it asks again at once */
	CHECK_EQUAL(shim.listener_watch.events, 0);
	CHECK(shim.listen_again.armed);
	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (shim.listener_watch.events == 0)
		CHECK_EQUAL(nsr_loop_turn(&shim.loop), 0); /* sleeps until the timer */
	turn_while_ready();
	for (struct nsr_session *session = shim.sessions; session; session = session->next)
		sessions++;
	CHECK_EQUAL(sessions, 2);
	nsr_watch_remove(&shim.loop, &shim.listener_watch);
	end_container();
	remove_pod(20);
	CHECK_EQUAL(close(caller) | close(listener), 0);
}

/* Only its end is told, so its start is nobody's business until then, or until one that takes too long would be killed. */
static void test_an_attached_exec_that_runs_for_long(void)
{
	uint8_t bytes[256];
	struct nsr_writer w;
	struct nsr_timer *timeout;
	ssize_t length;

	fake_runtime_cgroups = true;
	begin_pod();
	while ((fake_runtime_last_pid + 1) % 5 == 3)
		fake_runtime_last_pid++;
	nsr_writer_begin(&w, bytes, sizeof(bytes), NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "a");
	nsr_write_string(&w, NSR_TAG_ARG, "/bin/sleep");
	nsr_write_u64(&w, NSR_TAG_OUTPUT_LIMIT, 10);
	nsr_write_u32(&w, NSR_TAG_ATTACHED, 1);
	length = nsr_writer_end(&w);
	CHECK(length > 0);
	w = begin(NSR_KIND_EXEC, 10);
	nsr_write_bytes(&w, NSR_TAG_SPEC, bytes, (size_t)length);
	send_packet(controller, &w, -1);
	CHECK(shim.execs && shim.spawnings && shim.spawnings->quiet);
	timeout = &shim.spawnings->timeout;
	nsr_timer_arm(&shim.loop, timeout, 0, timeout->fire);
	CHECK_EQUAL(nsr_loop_turn(&shim.loop), 0);
	CHECK(shim.execs && !shim.spawnings);
	expect(controller, 0);
	end_process(fake_runtime_last_pid, 4);
	CHECK(!shim.execs);
	expect(controller, ANSWER(0, EXEC_FINISHED));
	end_container();
	remove_pod(20);
	fake_runtime_cgroups = false;
}

int main(void)
{
	CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR);
	test_removing();
	test_removal_fails();
	test_removals_queue();
	test_every_end_is_answered();
	test_stop_becomes_remove();
	test_failed_start();
	test_prepared();
	test_prepared_fails();
	test_prepared_otherwise();
	test_prepared_in_a_removed_pod();
	test_successor();
	test_successor_unwanted();
	test_attachments();
	test_an_attached_exec_that_runs_for_long();
	test_no_descriptor_to_accept_with();
	return 0;
}
