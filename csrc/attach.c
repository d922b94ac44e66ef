/* attach.c - clients that see what a container writes from now on, and feed its stdin.
 *
 * A client's descriptors are copied to without ever waiting: what one does not take is kept for it, up to 1 MiB, and then the
 * client is too slow and is dropped. The container and the other clients do not notice.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

#define BACKLOG_SIZE (1u << 20)
#define ATTACHMENTS_MAX 64u /* each may have two backlogs */
#define ATTACHMENTS_EACH 16u /* of one session */
#define FEED_SIZE 4096u
#define FEED_ROUNDS 16 /* of a regular file, before others have their turn */

/* One descriptor of the client's that output goes to. */
struct sink {
	struct nsr_watch watch;
	struct nsr_attachment *attachment;
	int fd;
	bool socket;
	uint8_t *backlog; /* mapped only while something waits in it */
	size_t start, length;
};

struct nsr_attachment {
	struct nsr_attachment *next;
	struct nsr_instance *instance; /* NULL: it has ended, and the backlog is all that is left */
	struct nsr_shim *shim;
	struct nsr_reply who;
	struct sink sinks[2]; /* stdout, stderr */
	struct nsr_watch source; /* the client's stdin */
	int source_fd;
	bool always_ready; /* a regular file cannot be waited for */
	uint32_t start, length; /* of what was read from it and stdin has not taken */
	uint8_t fed[FEED_SIZE];
};

/* A description of our own, not blocking: setting O_NONBLOCK on the client's would change its terminal for everybody. Sockets
 * are told with each call, and files never block. */
