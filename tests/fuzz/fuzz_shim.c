/* fuzz_shim.c - the shim's protocol, from bytes to its tables: every message parsed and carried out, nothing really started.
 *
 * An input is a sequence of {u16 length, u8 descriptors, u8 what, bytes}. `what` 0: a message of the first connection; 1: of a second
 * one; 2: some process has ended; 3: the first connection is closed. A descriptor of a message is a sealed memfd with the
 * bytes of the next item. LLVMFuzzerTestOneInput() is for clang -fsanitize=fuzzer and AFL; main() is for compilers without: it
 * mutates seeds with a generator of fixed start, so that a failure comes again (fuzz_shim SECONDS [ROUND]).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../c/fake_runtime.h"
#include "shim.h"
#include "util.h"

#define TURNS_MAX 200
#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so, const char *what)
{
	if (!so) {
		(void)fprintf(stderr, "fuzz_shim: not so: %s\n", what);
		abort();
	}
}

static int lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	(void)close(fd);
	return fd;
}

static void turn_while_ready(struct nsr_shim *shim, const int *ours)
{
	char ignored[NSR_MESSAGE_MAX];

	for (int i = 0; i < TURNS_MAX && !shim->gone; i++) {
		struct pollfd ready = {.fd = shim->loop.epoll_fd, .events = POLLIN};

		nsr_outputs_ready(shim); /* in place of SIGIO */
		if (poll(&ready, 1, 0) == 0)
			break;
		demand(nsr_loop_turn(&shim->loop) == 0, "the loop turns");
		nsr_sessions_sweep(shim);
	}
	for (int i = 0; i < 2; i++)
		while (ours[i] >= 0 && recv(ours[i], ignored, sizeof(ignored), MSG_DONTWAIT) > 0)
			;
}

static int make_memfd(const uint8_t *data, size_t size)
{
	int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)nsr_write_all(fd, data, size);
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

static void send_message(int socket, const uint8_t *data, size_t size, const int *fds, size_t fds_count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	if (fds_count > 0) {
		struct cmsghdr *c;

		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * fds_count);
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fds_count);
	}
	(void)sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL); /* a closed connection is part of the game */
}

static void open_connection(struct nsr_shim *shim, int *ret_ours)
{
	int ends[2];

	demand(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "a socketpair");
	if (nsr_session_open(shim, ends[1], -1) < 0)
		(void)close(ends[1]);
	*ret_ours = ends[0];
}

static void end_some_process(struct nsr_shim *shim, uint32_t which)
{
	uint32_t count = (uint32_t)(fake_runtime_last_pid - FAKE_RUNTIME_FIRST_PID);

	pid_t pid = (pid_t)(FAKE_RUNTIME_FIRST_PID + 1 + (count > 0 ? which % count : 0));

	if (count == 0)
		return;
	fake_runtime_end(pid);
	nsr_process_ended(shim, pid, which % 256);
}

