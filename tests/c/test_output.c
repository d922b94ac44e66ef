/* test_output.c - reading a container's pipe: told of a quiet one at once, a flood left alone until it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "shim.h"

static char root[] = "/tmp/nsr-output-XXXXXX", directory[64];
static struct nsr_shim shim;
static struct nsr_container_spec spec;
static struct nsr_instance instance = {.shim = &shim, .spec = &spec, .output = {{.fd = -1}, {.fd = -1}}};
static struct nsr_output *const output = &instance.output[0];
static sigset_t sigio;
static int root_fd, end;

static void begin(void)
{
	struct nsr_error e = {0};
	int ends[2];

	CHECK_EQUAL(nsr_log_open(&instance.log, root_fd, root, &spec.log, &e), 0);
	CHECK_EQUAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	end = ends[1];
	CHECK_EQUAL(nsr_output_open(output, &instance, ends[0], NSR_STREAM_STDOUT), 0);
}

static bool told(void)
{
	static const struct timespec now;

	return sigtimedwait(&sigio, NULL, &now) == SIGIO;
}

/* How many bytes the log has besides the stamp and stream of so many lines: "F line\n" is 7. */
static int64_t logged(size_t lines)
{
	return instance.log.size - (int64_t)lines * 38;
}

static void write_line(void)
{
	CHECK_EQUAL(write(end, "line\n", 5), 5);
}

static void turn_until_told_again(void)
{
	while (!output->told)
		CHECK_EQUAL(nsr_loop_turn(&shim.loop), 0);
}

static void finish(void)
{
	struct nsr_error e = {0};

	CHECK_EQUAL(close(end), 0);
	CHECK(told());
	nsr_outputs_ready(&shim);
	CHECK(output->fd < 0 && !output->told && !output->pause.armed);
	nsr_log_close(&instance.log);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec.log, &e), 0);
}

/* Writes lines until they come so fast that the stream is left alone; returns how many it took. */
static size_t write_until_left_alone(void)
{
	size_t lines = 0;

	while (output->told) {
		write_line();
		CHECK(told());
		nsr_outputs_ready(&shim);
		CHECK_EQUAL(logged(++lines), 7 * lines); /* each at once */
	}
	CHECK(output->pause.armed);
	return lines;
}

static void test_lines(void)
{
	size_t lines;

	begin();
	CHECK(!told());
	nsr_outputs_ready(&shim); /* for another's signal */
	lines = write_until_left_alone();
	/* It is not told of what comes now, and finds it. */
	write_line();
	CHECK(!told());
	turn_until_told_again();
	CHECK_EQUAL(logged(lines + 1), 7 * (lines + 1));
	CHECK(!output->pause.armed);
	/* And then it is told again. */
	write_line();
	CHECK(told());
	nsr_outputs_ready(&shim);
	CHECK_EQUAL(logged(lines + 2), 7 * (lines + 2));
	turn_until_told_again();
	finish();
}

/* In packet mode a read returns one write, however much there is. */
static void test_packets(void)
{
	begin();
	CHECK_EQUAL(fcntl(end, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	for (int i = 0; i < 15; i++)
		write_line();
	CHECK(told());
	nsr_outputs_ready(&shim);
	turn_until_told_again();
	CHECK_EQUAL(logged(15), 7 * 15);
	finish();
}

/* More than is read in a row: the rest follows by itself. */
static void test_full_pipe(void)
{
	struct nsr_error e = {0};
	static char lines[64];
	size_t size = 0;

	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i == 63 ? '\n' : 'l';
	begin();
	CHECK(fcntl(end, F_SETPIPE_SZ, 1 << 18) == 1 << 18);
	CHECK_EQUAL(fcntl(end, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	while (write(end, lines, sizeof(lines)) == sizeof(lines))
		size += sizeof(lines);
	CHECK(size > 64 * 16);
	CHECK(told());
	nsr_outputs_ready(&shim);
	CHECK(!output->told && output->pause.armed && logged(16) == 66 * 16); /* what else is ready has its turn now */
	turn_until_told_again();
	CHECK_EQUAL(logged(size / 64), size / 64 * 66);
	/* What is left at the end is taken, too. */
	write_line();
	nsr_output_finish(output);
	CHECK_EQUAL(logged(size / 64 + 1), size / 64 * 66 + 7);
	CHECK_EQUAL(close(end), 0);
	nsr_log_close(&instance.log);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec.log, &e), 0);
}

int main(void)
{
	CHECK(mkdtemp(root) != NULL);
	(void)snprintf(directory, sizeof(directory), "%s/web", root);
	spec = (struct nsr_container_spec){.id = "web", .log = {.directory = directory, .file_name = "0.log", .link = "", .max_size = -1}};
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(root_fd >= 0 && nsr_loop_open(&shim.loop) == 0);
	shim.instances = &instance;
	CHECK(sigemptyset(&sigio) == 0 && sigaddset(&sigio, SIGIO) == 0 && sigprocmask(SIG_BLOCK, &sigio, NULL) == 0);
	test_lines();
	test_packets();
	test_full_pipe();
	CHECK_EQUAL(rmdir(directory) | rmdir(root), 0);
	return 0;
}
