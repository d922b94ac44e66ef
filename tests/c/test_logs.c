/* test_logs.c - log lines and log files: every edge of splitting, rotation, a disk that is full.
 * `test_logs SECONDS` tries random output for as long (make fuzz).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "logs.h"

#define PREFIX 40 /* "2006-01-02T15:04:05.000000000Z stdout F " */

static char root[] = "/tmp/nsr-logs-XXXXXX";
static char directory[64], link_path[64];
static int root_fd;

static struct nsr_log_spec make_spec(int64_t max_size, uint32_t max_files)
{
	return (struct nsr_log_spec){.directory = directory, .file_name = "0.log", .link = link_path,
				     .max_size = max_size, .max_files = max_files};
}

static char *slurp(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(8 << 20);

	CHECK(file && text);
	*ret_length = fread(text, 1, (8 << 20) - 1, file);
	text[*ret_length] = '\0';
	(void)fclose(file);
	return text;
}

static char *slurp_log(size_t *ret_length)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/0.log", directory);
	return slurp(path, ret_length);
}

static void take(struct nsr_log *log, struct nsr_log_stream *stream, const void *data, size_t length)
{
	size_t size;
	uint8_t *buffer = nsr_log_buffer(&size);

	CHECK(length <= size);
	memcpy(buffer, data, length);
	nsr_log_take(log, stream, length);
}

/* The log without its stamps, "F content\n" a line, after checking each stamp's form. Lengths, because content may hold NULs. */
static char *strip(const char *text, size_t length, size_t *ret_length)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ ";
	char *out = malloc(length + 1);
	size_t used = 0;

	CHECK(out != NULL);
	for (size_t at = 0; at < length;) {
		const char *newline = memchr(text + at, '\n', length - at);

		CHECK(newline != NULL && (size_t)(newline - text) - at >= PREFIX);
		for (size_t i = 0; form[i]; i++)
			CHECK(form[i] == 'd' ? text[at + i] >= '0' && text[at + i] <= '9' : text[at + i] == form[i]);
		CHECK(memcmp(text + at + 31, "stdout ", 7) == 0 || memcmp(text + at + 31, "stderr ", 7) == 0);
		memcpy(out + used, text + at + 38, (size_t)(newline - text) + 1 - at - 38);
		used += (size_t)(newline - text) + 1 - at - 38;
		at = (size_t)(newline - text) + 1;
	}
	*ret_length = used;
	return out;
}

struct piece {
	const char *data;
	size_t length;
};

/* Logs the pieces as one read each and compares with what the file must hold. */
static void expect(const char *wanted, size_t wanted_length, size_t count, const struct piece *pieces)
{
	struct nsr_log_spec spec = make_spec(-1, 5);
	struct nsr_log_stream stream = {.name = "stdout"};
	struct nsr_error e = {0};
	struct nsr_log log;
	size_t length, stripped_length;
	char *text, *stripped;

	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	for (size_t i = 0; i < count; i++)
		take(&log, &stream, pieces[i].data, pieces[i].length);
	nsr_log_end(&log, &stream);
	nsr_log_close(&log);
	text = slurp_log(&length);
	stripped = strip(text, length, &stripped_length);
	CHECK_EQUAL(stripped_length, wanted_length);
	CHECK(memcmp(stripped, wanted, wanted_length) == 0);
	free(text);
	free(stripped);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
}

#define LITERAL(text) {text, sizeof(text) - 1}
#define EXPECT(wanted, ...) \
	do { \
		const struct piece expect_pieces[] = {__VA_ARGS__}; \
		expect(wanted, sizeof(wanted) - 1, sizeof(expect_pieces) / sizeof(expect_pieces[0]), expect_pieces); \
	} while (0)

static void test_lines(void)
{
	EXPECT("F a\nF b\n", LITERAL("a\nb\n"));
	EXPECT("F hello\nF x\n", LITERAL("he"), LITERAL("llo\nx"), LITERAL("\n"));
	EXPECT("F \nF \nF z\n", LITERAL("\n\nz\n"));
	EXPECT("P no newline\n", LITERAL("no newline"));
	EXPECT("F a\nP b\n", LITERAL("a\nb"));
	EXPECT("F dos\nF \nF lone\rinside\nP end\r\n", LITERAL("dos\r\n\r\nlone\rinside\nend\r"));
	EXPECT("F split\n", LITERAL("split\r"), LITERAL("\n"));
	EXPECT("F \0\001\xff\n", LITERAL("\0\001\xff\n"));
}

