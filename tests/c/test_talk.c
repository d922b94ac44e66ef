/* test_talk.c - exchanges with a server in this process: which responses are whole, what is left to the caller, and one socket for many.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "native.h"
#include "util.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define REQUEST "GET / HTTP/1.1\r\n\r\n"

/* In memory of its own length, so that a sanitizer sees one byte too many. */
static int whole(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int status;

	CHECK(copy != NULL);
	memcpy(copy, text, size);
	status = nsr_http_whole(copy, size);
	free(copy);
	return status;
}

static void test_whole_responses(void)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{OK, 200},
		{OK "MORE", 200},
		{"HTTP/1.0 503 Service Unavailable\r\nX-Empty:\r\ncontent-LENGTH: 0\r\nA: b: c\r\n\r\n", 503},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200},
		{"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", 0},
		{"HTTP/1.1 200 OK\r\n\r\nto the end", 0},
		{"HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n", 0},
		{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n", 0},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 0},
		{"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 0},
		{"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length:  0\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0 \r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0000000000000000000\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\nx", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n folded\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno colon\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n: no name\r\n\r\n", 0},
		{"\x15\x03\x01\x00\x02\x02", 0},
		{"", 0},
	};
	size_t at, length;

	for (at = 0; at < sizeof(cases) / sizeof(*cases); at++)
		CHECK_EQUAL(whole(cases[at].text, strlen(cases[at].text)), cases[at].status);
	for (length = 0; length < strlen(OK); length++)
		CHECK_EQUAL(whole(OK, length), 0);
}

static void test_a_long_body_is_whole_before_its_end(void)
{
	static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n";
	size_t head = strlen(HEAD), size = head + (10 << 10);
	char *text = calloc(1, size);

	CHECK(text != NULL);
	memcpy(text, HEAD, head);
	CHECK_EQUAL(whole(text, size - 1), 0);
	CHECK_EQUAL(whole(text, size), 200);
	free(text);
}

/* A listener on the loopback address, and its port. */
static int listening(int family, int *ret_port)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	if (family == AF_INET)
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
	if (bind(fd, (struct sockaddr *)&address, size) < 0) {
		CHECK_EQUAL(family, AF_INET6); /* a host without it */
		CHECK_EQUAL(close(fd), 0);
		return -1;
	}
	CHECK_EQUAL(listen(fd, 8), 0);
	CHECK_EQUAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	/* At the same place in both families. */
	*ret_port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

static int client(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	return fd;
}

/* The one that is ready within a second, -1: none. */
static int ready(int epoll_fd)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, 1000) == 1 ? event.data.fd : -1;
}

static int accepted(int listener)
{
	char request[64];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQUAL(read(fd, request, sizeof(request)), strlen(REQUEST));
	return fd;
}

static const char *loopback(int family)
{
	return family == AF_INET ? "127.0.0.1" : "::1";
}

static void test_one_socket_for_many_exchanges(int family)
{
	cleanup_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fd = client(family);
	int port = 0, turn, step, status, parted;
	cleanup_fd int listener = listening(family, &port);
	char buffer[512], more;

	if (listener < 0)
		return;
	for (turn = 0; turn < 100; turn++) {
		int theirs;

		CHECK_EQUAL(nsr_talk_begin(fd, family, loopback(family), port, REQUEST, strlen(REQUEST), epoll_fd, turn > 0, &step),
			    strlen(REQUEST));
		CHECK_EQUAL(step, NSR_TALK_WAIT);
		theirs = accepted(listener);
		CHECK_EQUAL(write(theirs, OK, strlen(OK)), strlen(OK));
		/* Its end is in order for the server, too: no reset. */
		CHECK_EQUAL(shutdown(theirs, SHUT_WR), 0);
		CHECK_EQUAL(ready(epoll_fd), fd);
		CHECK_EQUAL(nsr_talk_answer(fd, buffer, sizeof(buffer), &status, &parted), strlen(OK));
		CHECK_EQUAL(status, 200);
		CHECK_EQUAL(parted, 1);
		CHECK_EQUAL(read(theirs, &more, 1), 0);
		CHECK_EQUAL(close(theirs), 0);
	}
}