static int reopen(int fd, int flags, bool *ret_socket)
{
	char path[sizeof("/proc/self/fd/") + 21] = "/proc/self/fd/";
	struct stat st;
	int own;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_socket = S_ISSOCK(st.st_mode);
	if (S_ISREG(st.st_mode) || *ret_socket)
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		own = open(strcat(path, nsr_format_u64((char[21]){0}, (uint64_t)fd)), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	else
		return -EINVAL;
	return own < 0 ? -errno : own;
}

static void close_sink(struct sink *sink)
{
	nsr_watch_remove(&sink->attachment->shim->loop, &sink->watch);
	nsr_close(&sink->fd);
	if (sink->backlog)
		(void)munmap(sink->backlog, BACKLOG_SIZE); /* it was mapped so */
	sink->backlog = NULL;
	sink->length = 0;
}

static void close_source(struct nsr_attachment *attachment)
{
	nsr_watch_remove(&attachment->shim->loop, &attachment->source);
	nsr_close(&attachment->source_fd);
	attachment->length = 0;
}

/* reason NULL: nobody is there to be told. Frees it. */
static void detach(struct nsr_attachment *attachment, const char *reason)
{
	struct nsr_shim *shim = attachment->shim;
	struct nsr_instance *instance = attachment->instance;
	struct nsr_session *session = reason ? nsr_session_find(shim, attachment->who.session) : NULL;
	bool fed = attachment->source_fd >= 0;

	for (struct nsr_attachment **at = &shim->attachments; *at; at = &(*at)->next)
		if (*at == attachment) {
			*at = attachment->next;
			break;
		}
	close_source(attachment);
	close_sink(&attachment->sinks[0]);
	close_sink(&attachment->sinks[1]);
	if (fed && instance && instance->spec->stdin_once && !instance->spec->tty)
		nsr_instance_close_stdin(instance);
	if (session) {
		struct nsr_writer *w = nsr_answer_begin(shim, 0, NSR_KIND_ATTACH_ENDED);
		ssize_t length;

		nsr_write_u64(w, NSR_TAG_EXEC_ID, attachment->who.id);
		nsr_write_string(w, NSR_TAG_REASON, reason);
		length = nsr_writer_end(w);
		if (length > 0)
			nsr_session_send(session, w->buffer, (size_t)length, -1);
	}
	free(attachment);
}

static ssize_t put(const struct sink *sink, const uint8_t *data, size_t length)
{
	ssize_t written = sink->socket ? send(sink->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) : write(sink->fd, data, length);

	return written < 0 ? -errno : written;
}

/* What is left when the client took `done` of it. False: it is too slow. */
static bool keep(struct sink *sink, const uint8_t *data, size_t length)
{
	if (!sink->backlog) {
		void *memory = mmap(NULL, BACKLOG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (memory == MAP_FAILED)
			return false;
		sink->backlog = memory;
		sink->start = sink->length = 0;
	}
	if (sink->start + sink->length + length > BACKLOG_SIZE && sink->start > 0) {
		memmove(sink->backlog, sink->backlog + sink->start, sink->length);
		sink->start = 0;
	}
	if (sink->start + sink->length + length > BACKLOG_SIZE)
		return false;
	memcpy(sink->backlog + sink->start + sink->length, data, length);
	sink->length += length;
	nsr_watch_change(&sink->attachment->shim->loop, &sink->watch, EPOLLOUT);
	return true;
}

static bool is_open(const struct nsr_attachment *attachment)
{
	return attachment->sinks[0].fd >= 0 || attachment->sinks[1].fd >= 0 || attachment->source_fd >= 0;
}

/* After a sink has closed or is empty: is there anything left to do for this client? */
static void settle(struct nsr_attachment *attachment)
{
	if (!is_open(attachment))
		detach(attachment, "closed");
	else if (!attachment->instance && attachment->sinks[0].length == 0 && attachment->sinks[1].length == 0)
		detach(attachment, "exited");
}

static void on_sink(struct nsr_watch *watch, uint32_t events)
{
	struct sink *sink = nsr_container_of(watch, struct sink, watch);
	ssize_t written = sink->length > 0 ? put(sink, sink->backlog + sink->start, sink->length) : 0;

	if (written >= 0) {
		sink->start += (size_t)written;
		sink->length -= (size_t)written;
	}
	if ((written < 0 && written != -EAGAIN) || (sink->length == 0 && events & (EPOLLERR | EPOLLHUP))) {
		close_sink(sink);
	} else if (sink->length == 0 && sink->backlog) {
		(void)munmap(sink->backlog, BACKLOG_SIZE); /* it was mapped so */
		sink->backlog = NULL;
		nsr_watch_change(&sink->attachment->shim->loop, watch, 0);
	}
	settle(sink->attachment);
}

void nsr_attached_write(struct nsr_instance *instance, uint32_t stream, const uint8_t *data, size_t length)
{
	struct nsr_attachment *attachment = instance->shim->attachments, *next;

	for (; attachment; attachment = next) {
		struct sink *sink = &attachment->sinks[stream == NSR_STREAM_STDERR];
		ssize_t written = 0;

		next = attachment->next;
		if (attachment->instance != instance || sink->fd < 0)
			continue;
		if (sink->length == 0)
			written = put(sink, data, length);
		if (written < 0 && written != -EAGAIN) {
			close_sink(sink);
			settle(attachment);
			continue;
		}
		if (written < 0)
			written = 0;
		if ((size_t)written < length && !keep(sink, data + written, length - (size_t)written))
			detach(attachment, "slow");
	}
}

/* Moves from the client to the container what fits. */
static void feed(struct nsr_attachment *attachment)
{
	struct nsr_instance *instance = attachment->instance;
	struct nsr_loop *loop = &attachment->shim->loop;

	for (int round = 0; instance && attachment->source_fd >= 0 && instance->stdin_fd >= 0; round++) {
		if (attachment->length == 0) {
			ssize_t length = round < FEED_ROUNDS ? read(attachment->source_fd, attachment->fed, FEED_SIZE) : -1;

			if (round >= FEED_ROUNDS || (length < 0 && (errno == EAGAIN || errno == EINTR)))
				break;
			if (length <= 0) { /* the client's end of it is the container's only if it said "once" */
				close_source(attachment);
				if (instance->spec->stdin_once && !instance->spec->tty)
					nsr_instance_close_stdin(instance);
				settle(attachment);
				return;
			}
			attachment->start = 0;
			attachment->length = (uint32_t)length;
		}
		while (attachment->length > 0) {
			ssize_t written = write(instance->stdin_fd, attachment->fed + attachment->start, attachment->length);

			if (written < 0 && errno != EAGAIN) {
				nsr_instance_close_stdin(instance); /* nobody reads it any more */
				attachment->length = 0;
				break;
			}
			if (written <= 0) {
				nsr_watch_change(loop, &attachment->source, 0);
				nsr_watch_change(loop, &instance->stdin_watch, EPOLLOUT);
				return;
			}
			attachment->start += (uint32_t)written;
			attachment->length -= (uint32_t)written;
		}
	}
	if (attachment->source_fd < 0)
		return;
	if (!instance || instance->stdin_fd < 0) {
		close_source(attachment);
		settle(attachment);
	} else if (attachment->always_ready) {
		nsr_watch_change(loop, &instance->stdin_watch, EPOLLOUT); /* comes back here when others had their turn */
	} else {
		nsr_watch_change(loop, &attachment->source, EPOLLIN);
	}
}

static void on_source(struct nsr_watch *watch, uint32_t events)
{
	(void)events; /* data or the end: reading tells */
	feed(nsr_container_of(watch, struct nsr_attachment, source));
}

void nsr_attached_feed(struct nsr_instance *instance)
{
	struct nsr_attachment *attachment = instance->shim->attachments, *next;

	for (; attachment; attachment = next) {
		next = attachment->next;
		if (attachment->instance == instance && attachment->source_fd >= 0)
			feed(attachment);
	}
}

static int open_sink(struct nsr_attachment *attachment, struct sink *sink, int fd)
{
	struct nsr_loop *loop = &attachment->shim->loop;
	int r;

	sink->fd = reopen(fd, O_WRONLY, &sink->socket);
	if (sink->fd < 0)
		return sink->fd;
	(void)fcntl(sink->fd, F_SETPIPE_SZ, BACKLOG_SIZE); /* a pipe takes bursts itself; others have the backlog */
	r = nsr_watch_add(loop, &sink->watch, sink->fd, 0, on_sink);
	return r == -EPERM ? 0 : r; /* a regular file takes all at once */
}

static int open_source(struct nsr_attachment *attachment, int fd)
{
	bool is_socket = false;
	int r;

	if (attachment->instance->stdin_fd < 0)
		return -EINVAL; /* stdin: false, or "once" and used up */
	attachment->source_fd = reopen(fd, O_RDONLY, &is_socket);
	if (attachment->source_fd >= 0 && is_socket)
		(void)nsr_set_nonblocking(attachment->source_fd); /* it comes from a socketpair made for this */
	if (attachment->source_fd < 0)
		return attachment->source_fd;
	r = nsr_watch_add(&attachment->shim->loop, &attachment->source, attachment->source_fd, EPOLLIN, on_source);
	if (r != -EPERM)
		return r;
	attachment->always_ready = true;
	nsr_watch_change(&attachment->shim->loop, &attachment->instance->stdin_watch, EPOLLOUT);
	return 0;
}

static int check_bounds(const struct nsr_shim *shim, uint32_t session, struct nsr_error *e)
{
	uint32_t all = 0, own = 0;

	for (const struct nsr_attachment *attachment = shim->attachments; attachment; attachment = attachment->next) {
		all++;
		own += attachment->who.session == session;
	}
	if (own >= ATTACHMENTS_EACH)
		return nsr_fail(e, NSR_STEP_ATTACH, ENOBUFS, "this client has 16 attachments already");
	return all >= ATTACHMENTS_MAX ? nsr_fail(e, NSR_STEP_ATTACH, ENOBUFS, "the pod has 64 attachments already") : 0;
}

int nsr_attach(struct nsr_instance *instance, struct nsr_reply who, uint32_t streams, int *fds, struct nsr_error *e)
{
	struct nsr_attachment *attachment;
	int r = 0, at = 0;

	if (instance->state != NSR_INSTANCE_RUNNING)
		return nsr_fail(e, NSR_STEP_GONE, ESRCH, instance->spec->id);
	r = check_bounds(instance->shim, who.session, e);
	if (r < 0)
		return r;
	attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return nsr_fail(e, NSR_STEP_MEMORY, ENOMEM, "");
	attachment->shim = instance->shim;
	attachment->instance = instance;
	attachment->who = who;
	attachment->source_fd = attachment->source.fd = -1;
	for (int i = 0; i < 2; i++)
		attachment->sinks[i] = (struct sink){.attachment = attachment, .watch.fd = -1, .fd = -1};
	attachment->next = instance->shim->attachments;
	instance->shim->attachments = attachment;
	if (streams & NSR_STREAM_STDIN)
		r = open_source(attachment, fds[at++]);
	if (r == 0 && streams & NSR_STREAM_STDOUT)
		r = open_sink(attachment, &attachment->sinks[0], fds[at++]);
	if (r == 0 && streams & NSR_STREAM_STDERR)
		r = open_sink(attachment, &attachment->sinks[1], fds[at]);
	if (r < 0) {
		attachment->instance = NULL; /* what did not begin does not end the container's stdin */
		detach(attachment, NULL);
		return nsr_fail(e, NSR_STEP_STDIO, -r, instance->spec->id);
	}
	return 0;
}

void nsr_attached_instance_ended(struct nsr_instance *instance)
{
	struct nsr_attachment *attachment = instance->shim->attachments, *next;

	for (; attachment; attachment = next) {
		next = attachment->next;
		if (attachment->instance != instance)
			continue;
		attachment->instance = NULL;
		close_source(attachment);
		if (attachment->sinks[0].length == 0 && attachment->sinks[1].length == 0)
			detach(attachment, "exited");
	}
}

void nsr_attached_session_ended(struct nsr_shim *shim, uint32_t session)
{
	struct nsr_attachment *attachment = shim->attachments, *next;

	for (; attachment; attachment = next) {
		next = attachment->next;
		if (attachment->who.session == session)
			detach(attachment, NULL);
	}
}