/* `length` bytes and then `rest`, in reads of `chunk`; wanted: pieces of at most 16384, tags given. */
static void long_line(size_t length, const char *rest, size_t chunk, const char *tags)
{
	size_t total = length + strlen(rest), pieces_count = 0, wanted_length = 0, left = length;
	char *data = malloc(total + 1), *wanted = malloc(total + 64);
	struct piece *pieces = calloc(total / chunk + 1, sizeof(*pieces));

	CHECK(data && wanted && pieces);
	memset(data, 'x', length);
	memcpy(data + length, rest, strlen(rest) + 1);
	for (size_t at = 0; at < total; at += chunk)
		pieces[pieces_count++] = (struct piece){data + at, total - at < chunk ? total - at : chunk};
	for (; *tags; tags++) {
		size_t piece = left < NSR_LOG_LINE_MAX ? left : NSR_LOG_LINE_MAX;

		wanted[wanted_length++] = *tags;
		wanted[wanted_length++] = ' ';
		memset(wanted + wanted_length, 'x', piece);
		wanted_length += piece;
		wanted[wanted_length++] = '\n';
		left -= piece;
	}
	CHECK_EQUAL(left, 0);
	expect(wanted, wanted_length, pieces_count, pieces);
	free(data);
	free(wanted);
	free(pieces);
}

static void test_long_lines(void)
{
	static const size_t chunks[] = {1000, 4096, 16383, 16384, 16385, 100000};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		long_line(16383, "\n", chunks[i], "F");
		long_line(16384, "\n", chunks[i], "F");
		long_line(16385, "\n", chunks[i], "PF");
		long_line(32768, "\n", chunks[i], "PF");
		long_line(32769, "\n", chunks[i], "PPF");
		long_line(16384, "", chunks[i], "P");
		long_line(16385, "", chunks[i], "PP");
		long_line(40000, "", chunks[i], "PPP");
		long_line(16383, "\r\n", chunks[i], "F");
	}
}

static uint32_t random_state = 12345;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

/* However the output is cut into reads, and whatever bytes it has, the log says the same. For so many seconds, or sixty rounds. */
static void test_any_chunks(long seconds)
{
	static const char bytes[] = {'\r', '\0', '\xff', '\x1b', ' ', 'F', 'P', 'x'};
	static char data[60000], wanted[120000];
	time_t until = time(NULL) + seconds;

	for (int round = 0; seconds > 0 ? time(NULL) < until : round < 60; round++) {
		size_t length = 1 + next_random(sizeof(data)), count = 0, used = 0;
		uint32_t rarity = 1 + next_random(20000);
		struct piece *pieces = calloc(length, sizeof(*pieces));

		CHECK(pieces != NULL);
		for (size_t i = 0; i < length; i++)
			data[i] = next_random(rarity) == 0 ? '\n' : bytes[next_random(sizeof(bytes))];
		for (size_t at = 0; at < length;) {
			const char *newline = memchr(data + at, '\n', length - at);
			size_t line = newline ? (size_t)(newline - data) - at : length - at;
			size_t piece = line < NSR_LOG_LINE_MAX ? line : NSR_LOG_LINE_MAX;
			bool full = newline && line == piece;

			wanted[used++] = full ? 'F' : 'P';
			wanted[used++] = ' ';
			memcpy(wanted + used, data + at, piece);
			used += piece;
			if (full && piece > 0 && data[at + piece - 1] == '\r') /* as terminals and Windows end lines */
				used--;
			wanted[used++] = '\n';
			at += piece + full;
		}
		for (size_t at = 0; at < length;) {
			size_t size = 1 + next_random(30000);

			size = size < length - at ? size : length - at;
			pieces[count++] = (struct piece){data + at, size};
			at += size;
		}
		expect(wanted, used, count, pieces);
		free(pieces);
	}
}

static size_t count_rotated(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	size_t count = 0;

	CHECK(dir != NULL);
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "0.log.", 6) == 0) {
			char path[PATH_MAX];
			struct stat st;

			CHECK(strlen(entry->d_name) >= 6 + 15 && entry->d_name[14] == '-');
			(void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
			CHECK(stat(path, &st) == 0 && st.st_size >= 1000 && st.st_size < 1000 + 60);
			CHECK_EQUAL(st.st_mode & 07777, 0640);
			count++;
		}
	(void)closedir(dir);
	return count;
}