static void test_one_that_the_server_keeps_open(void)
{
	cleanup_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int fd = client(AF_INET), port = 0, step, status, parted, theirs;
	cleanup_fd int listener = listening(AF_INET, &port);
	char buffer[512], more;

	CHECK_EQUAL(nsr_talk_begin(fd, AF_INET, "127.0.0.1", port, REQUEST, strlen(REQUEST), epoll_fd, 0, &step), strlen(REQUEST));
	theirs = accepted(listener);
	CHECK_EQUAL(write(theirs, OK, strlen(OK)), strlen(OK));
	CHECK_EQUAL(ready(epoll_fd), fd);
	CHECK_EQUAL(nsr_talk_answer(fd, buffer, sizeof(buffer), &status, &parted), strlen(OK));
	CHECK_EQUAL(status, 200);
	CHECK_EQUAL(parted, 0);
	CHECK_EQUAL(close(fd), 0);
	CHECK_EQUAL(read(theirs, &more, 1), 0);
	CHECK_EQUAL(close(theirs), 0);
}

static void test_what_is_left_to_the_caller(void)
{
	cleanup_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fd = client(AF_INET);
	int port = 0, step, status, parted, theirs;
	cleanup_fd int listener = listening(AF_INET, &port);
	char buffer[512];

	CHECK_EQUAL(nsr_talk_begin(fd, AF_INET, "nowhere", port, REQUEST, strlen(REQUEST), epoll_fd, 0, &step), -EINVAL);
	CHECK_EQUAL(step, NSR_TALK_CONNECT);
	CHECK_EQUAL(nsr_talk_begin(fd, AF_INET, "127.0.0.1", port, REQUEST, strlen(REQUEST), -1, 0, &step), -EBADF);
	CHECK_EQUAL(step, NSR_TALK_WATCH);
	CHECK_EQUAL(nsr_talk_answer(fd, buffer, sizeof(buffer), &status, &parted), -EAGAIN);
	theirs = accepted(listener);
	CHECK_EQUAL(write(theirs, OK, 5), 5);
	CHECK_EQUAL(nsr_talk_answer(fd, buffer, sizeof(buffer), &status, &parted), 5);
	CHECK_EQUAL(status, 0);
	CHECK_EQUAL(close(theirs), 0);
	CHECK_EQUAL(nsr_talk_answer(fd, buffer, sizeof(buffer), &status, &parted), 0);
	CHECK_EQUAL(status, 0);
	CHECK_EQUAL(parted, 0);
}

static void test_nobody_listens(void)
{
	cleanup_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fd = client(AF_INET);
	int port = 0, step;
	int listener = listening(AF_INET, &port);

	CHECK_EQUAL(close(listener), 0);
	CHECK_EQUAL(nsr_talk_begin(fd, AF_INET, "127.0.0.1", port, REQUEST, strlen(REQUEST), epoll_fd, 0, &step), -ECONNREFUSED);
	CHECK(step == NSR_TALK_CONNECT || step == NSR_TALK_SEND);
}

static void test_more_than_a_connection_takes(void)
{
	cleanup_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fd = client(AF_INET);
	size_t size = 64u << 20;
	int port = 0, step, sent;
	cleanup_fd int listener = listening(AF_INET, &port);
	char *request = calloc(1, size);

	CHECK(request != NULL);
	sent = nsr_talk_begin(fd, AF_INET, "127.0.0.1", port, request, size, epoll_fd, 0, &step);
	CHECK(sent > 0 && (size_t)sent < size);
	CHECK_EQUAL(step, NSR_TALK_SEND);
	free(request);
}

int main(void)
{
	test_whole_responses();
	test_a_long_body_is_whole_before_its_end();
	test_one_socket_for_many_exchanges(AF_INET);
	test_one_socket_for_many_exchanges(AF_INET6);
	test_one_that_the_server_keeps_open();
	test_what_is_left_to_the_caller();
	test_nobody_listens();
	test_more_than_a_connection_takes();
	return 0;
}
