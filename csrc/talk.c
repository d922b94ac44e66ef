/* talk.c - the exchange of a probe with a server, in as few calls as it takes: a request goes out, and one response in one piece comes back.
 * Whatever is not as it nearly always is is left to the caller.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native.h"

#define BODY_MAX (10u << 10) /* how much of it a probe waits for */

static int connect_to(int fd, int family, const char *ip, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *address = family == AF_INET ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;

	if (inet_pton(family, ip, family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr) != 1)
		return -EINVAL;
	return connect(fd, address, family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0 ? -errno : 0;
}

int nsr_talk_begin(int fd, int family, const char *ip, int port, const char *request, size_t size, int epoll_fd, int known, int *ret_step)
{
	struct epoll_event wanted = {.events = EPOLLIN | EPOLLONESHOT, .data = {.fd = fd}};
	ssize_t sent;
	int err;

	*ret_step = NSR_TALK_CONNECT;
	/* On this side of a connection it says that the request comes along with the last packet of the handshake: it costs one packet less, and
	 * the server is woken when there is something to read. */
	if (!known)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){1}, sizeof(int));
	err = connect_to(fd, family, ip, (uint16_t)port);
	if (err < 0 && err != -EINPROGRESS)
		return err;
	/* Within one machine the connection has come about by now; otherwise the request is refused. */
	*ret_step = NSR_TALK_SEND;
	sent = send(fd, request, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	if ((size_t)sent < size)
		return (int)sent;
	*ret_step = NSR_TALK_WATCH;
	if (epoll_ctl(epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &wanted) < 0)
		return -errno;
	*ret_step = NSR_TALK_WAIT;
	return (int)sent;
}

/* The line that begins at ``at``, without its CR LF; the next one begins at *ret_next. Its length, -1 when no such line is there. */
static ssize_t line_of(const char *at, const char *end, const char **ret_next)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	/* The only CR is the one before the LF. */
	if (newline == NULL || newline == at || memchr(at, '\r', (size_t)(newline - at)) != newline - 1)
		return -1;
	*ret_next = newline + 1;
	return newline - 1 - at;
}

static bool digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static int status_of(const char *line, size_t length)
{
	if (length < sizeof("HTTP/1.1 200") - 1 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ')
		return 0;
	if (line[9] < '2' || line[9] > '9' || !digit(line[10]) || !digit(line[11]) || (length > 12 && line[12] != ' '))
		return 0;
	return (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
}

/* The length of the name of a header that is written as ``Name: value``, or ``Name:`` alone; 0: it is not. */
static size_t name_of(const char *line, size_t length)
{
	size_t name = 0;

	while (name < length && (digit(line[name]) || ((line[name] | 0x20) >= 'a' && (line[name] | 0x20) <= 'z') || line[name] == '-'))
		name++;
	if (name == length || line[name] != ':')
		return 0;
	if (name + 1 == length)
		return name;
	return length - name > 2 && line[name + 1] == ' ' && line[name + 2] != ' ' && line[name + 2] != '\t' ? name : 0;
}

static bool named(const char *line, size_t length, const char *name)
{
	return length == strlen(name) && strncasecmp(line, name, length) == 0;
}

/* A value of 1 to 18 digits, which fits; -1: it is none. */
static int64_t length_of(const char *value, size_t length)
{
	int64_t number = 0;
	size_t at;

	if (length < 1 || length > 18)
		return -1;
	for (at = 0; at < length; at++) {
		if (!digit(value[at]))
			return -1;
		number = number * 10 + (value[at] - '0');
	}
	return number;
}

int nsr_http_whole(const char *data, size_t size)
{
	const char *end = data + size, *at = data, *next = NULL;
	ssize_t length = line_of(at, end, &next);
	int64_t body = -1;
	int status = length < 0 ? 0 : status_of(at, (size_t)length);

	/* The one of these has no body whatever it says, and the other has one to keep, or to follow. */
	if (status == 0 || status == 204 || (status >= 300 && status < 400))
		return 0;
	for (at = next; (length = line_of(at, end, &next)) > 0; at = next) {
		size_t name = name_of(at, (size_t)length);

		if (name == 0 || named(at, name, "transfer-encoding"))
			return 0;
		if (named(at, name, "content-length")) {
			/* Two that agree are no mistake, but rare. */
			if (body >= 0 || (size_t)length < name + 2)
				return 0;
			body = length_of(at + name + 2, (size_t)length - name - 2);
			if (body < 0)
				return 0;
		}
	}
	if (length < 0 || body < 0)
		return 0;
	return end - next >= (body < BODY_MAX ? body : BODY_MAX) ? status : 0;
}

/* Ends a connection that the other side has ended, as close(2) would, but keeps the socket. Whether it can be used again. */
static bool part(int fd)
{
	static const struct sockaddr NOBODY = {.sa_family = AF_UNSPEC};
	char more;

	/* Cut off in another state than this, the other side would be told of a reset. */
	if (recv(fd, &more, sizeof(more), MSG_DONTWAIT) != 0 || shutdown(fd, SHUT_WR) < 0)
		return false;
	return connect(fd, &NOBODY, sizeof(NOBODY)) == 0;
}

int nsr_talk_answer(int fd, char *buffer, size_t size, int *ret_status, int *ret_parted)
{
	ssize_t length = recv(fd, buffer, size, MSG_DONTWAIT);

	*ret_status = *ret_parted = 0;
	if (length < 0)
		return -errno;
	*ret_status = nsr_http_whole(buffer, (size_t)length);
	if (*ret_status > 0)
		*ret_parted = part(fd);
	return (int)length;
}
