/* output.c - what a container writes: read once, logged, handed to whoever is attached.
 *
 * A program that writes line by line would wake the shim for each line. So a stream that yields something again within a
 * millisecond is left alone for one, and again for as long as it does: its pipe (1 MiB then) fills meanwhile and one read takes it
 * all. A quiet stream is read at once. Nothing here can make the container wait for anybody but the disk.
 *
 * A pipe is not waited for by epoll: since Linux 5.14 each write to a pipe that was ever polled takes the lock of its wait queue,
 * whether anybody waits or not, which makes the short writes of lines a fifth dearer for good. It tells by a signal (O_ASYNC in
 * fcntl(2)), which is off while it is left alone. That signal does not say how many pipes it is about, so that all are looked at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

#define BUSY_NS 1000000u
#define BUSY_MS 1u
#define FLOOD_SIZE 16384 /* a read of more touches pages that a quiet pod does not need: they go back after a quiet second */
#define QUIET_MS 1000u
#define PIPE_SIZE (1 << 20) /* /proc/sys/fs/pipe-max-size unless somebody changed it */
#define READS 16 /* in a row of one stream, before others have their turn */

int nsr_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* One read. Bytes, 0 at the end, -EAGAIN when there is nothing. */
static ssize_t take(struct nsr_output *output)
{
	struct nsr_instance *instance = output->instance;
	size_t size;
	uint8_t *buffer = nsr_log_buffer(&size);
	ssize_t length = read(output->fd, buffer, size);

	if (length < 0)
		return errno == EINTR ? -EAGAIN : errno == EIO ? 0 : -errno; /* EIO: the last end of a pty's slave is closed */
	if (length > 0) {
		nsr_log_take(&instance->log, &output->line, (size_t)length);
		nsr_attached_write(instance, output->stream, buffer, (size_t)length);
	}
	return length;
}

static void on_quiet(struct nsr_timer *timer)
{
	struct nsr_shim *shim = nsr_container_of(timer, struct nsr_shim, trim);

	if (nsr_now_ns() - shim->flood_ns < QUIET_MS * 1000000u)
		nsr_timer_arm(&shim->loop, timer, QUIET_MS, on_quiet);
	else
		nsr_log_trim();
}

static void note_flood(struct nsr_output *output)
{
	struct nsr_shim *shim = output->instance->shim;

	shim->flood_ns = output->read_ns;
	if (!shim->trim.armed)
		nsr_timer_arm(&shim->loop, &shim->trim, QUIET_MS, on_quiet);
}

enum yield { NOTHING, SOMETHING, MORE, THE_END };

/* Reads until nothing is left, or nearly: what a program writes while it is read from is left for later. A short read alone does
 * not say that it was all, as a pipe may be in packet mode (O_DIRECT in pipe(2)): there it returns one write, of at most PIPE_BUF. */
static enum yield drain(struct nsr_output *output)
{
	enum yield yield = NOTHING;
	size_t size;

	(void)nsr_log_buffer(&size);
	for (int i = 0; i < READS; i++) {
		ssize_t length = take(output);

		if (length == -EAGAIN)
			return yield;
		if (length <= 0)
			return THE_END;
		yield = SOMETHING;
		output->read_ns = nsr_now_ns();
		if (length > FLOOD_SIZE)
			note_flood(output);
		if ((size_t)length < size && length > PIPE_BUF)
			return SOMETHING;
	}
	return MORE;
}

static void on_output(struct nsr_watch *watch, uint32_t events);

