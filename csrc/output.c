/* output.c - what a container writes: read once, logged, handed to whoever is attached.
 *
 * A program that writes line by line would wake the shim for each line. So a stream that yields little, again within a
 * millisecond, is left alone for one: its pipe (1 MiB then) fills meanwhile and one read takes it all. A quiet stream is read
 * at once. Nothing here can make the container wait for anybody but the disk.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
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

static void on_output(struct nsr_watch *watch, uint32_t events);

static void on_rested(struct nsr_timer *timer)
{
	struct nsr_output *output = nsr_container_of(timer, struct nsr_output, pause);
	struct nsr_loop *loop = &output->instance->shim->loop;

	if (nsr_watch_add(loop, &output->watch, output->fd, EPOLLIN, on_output) < 0)
		nsr_timer_arm(loop, timer, BUSY_MS, on_rested); /* no memory at this moment */
}

static void rest(struct nsr_output *output)
{
	struct nsr_loop *loop = &output->instance->shim->loop;

	if (!output->grown) {
		(void)fcntl(output->fd, F_SETPIPE_SZ, PIPE_SIZE); /* only faster; a pty has none, a limit may forbid it */
		output->grown = true;
	}
	/* Out of the set, not only without events in it: the container would call epoll with each of its writes, which makes a short one
	 * a sixth dearer. */
	nsr_watch_remove(loop, &output->watch);
	nsr_timer_arm(loop, &output->pause, BUSY_MS, on_rested);
}

static void on_quiet(struct nsr_timer *timer)
{
	struct nsr_shim *shim = nsr_container_of(timer, struct nsr_shim, trim);

	if (nsr_now_ns() - shim->flood_ns < QUIET_MS * 1000000u)
		nsr_timer_arm(&shim->loop, timer, QUIET_MS, on_quiet);
	else
		nsr_log_trim();
}

static void on_output(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_output *output = nsr_container_of(watch, struct nsr_output, watch);
	struct nsr_loop *loop = &output->instance->shim->loop;
	uint64_t last_ns = output->read_ns;
	ssize_t length = take(output);
	size_t size;

	(void)events; /* data, or a hang-up, which reading tells as the end */
	if (length == -EAGAIN)
		return;
	if (length <= 0) {
		/* A pty is only left alone: a process may still open its console again. */
		nsr_watch_remove(loop, &output->watch);
		nsr_timer_cancel(loop, &output->pause);
		if (!output->instance->spec->tty)
			nsr_output_finish(output);
		return;
	}
	output->read_ns = nsr_now_ns();
	if (length > FLOOD_SIZE) {
		output->instance->shim->flood_ns = output->read_ns;
		if (!output->instance->shim->trim.armed)
			nsr_timer_arm(loop, &output->instance->shim->trim, QUIET_MS, on_quiet);
	}
	(void)nsr_log_buffer(&size);
	if ((size_t)length < size / 2 && output->read_ns - last_ns < BUSY_NS && !(events & EPOLLHUP))
		rest(output);
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
	};
	r = nsr_set_nonblocking(fd);
	return r < 0 ? r : nsr_watch_add(&instance->shim->loop, &output->watch, fd, EPOLLIN, on_output);
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
