/* streams.c - a container instance's standard streams: pipes or a terminal, which end is whose.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

void nsr_instance_close_stdin(struct nsr_instance *instance)
{
	nsr_watch_remove(&instance->shim->loop, &instance->stdin_watch);
	nsr_close(&instance->stdin_fd);
}

void nsr_streams_close(struct nsr_instance *instance)
{
	for (int i = 0; i < 3; i++)
		nsr_close(&instance->stdio[i]);
	nsr_output_finish(&instance->output[0]); /* with a tty, output[0].fd is the console */
	nsr_output_finish(&instance->output[1]);
	instance->console = -1;
	nsr_instance_close_stdin(instance);
}

static void on_stdin_writable(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_instance *instance = nsr_container_of(watch, struct nsr_instance, stdin_watch);

	nsr_watch_change(&instance->shim->loop, watch, 0);
	if (events & EPOLLERR) /* every reader of the pipe is gone */
		nsr_instance_close_stdin(instance);
	nsr_attached_feed(instance);
}

static int open_stdin(struct nsr_instance *instance, int fd)
{
	int r = fd < 0 ? -errno : nsr_set_nonblocking(fd);

	instance->stdin_fd = fd;
	return r < 0 ? r : nsr_watch_add(&instance->shim->loop, &instance->stdin_watch, fd, 0, on_stdin_writable);
}

int nsr_streams_open_pipes(struct nsr_instance *instance)
{
	int ends[2], r;

	if (!instance->spec->stdin_open) {
		r = nsr_pod_null(&instance->shim->pod, O_RDONLY);
		if (r < 0)
			return r;
		instance->stdio[0] = r;
	} else {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		instance->stdio[0] = ends[0];
		r = open_stdin(instance, ends[1]);
		if (r < 0)
			return r;
	}
	for (int i = 0; i < 2; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		instance->stdio[i + 1] = ends[1];
		r = nsr_output_open(&instance->output[i], instance, ends[0], i == 0 ? NSR_STREAM_STDOUT : NSR_STREAM_STDERR);
		if (r < 0)
			return r;
	}
	return 0;
}

int nsr_streams_open_console(struct nsr_instance *instance, int console)
{
	int r = nsr_output_open(&instance->output[0], instance, console, NSR_STREAM_STDOUT);

	instance->console = console;
	/* A descriptor of its own for input: epoll keeps one entry a descriptor. */
	return r < 0 || !instance->spec->stdin_open ? r : open_stdin(instance, fcntl(console, F_DUPFD_CLOEXEC, 0));
}

int nsr_console_resize(int console, uint32_t rows, uint32_t columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	if (rows > UINT16_MAX || columns > UINT16_MAX)
		return -EINVAL;
	return ioctl(console, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
