/* session.c - connections. A controller and at most sixteen clients; each has a bounded queue of what its socket did not take.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "shim.h"
#include "util.h"

#define QUEUE_MAX 64u
#define LISTEN_AGAIN_MS 100u
/* Strangers before their hello, the old controller beside the new one. */
#define SESSIONS_MAX (NSR_CLIENTS_MAX + 8u)

struct nsr_packet {
	struct nsr_packet *next;
	int fd;
	uint32_t length;
	uint8_t bytes[];
};

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * NSR_MESSAGE_FDS)];
};

struct nsr_session *nsr_session_find(struct nsr_shim *shim, uint32_t serial)
{
	for (struct nsr_session *session = shim->sessions; session; session = session->next)
		if (session->serial == serial && !session->broken)
			return session;
	return NULL;
}

/* 0, or -errno. A descriptor that cannot be passed any more (its tty hung up) is an error of the message, not of the socket. */
static int send_now(int socket, const void *message, size_t length, int fd)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = length};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};

	if (fd >= 0) {
		struct cmsghdr *c;

		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void free_queue(struct nsr_session *session)
{
	while (session->queue) {
		struct nsr_packet *packet = session->queue;

		session->queue = packet->next;
		nsr_close(&packet->fd);
		free(packet);
	}
	session->queued = 0;
}

static int enqueue(struct nsr_session *session, const void *message, size_t length, int fd)
{
	struct nsr_packet **at = &session->queue, *packet;
	cleanup_fd int copy = -1;

	if (session->queued >= QUEUE_MAX)
		return -ENOBUFS;
	/* A message without the descriptor that it tells of would be a lie. */
	if (fd >= 0 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return -errno;
	packet = malloc(sizeof(*packet) + length);
	if (!packet)
		return -ENOMEM;
	*packet = (struct nsr_packet){.fd = steal_fd(&copy), .length = (uint32_t)length};
	memcpy(packet->bytes, message, length);
	while (*at)
		at = &(*at)->next;
	*at = packet;
	session->queued++;
	nsr_watch_change(&session->shim->loop, &session->watch, EPOLLIN | EPOLLOUT);
	return 0;
}

void nsr_session_send(struct nsr_session *session, const void *message, size_t length, int fd)
{
	int r = -EAGAIN;

	if (session->broken)
		return;
	if (!session->queue)
		r = send_now(session->fd, message, length, fd);
	if (r == -EAGAIN)
		r = enqueue(session, message, length, fd);
	if (r < 0)
		session->broken = true;
}

static void send_queue(struct nsr_session *session)
{
	while (session->queue) {
		struct nsr_packet *packet = session->queue;
		int r = send_now(session->fd, packet->bytes, packet->length, packet->fd);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			session->broken = true;
			return;
		}
		session->queue = packet->next;
		session->queued--;
		nsr_close(&packet->fd);
		free(packet);
	}
	nsr_watch_change(&session->shim->loop, &session->watch, EPOLLIN);
	if (session == session->shim->controller)
		nsr_records_flush(session->shim);
}

void nsr_records_flush(struct nsr_shim *shim)
{
	struct nsr_record *record;

	/* Not through the queue: a controller that reads slowly is behind, not lost, and the records wait where they are. */
	while (shim->controller && !shim->controller->broken && !shim->controller->queue &&
	       (record = nsr_records_first_unsent(&shim->records))) {
		int r = send_now(shim->controller->fd, record->bytes, record->length, record->fd);

		if (r == -EAGAIN) {
			nsr_watch_change(&shim->loop, &shim->controller->watch, EPOLLIN | EPOLLOUT);
			return;
		}
		if (r < 0)
			shim->controller->broken = true;
		record->sent = true;
	}
}

/* Takes the descriptors out of a message. -EBADMSG: there were more than fit, or something else than descriptors. */
static int take_fds(struct msghdr *header, int fds[NSR_MESSAGE_FDS], size_t *ret_count)
{
	int r = header->msg_flags & (MSG_CTRUNC | MSG_TRUNC) ? -EBADMSG : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			r = -EBADMSG;
			continue;
		}
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && *ret_count < NSR_MESSAGE_FDS; i++)
			memcpy(&fds[(*ret_count)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return r;
}

static void receive(struct nsr_session *session)
{
	static uint8_t message[NSR_MESSAGE_MAX + 1]; /* one more than allowed, to see what is too long */
	union control control = {0};
	struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fds[NSR_MESSAGE_FDS] = {-1, -1, -1, -1};
	size_t count = 0;
	ssize_t length = recvmsg(session->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0 || take_fds(&header, fds, &count) < 0)
		session->broken = true;
	else
		nsr_command(session, message, (size_t)length, fds, count);
	for (size_t i = 0; i < NSR_MESSAGE_FDS; i++)
		nsr_close(&fds[i]);
}

static void on_ready(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_session *session = nsr_container_of(watch, struct nsr_session, watch);

	if (events & EPOLLOUT)
		send_queue(session);
	/* What was sent before a hang-up is still read: an acknowledgement counts. */
	if (!session->broken && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(session);
}

static void on_no_hello(struct nsr_timer *timer)
{
	nsr_container_of(timer, struct nsr_session, hello)->broken = true;
}

int nsr_session_open(struct nsr_shim *shim, int fd, int pidfd)
{
	struct nsr_session *session;
	uint32_t count = 0;

	for (session = shim->sessions; session; session = session->next)
		count++;
	session = count < SESSIONS_MAX ? calloc(1, sizeof(*session)) : NULL;
	if (!session)
		return -ENOBUFS;
	if (nsr_watch_add(&shim->loop, &session->watch, fd, EPOLLIN, on_ready) < 0) {
		free(session);
		return -ENOSPC;
	}
	session->shim = shim;
	session->serial = ++shim->last_serial;
	session->fd = fd;
	session->pidfd = pidfd;
	session->next = shim->sessions;
	shim->sessions = session;
	nsr_timer_arm(&shim->loop, &session->hello, NSR_HELLO_MS, on_no_hello);
	return 0;
}

static void on_listen_again(struct nsr_timer *timer)
{
	struct nsr_shim *shim = nsr_container_of(timer, struct nsr_shim, listen_again);

	nsr_watch_change(&shim->loop, &shim->listener_watch, EPOLLIN);
}

/* Whoever connects stays in the queue when there is no descriptor to accept it with, and would wake the loop again at once. */
static void rest_listener(struct nsr_shim *shim)
{
	nsr_watch_change(&shim->loop, &shim->listener_watch, 0);
	nsr_timer_arm(&shim->loop, &shim->listen_again, LISTEN_AGAIN_MS, on_listen_again);
}

void nsr_session_accept(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_shim *shim = nsr_container_of(watch, struct nsr_shim, listener_watch);
	cleanup_fd int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	cleanup_fd int pidfd = -1;

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		rest_listener(shim);
	if (fd < 0 || !nsr_peer_is_trusted(fd, &pidfd) || nsr_session_open(shim, fd, pidfd) < 0)
		return; /* closed, without a word to a stranger */
	(void)steal_fd(&fd);
	(void)steal_fd(&pidfd);
}

static void close_session(struct nsr_session *session)
{
	struct nsr_shim *shim = session->shim;

	nsr_watch_remove(&shim->loop, &session->watch);
	nsr_timer_cancel(&shim->loop, &session->hello);
	free_queue(session);
	nsr_close(&session->fd);
	nsr_close(&session->pidfd);
	nsr_attached_session_ended(shim, session->serial);
	nsr_execs_session_ended(shim, session->serial);
	if (session == shim->controller) {
		shim->controller = NULL;
		nsr_owner_controller_went(shim);
	}
	free(session);
}

void nsr_sessions_sweep(struct nsr_shim *shim)
{
	struct nsr_session **at = &shim->sessions;

	while (*at) {
		struct nsr_session *session = *at;

		if (!session->broken) {
			at = &session->next;
			continue;
		}
		*at = session->next;
		close_session(session);
	}
}