static void test_rotation(void)
{
	struct nsr_log_spec spec = make_spec(1000, 3);
	struct nsr_log_stream stream = {.name = "stdout"};
	struct nsr_error e = {0};
	struct nsr_log log;
	size_t length;
	char *text, line[16], last[16] = "";

	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(line, sizeof(line), "line %05d\n", i);
		take(&log, &stream, line, strlen(line));
		CHECK(log.size < 1000);
		CHECK(count_rotated() <= 2);
	}
	CHECK_EQUAL(count_rotated(), 2);
	CHECK_EQUAL(log.lost, 0);
	text = slurp_log(&length);
	(void)snprintf(last, sizeof(last), "line %05d\n", 4999);
	CHECK(length < 1000 && (length == 0 || strcmp(text + length - strlen(last), last) == 0));
	free(text);
	/* One read of many lines fills several files, too. */
	{
		static char many[100000];

		for (size_t i = 0; i < sizeof(many); i++)
			many[i] = i % 10 == 9 ? '\n' : 'm';
		take(&log, &stream, many, sizeof(many));
		CHECK_EQUAL(count_rotated(), 2);
	}
	nsr_log_end(&log, &stream);
	nsr_log_close(&log);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
	CHECK_EQUAL(count_rotated(), 0);
	CHECK(access(link_path, F_OK) < 0);
}

/* The newest rotated files stay, whatever their names' last digits. */
static void test_rotation_order(void)
{
	static const char *const names[] = {"0.log.20240101-000000", "0.log.20240101-000000-9", "0.log.20240101-000000-10",
					    "0.log.20240101-000001", "0.log.2024010-000000", "0.log.gz", "10.log.20240101-000000"};
	struct nsr_log_spec spec = make_spec(50, 3);
	struct nsr_log_stream stream = {.name = "stdout"};
	struct nsr_error e = {0};
	struct nsr_log log;

	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(close(openat(log.dir_fd, names[i], O_CREAT | O_WRONLY, 0600)) == 0);
	take(&log, &stream, "twenty bytes of text\n", 21);
	CHECK(faccessat(log.dir_fd, names[0], F_OK, 0) < 0);
	CHECK(faccessat(log.dir_fd, names[1], F_OK, 0) < 0);
	CHECK(faccessat(log.dir_fd, names[2], F_OK, 0) < 0);
	CHECK(faccessat(log.dir_fd, names[3], F_OK, 0) == 0); /* and the one that was just made */
	for (size_t i = 4; i < 7; i++) {
		CHECK(faccessat(log.dir_fd, names[i], F_OK, 0) == 0); /* not ours */
		CHECK(unlinkat(log.dir_fd, names[i], 0) == 0);
	}
	nsr_log_end(&log, &stream);
	nsr_log_close(&log);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
	CHECK_EQUAL(rmdir(directory), 0);
}

/* /dev/full says ENOSPC: output is dropped, counted, and told once there is room. */
static void test_full(void)
{
	struct nsr_log_spec spec = make_spec(-1, 3);
	struct nsr_log_stream stream = {.name = "stdout"};
	struct nsr_error e = {0};
	struct nsr_log log;
	size_t length, stripped_length;
	char *text, *stripped;
	int real;

	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	real = log.fd;
	log.fd = open("/dev/full", O_WRONLY);
	take(&log, &stream, "gone\n", 5);
	take(&log, &stream, "gone too\n", 9);
	CHECK_EQUAL(log.lost, 2 * PREFIX + 14);
	CHECK_EQUAL(close(log.fd), 0);
	log.fd = real;
	take(&log, &stream, "back\n", 5);
	CHECK_EQUAL(log.lost, 0);
	nsr_log_end(&log, &stream);
	nsr_log_close(&log);
	text = slurp_log(&length);
	stripped = strip(text, length, &stripped_length);
	stripped[stripped_length] = '\0';
	CHECK(strcmp(stripped, "F nsrunner: 94 bytes of log were lost: No space left on device\nF back\n") == 0);
	free(text);
	free(stripped);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
}

/* A file system that fills up in the middle of a write: whole lines only, and it goes on when there is room. */
static void test_full_disk(void)
{
	struct nsr_log_spec spec = make_spec(-1, 3);
	struct nsr_log_stream stream = {.name = "stdout"};
	struct nsr_error e = {0};
	struct nsr_log log;
	static char lines[20000];
	char *text;
	size_t length, stripped_length;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    (mkdir(directory, 0755) < 0 && errno != EEXIST) || mount("tmpfs", directory, "tmpfs", 0, "size=64k") < 0) {
		(void)fprintf(stderr, "test_full_disk: skipped: cannot mount a tmpfs (%s)\n", strerror(errno));
		(void)rmdir(directory);
		return;
	}
	root_fd = open(root, O_RDONLY | O_DIRECTORY); /* the one before leads around the mount, in the old namespace */
	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % 100 == 99 ? '\n' : 'l';
	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	for (int i = 0; i < 10; i++)
		take(&log, &stream, lines, sizeof(lines));
	CHECK(log.lost > 0 && log.lost_errno == ENOSPC && log.size <= 65536);
	nsr_log_end(&log, &stream); /* there is no room for the notice either */
	CHECK(log.lost > 0 && log.size <= 65536);
	text = slurp_log(&length);
	CHECK_EQUAL(length, log.size);
	free(strip(text, length, &stripped_length)); /* checks each line */
	free(text);
	CHECK_EQUAL(mount("tmpfs", directory, "tmpfs", MS_REMOUNT, "size=1m"), 0);
	nsr_log_end(&log, &stream); /* told, though nothing is written any more */
	CHECK_EQUAL(log.lost, 0);
	take(&log, &stream, "again\n", 6);
	nsr_log_end(&log, &stream);
	nsr_log_close(&log);
	CHECK_EQUAL(umount(directory), 0);
	CHECK_EQUAL(rmdir(directory), 0);
	CHECK_EQUAL(unlink(link_path), 0);
}