/* Whatever has happened: the pod can be removed, and then nothing of it is left. */
static void remove_all(struct nsr_shim *shim, int *ours)
{
	static const struct nsr_reply nobody;

	(void)nsr_sandbox_end(shim, NSR_ENDING_REMOVE, nobody, NULL);
	for (int round = 0; round < 3 && !shim->gone; round++) {
		turn_while_ready(shim, ours);
		for (pid_t pid = FAKE_RUNTIME_FIRST_PID; pid <= fake_runtime_last_pid && !shim->gone; pid++) {
			fake_runtime_end(pid);
			nsr_process_ended(shim, pid, 137);
		}
	}
	demand(shim->gone, "a pod can always be removed");
	demand(!shim->instances && !shim->execs && !shim->spawnings && !shim->removals, "nothing runs in a removed pod");
	for (struct nsr_session *session = shim->sessions; session; session = session->next)
		session->broken = true;
	nsr_sessions_sweep(shim);
	demand(!shim->attachments && !shim->sessions, "nobody is attached to a removed pod");
	for (size_t i = 0; i < NSR_SINKS; i++)
		if (shim->sinks[i].loop)
			nsr_close(&shim->sinks[i].fd);
	nsr_close(&shim->owner.owner_fd);
	nsr_close(&shim->owner.peer_fd);
	nsr_records_clear(&shim->records);
	nsr_answers_clear(&shim->answers);
	nsr_sandbox_spec_free(shim->spec);
	nsr_close(&shim->loop.epoll_fd);
	nsr_close(&ours[0]);
	nsr_close(&ours[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nsr_shim shim;
	int ours[2], before;

	fake_runtime_dry = true;
	fake_runtime_last_pid = FAKE_RUNTIME_FIRST_PID;
	before = lowest_free_fd();
	shim = (struct nsr_shim){0};
	shim.pod = (struct nsr_pod){.run_fd = -1, .state_fd = -1, .logs_fd = -1, .cgroup_fd = -1, .host_mnt_fd = -1, .files_fd = -1,
				    .shm_fd = -1, .pause_pidfd = -1};
	shim.owner = (struct nsr_owner){.owner_fd = -1, .peer_fd = -1, .owner.fd = -1, .peer.fd = -1};
	demand(signal(SIGIO, SIG_IGN) != SIG_ERR, "a signal without effect");
	demand(nsr_loop_open(&shim.loop) == 0, "an epoll descriptor");
	open_connection(&shim, &ours[0]);
	open_connection(&shim, &ours[1]);
	while (size >= 4 && !shim.gone) {
		size_t length = (size_t)data[0] | (size_t)data[1] << 8, fds_count = data[2] % 6;
		uint8_t what = data[3] % 4;
		int fds[6];

		data += 4;
		size -= 4;
		length = length < size ? length : size;
		if (what == 2) {
			end_some_process(&shim, (uint32_t)length);
			continue;
		}
		if (what == 3) {
			(void)close(ours[0]);
			turn_while_ready(&shim, (int[]){-1, ours[1]});
			open_connection(&shim, &ours[0]);
			continue;
		}
		for (size_t i = 0; i < fds_count; i++) {
			size_t spec = size - length >= 4 ? (size_t)data[length] | (size_t)data[length + 1] << 8 : 0;

			spec = spec < size - length ? spec : size - length;
			fds[i] = i == 0 ? make_memfd(data + length + (spec > 4 ? 4 : 0), spec) : open("/dev/null", O_RDWR | O_CLOEXEC);
		}
		send_message(ours[what], data, length, fds, fds_count);
		for (size_t i = 0; i < fds_count; i++)
			(void)close(fds[i]);
		data += length;
		size -= length;
		if (fds_count > 0 && size >= 4) { /* the spec itself is no message */
			length = (size_t)data[0] | (size_t)data[1] << 8;
			length = length < size - 4 ? length : size - 4;
			data += 4 + length;
			size -= 4 + length;
		}
		turn_while_ready(&shim, ours);
	}
	remove_all(&shim, ours);
	demand(lowest_free_fd() == before, "every descriptor is closed");
	return 0;
}

#ifndef NSR_LIBFUZZER

static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* --- seeds: what a controller and a client say in a pod's life --- */

static uint8_t seed[INPUT_MAX];
static size_t seed_length;

static struct nsr_writer begin(enum nsr_kind kind, uint64_t id)
{
	struct nsr_writer w;

	nsr_writer_begin(&w, seed + seed_length + 4, sizeof(seed) - seed_length - 4, kind, id);
	return w;
}

static void add(struct nsr_writer *w, uint8_t fds, uint8_t what)
{
	ssize_t length = nsr_writer_end(w);

	demand(length > 0, "a seed fits");
	seed[seed_length] = (uint8_t)length;
	seed[seed_length + 1] = (uint8_t)(length >> 8);
	seed[seed_length + 2] = fds;
	seed[seed_length + 3] = what;
	seed_length += 4 + (size_t)length;
}

static void add_event(uint8_t what, uint8_t which)
{
	seed[seed_length++] = which;
	seed[seed_length++] = 0;
	seed[seed_length++] = 0;
	seed[seed_length++] = what;
}

static void add_plain(enum nsr_kind kind, uint64_t id, uint8_t fds, uint8_t what)
{
	struct nsr_writer w = begin(kind, id);

	add(&w, fds, what);
}

static void add_hello(uint32_t role, uint8_t what)
{
	struct nsr_writer w = begin(NSR_KIND_HELLO, 1);

	nsr_write_u32(&w, NSR_TAG_ROLE, role);
	add(&w, 0, what);
}

static void add_sandbox(uint64_t id)
{
	struct nsr_writer w;

	add_plain(NSR_KIND_CREATE_SANDBOX, id, 1, 0);
	w = begin(NSR_KIND_SANDBOX_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_UID, "uid");
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 1);
	nsr_write_string(&w, NSR_TAG_RUN_DIR, "/nowhere/run");
	nsr_write_string(&w, NSR_TAG_STATE_DIR, "/nowhere/state");
	nsr_write_string(&w, NSR_TAG_LOGS_DIR, "/nowhere/logs");
	add(&w, 0, 0);
}

static void add_container(enum nsr_kind kind, uint64_t id, const char *container, const char *after, bool stdin_open)
{
	struct nsr_writer w;
	size_t mark;

	w = begin(kind, id);
	if (after)
		nsr_write_string(&w, NSR_TAG_CONTAINER_ID, after);
	add(&w, 1, 0);
	w = begin(NSR_KIND_CONTAINER_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_NAME, "web");
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, "/");
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_ARG, "/bin/true");
	nsr_write_string(&w, NSR_TAG_CWD, "/");
	nsr_write_u32(&w, NSR_TAG_STDIN, stdin_open);
	nsr_write_u32(&w, NSR_TAG_STDIN_ONCE, stdin_open);
	add(&w, 0, 0);
}