/* From now on it tells when there is something to read. */
static int listen_to(struct nsr_output *output)
{
	if (output->watched)
		return output->watch.fd >= 0 ? 0 :
			nsr_watch_add(&output->instance->shim->loop, &output->watch, output->fd, EPOLLIN, on_output);
	if (fcntl(output->fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return -errno;
	output->told = true;
	return 0;
}

static void ignore(struct nsr_output *output)
{
	if (output->told)
		(void)fcntl(output->fd, F_SETFL, O_NONBLOCK); /* one signal more would be no harm */
	output->told = false;
	/* Out of the set, not only without events in it: a write would still call epoll. */
	nsr_watch_remove(&output->instance->shim->loop, &output->watch);
}

static void end(struct nsr_output *output)
{
	/* A pty is only left alone: a process may still open its console again. */
	ignore(output);
	nsr_timer_cancel(&output->instance->shim->loop, &output->pause);
	if (!output->instance->spec->tty)
		nsr_output_finish(output);
}

static void on_rested(struct nsr_timer *timer)
{
	struct nsr_output *output = nsr_container_of(timer, struct nsr_output, pause);
	enum yield yield = drain(output);
	bool failed = false;

	if (yield == NOTHING) {
		failed = listen_to(output) < 0; /* no memory at this moment */
		yield = drain(output); /* a signal tells nothing of what came before it was asked for */
	}
	if (yield == THE_END) {
		end(output);
	} else if (yield != NOTHING || failed) {
		ignore(output);
		nsr_timer_arm(&output->instance->shim->loop, timer, yield == MORE ? 0 : BUSY_MS, on_rested);
	}
}

static void on_ready(struct nsr_output *output)
{
	uint64_t last_ns = output->read_ns;
	enum yield yield = drain(output);

	if (yield == THE_END) {
		end(output);
	} else if (yield == MORE || (yield == SOMETHING && output->read_ns - last_ns < BUSY_NS)) {
		if (!output->grown)
			(void)fcntl(output->fd, F_SETPIPE_SZ, PIPE_SIZE); /* only faster; a pty has none, a limit may forbid it */
		output->grown = true;
		ignore(output);
		nsr_timer_arm(&output->instance->shim->loop, &output->pause, yield == MORE ? 0 : BUSY_MS, on_rested);
	}
}

static void on_output(struct nsr_watch *watch, uint32_t events)
{
	(void)events; /* data, or a hang-up, which reading tells as the end */
	on_ready(nsr_container_of(watch, struct nsr_output, watch));
}

void nsr_outputs_ready(struct nsr_shim *shim)
{
	for (struct nsr_instance *instance = shim->instances; instance; instance = instance->next)
		for (int i = 0; i < 2; i++)
			if (instance->output[i].told)
				on_ready(&instance->output[i]);
}

int nsr_output_open(struct nsr_output *output, struct nsr_instance *instance, int fd, uint32_t stream)
{
	int r;

	*output = (struct nsr_output){
		.instance = instance,
		.watch.fd = -1,
		.fd = fd,
		.stream = stream,
		.line.name = stream == NSR_STREAM_STDERR ? "stderr" : "stdout",
		.watched = instance->spec->tty,
	};
	if (!output->watched && fcntl(fd, F_SETOWN, getpid()) < 0)
		return -errno;
	r = nsr_set_nonblocking(fd);
	return r < 0 ? r : listen_to(output);
}

void nsr_output_finish(struct nsr_output *output)
{
	struct nsr_loop *loop;
	int waiting = 0;

	if (!output->instance)
		return; /* never opened */
	loop = &output->instance->shim->loop;
	nsr_watch_remove(loop, &output->watch);
	nsr_timer_cancel(loop, &output->pause);
	output->told = false;
	if (output->fd >= 0) {
		ssize_t length;

		/* No more than is there at this moment: a process outside of the container may hold the pipe and write for ever. A
		 * pty does not tell, and holds little. */
		if (ioctl(output->fd, FIONREAD, &waiting) < 0 || output->instance->spec->tty)
			waiting = 1 << 16;
		while (waiting > 0 && (length = take(output)) > 0)
			waiting -= (int)length;
	}
	nsr_log_end(&output->instance->log, &output->line);
	nsr_close(&output->fd);
}