static void test_stamp(void)
{
	char stamp[NSR_LOG_STAMP + 1] = "", wanted[64];

	for (int64_t day = 0; day < 150000; day++) {
		time_t second = (time_t)(day * 86400 + day % 86400);
		struct tm tm;

		CHECK(gmtime_r(&second, &tm) != NULL);
		nsr_log_stamp(stamp, second, (uint32_t)(day * 6661 % 1000000000));
		(void)snprintf(wanted, sizeof(wanted), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
			       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(day * 6661 % 1000000000));
		CHECK(strcmp(stamp, wanted) == 0);
	}
}

/* What a log's directory leads to besides the pod's logs is not touched. */
static void test_remove_outside(void)
{
	char inside[96], outside[96], victim[96];
	struct nsr_log_spec spec = {.directory = outside, .file_name = "0.log", .link = ""};
	struct nsr_error e;
	int fd;

	(void)snprintf(inside, sizeof(inside), "%s/logs", root);
	(void)snprintf(outside, sizeof(outside), "%s/logs/..", root);
	(void)snprintf(victim, sizeof(victim), "%s/0.log", root);
	CHECK_EQUAL(mkdir(inside, 0755), 0);
	CHECK((fd = open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) >= 0);
	CHECK_EQUAL(close(fd), 0);
	CHECK((fd = open(inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	CHECK_EQUAL(nsr_log_remove(fd, inside, &spec, &e), 0);
	CHECK_EQUAL(access(victim, F_OK), 0);
	CHECK_EQUAL(close(fd) | unlink(victim) | rmdir(inside), 0);
}

static void test_files(void)
{
	struct nsr_log_spec spec = make_spec(-1, 3);
	struct nsr_error e = {0};
	struct nsr_log log;
	struct stat st;
	char target[PATH_MAX] = "", path[96];

	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	CHECK(stat(directory, &st) == 0);
	CHECK_EQUAL(st.st_mode & 07777, 0755);
	CHECK(fstat(log.fd, &st) == 0);
	CHECK_EQUAL(st.st_mode & 07777, 0640);
	CHECK(readlink(link_path, target, sizeof(target) - 1) > 0);
	(void)snprintf(path, sizeof(path), "%s/0.log", directory);
	CHECK(strcmp(target, path) == 0);
	nsr_log_close(&log);
	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0); /* what a dead shim had begun is taken over */
	nsr_log_close(&log);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
	CHECK_EQUAL(nsr_log_remove(root_fd, root, &spec, &e), 0);
	CHECK_EQUAL(symlink("/etc/passwd", path), 0); /* a link in the place of a log is not followed */
	CHECK(nsr_log_open(&log, root_fd, root, &spec, &e) < 0 && e.step == NSR_STEP_LOG);
	CHECK_EQUAL(unlink(path), 0);
	spec.directory = "/elsewhere/c";
	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), -EINVAL);
	test_remove_outside();
	spec.directory = "";
	CHECK_EQUAL(nsr_log_open(&log, root_fd, root, &spec, &e), 0);
	CHECK_EQUAL(log.fd, -1);
	CHECK_EQUAL(rmdir(directory), 0);
}

int main(int argc, char **argv)
{
	(void)umask(077);
	CHECK(mkdtemp(root) != NULL);
	(void)snprintf(directory, sizeof(directory), "%s/c", root);
	(void)snprintf(link_path, sizeof(link_path), "%s/link", root);
	root_fd = open(root, O_RDONLY | O_DIRECTORY);
	CHECK(root_fd >= 0);
	test_stamp();
	test_files();
	test_lines();
	test_long_lines();
	test_any_chunks(argc > 1 ? strtol(argv[1], NULL, 10) : 0);
	test_rotation();
	test_rotation_order();
	test_full();
	test_full_disk();
	CHECK_EQUAL(rmdir(root), 0);
	return 0;
}