static void add_exec(uint64_t id, const char *container, uint8_t what, bool output)
{
	struct nsr_writer w;

	add_plain(NSR_KIND_EXEC, id, output ? 1 : 4, what);
	w = begin(NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	nsr_write_string(&w, NSR_TAG_ARG, "/bin/true");
	nsr_write_u64(&w, NSR_TAG_OUTPUT_LIMIT, output ? 4096 : 0);
	nsr_write_u64(&w, NSR_TAG_TIMEOUT_MS, 100000);
	add(&w, 0, 0);
}

/* Its spec in its message. */
static void add_short_exec(uint64_t id, const char *container, uint8_t what)
{
	uint8_t spec[512];
	struct nsr_writer w;
	ssize_t length;

	nsr_writer_begin(&w, spec, sizeof(spec), NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	nsr_write_string(&w, NSR_TAG_ARG, "/bin/true");
	nsr_write_u64(&w, NSR_TAG_OUTPUT_LIMIT, 4096);
	nsr_write_u32(&w, NSR_TAG_ATTACHED, 1);
	length = nsr_writer_end(&w);
	demand(length > 0, "a spec fits");
	w = begin(NSR_KIND_EXEC, id);
	nsr_write_bytes(&w, NSR_TAG_SPEC, spec, (size_t)length);
	add(&w, 0, what);
}

static void add_numbers(enum nsr_kind kind, uint64_t id, const char *container, enum nsr_tag tag, uint32_t value, uint8_t fds, uint8_t what)
{
	struct nsr_writer w = begin(kind, id);

	if (container)
		nsr_write_string(&w, NSR_TAG_CONTAINER_ID, container);
	nsr_write_u32(&w, tag, value);
	add(&w, fds, what);
}

static void make_seed(void)
{
	static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
	static const char c[] = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
	struct nsr_writer w;

	add_hello(NSR_ROLE_CONTROLLER, 0);
	add_sandbox(2);
	add_container(NSR_KIND_START_CONTAINER, 3, a, NULL, true);
	add_container(NSR_KIND_PREPARE_CONTAINER, 0, b, NULL, false);
	add_container(NSR_KIND_START_CONTAINER, 4, b, NULL, false);
	add_container(NSR_KIND_PREPARE_CONTAINER, 0, c, a, false);
	add_hello(NSR_ROLE_CLIENT, 1);
	add_exec(5, a, 0, true);
	add_exec(6, a, 1, false);
	add_exec(7, b, 0, false);
	add_short_exec(20, a, 0);
	add_short_exec(21, b, 1);
	add_numbers(NSR_KIND_ATTACH, 8, a, NSR_TAG_STREAMS, 7, 3, 1);
	add_numbers(NSR_KIND_ATTACH, 9, b, NSR_TAG_STREAMS, 2, 1, 0);
	add_numbers(NSR_KIND_SIGNAL, 10, a, NSR_TAG_SIGNAL, 15, 0, 0);
	w = begin(NSR_KIND_RESIZE, 11);
	nsr_write_u64(&w, NSR_TAG_EXEC_ID, 5);
	add(&w, 0, 0);
	w = begin(NSR_KIND_KILL_EXEC, 12);
	nsr_write_u64(&w, NSR_TAG_EXEC_ID, 6);
	add(&w, 0, 1);
	add_plain(NSR_KIND_LIST, 13, 0, 1);
	for (uint8_t i = 0; i < 6; i++)
		add_event(2, i);
	w = begin(NSR_KIND_ACKNOWLEDGE, 0);
	nsr_write_u64(&w, NSR_TAG_RECORD, 1);
	add(&w, 0, 0);
	add_exec(5, a, 0, true); /* a repetition */
	w = begin(NSR_KIND_REMOVE_CONTAINER, 14);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, b);
	add(&w, 0, 0);
	w = begin(NSR_KIND_OPEN_VOLUME, 15);
	nsr_write_string(&w, NSR_TAG_NAME, "data");
	add(&w, 0, 0);
	add_event(3, 0);
	add_hello(NSR_ROLE_CONTROLLER, 0);
	add_numbers(NSR_KIND_STOP_SANDBOX, 16, NULL, NSR_TAG_ATTEMPT, 1, 0, 0);
	add_event(2, 0);
	add_sandbox(17);
	add_plain(NSR_KIND_REMOVE_POD, 18, 0, 0);
}

/* --- mutations --- */

static size_t item_end(const uint8_t *data, size_t size, size_t at)
{
	size_t end = at + 4 + (data[at + 3] % 4 < 2 ? ((size_t)data[at] | (size_t)data[at + 1] << 8) : 0);

	return end < size ? end : size;
}

static size_t random_item(const uint8_t *data, size_t size)
{
	size_t at = 0, items = 1 + next_random(40);

	while (items-- > 0 && item_end(data, size, at) + 4 <= size)
		at = item_end(data, size, at);
	return at;
}

static size_t mutate(uint8_t *data, size_t size)
{
	static const uint8_t interesting[] = {0, 1, 2, 4, 7, 8, 16, 0x7f, 0x80, 0xff};
	size_t at = next_random((uint32_t)size), item, end;

	switch (next_random(8)) {
	case 0:
		data[at] ^= (uint8_t)(1u << next_random(8));
		return size;
	case 1:
		data[at] = interesting[next_random(sizeof(interesting))];
		return size;
	case 2:
		data[at] = (uint8_t)next_random(256);
		return size;
	case 3: /* an item goes */
	case 4: /* an item comes again */
	case 5: /* two items change places, by moving one to the front of another */
		if (size < 8)
			return size;
		item = random_item(data, size);
		end = item_end(data, size, item);
		if (size + (end - item) > INPUT_MAX)
			return size;
		if (next_random(2)) {
			static uint8_t copy[INPUT_MAX];
			size_t target = random_item(data, size), length = end - item;

			memcpy(copy, data + item, length);
			memmove(data + target + length, data + target, size - target);
			memcpy(data + target, copy, length);
			return size + length;
		}
		memmove(data + item, data + end, size - end);
		return size - (end - item) < 4 ? size : size - (end - item);
	case 6:
		item = random_item(data, size);
		if (item + 4 <= size)
			data[item + 2 + next_random(2)] = (uint8_t)next_random(6);
		return size;
	default:
		return size > 64 && next_random(8) == 0 ? size - next_random(32) : size;
	}
}

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 30;
	uint64_t round = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, only = argc > 2 ? round : UINT64_MAX;
	time_t until = time(NULL) + seconds;

	make_seed();
	if (LLVMFuzzerTestOneInput(seed, seed_length) != 0)
		return 1;
	for (; time(NULL) < until; round++) {
		size_t size = seed_length;
		FILE *note;

		random_state = round;
		(void)next_random(2);
		memcpy(input, seed, seed_length);
		for (uint32_t i = 1 + next_random(next_random(4) ? 6 : 60); i > 0; i--)
			size = mutate(input, size);
		/* Which round it was, should it end badly: fuzz_shim 1 ROUND repeats it. */
		if (round % 64 == 0 && (note = fopen("fuzz_shim.round", "w"))) {
			(void)fprintf(note, "%llu\n", (unsigned long long)round);
			(void)fclose(note);
		}
		if (LLVMFuzzerTestOneInput(input, size) != 0)
			return 1;
		if (round == only)
			break;
	}
	(void)unlink("fuzz_shim.round");
	(void)printf("fuzz_shim: %llu inputs\n", (unsigned long long)round);
	return 0;
}

#endif
