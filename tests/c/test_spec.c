/* test_spec.c - specs survive the way through the wire; every malformed or unreasonable one is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "spec.h"
#include "util.h"
#include "wire_writer.h"

static uint8_t buffer[65536];

/* A container spec that uses every kind of payload. */
static size_t write_container(void)
{
	static const char *const args[] = {"one", "two", "three"};
	struct nsr_writer w;
	size_t mark, inner;
	ssize_t n;

	nsr_writer_begin(&w, buffer, sizeof(buffer), NSR_KIND_CONTAINER_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_NAME, "web");
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 3);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, "/");
	for (unsigned i = 0; i < 2; i++) {
		inner = nsr_write_block_begin(&w, NSR_TAG_SUBMOUNT);
		nsr_write_string(&w, NSR_TAG_PATH, i ? "/home" : "/boot");
		nsr_write_u32(&w, NSR_TAG_OVERLAY, i);
		nsr_write_block_end(&w, inner);
	}
	nsr_write_block_end(&w, mark);
	for (size_t i = 0; i < 3; i++)
		nsr_write_string(&w, NSR_TAG_ARG, args[i]);
	nsr_write_string(&w, NSR_TAG_CWD, "/srv");
	mark = nsr_write_block_begin(&w, NSR_TAG_CREDENTIALS);
	nsr_write_u32(&w, NSR_TAG_USER, 7);
	nsr_write_u32(&w, NSR_TAG_SUPPLEMENTARY, 1);
	nsr_write_u32(&w, NSR_TAG_SUPPLEMENTARY, 2);
	nsr_write_u64(&w, NSR_TAG_BOUNDING, UINT64_C(1) << 40);
	nsr_write_bytes(&w, NSR_TAG_SECCOMP, "12345678", 8);
	nsr_write_block_end(&w, mark);
	nsr_write_i64(&w, NSR_TAG_OOM_SCORE_ADJ, -5);
	nsr_write_string(&w, NSR_TAG_TARGET_ID, "def");
	n = nsr_writer_end(&w);
	CHECK(n > 0);
	return (size_t)n;
}

static void test_round_trip(void)
{
	size_t n = write_container();
	struct nsr_container_spec *spec;
	struct nsr_error e;

	CHECK_EQUAL(nsr_container_spec_decode(buffer, n, &spec, &e), 0);
	CHECK(strcmp(spec->name, "web") == 0 && strcmp(spec->id, "abc") == 0 && strcmp(spec->cwd, "/srv") == 0);
	CHECK_EQUAL(spec->attempt, 3);
	CHECK_EQUAL(spec->root.submounts_count, 2);
	CHECK(strcmp(spec->root.submounts[1].path, "/home") == 0);
	CHECK_EQUAL(spec->root.submounts[1].overlay, 1);
	CHECK_EQUAL(spec->args_count, 3);
	CHECK(strcmp(spec->args[2], "three") == 0 && spec->args[3] == NULL);
	CHECK(spec->env == NULL && spec->mounts_count == 0);
	CHECK_EQUAL(spec->credentials.user, 7);
	CHECK_EQUAL(spec->credentials.supplementary_count, 2);
	CHECK_EQUAL(spec->credentials.supplementary[1], 2);
	CHECK_EQUAL(spec->credentials.bounding, UINT64_C(1) << 40);
	CHECK_EQUAL(spec->credentials.seccomp.length, 8);
	CHECK_EQUAL(spec->oom_score_adj, -5);
	CHECK(strcmp(spec->target, "def") == 0);
	CHECK(*spec->termination_path == '\0' && *spec->log.directory == '\0');
	nsr_container_spec_free(spec);
}

static int decode_copy(const uint8_t *data, size_t size)
{
	/* Of its exact size, so that AddressSanitizer sees each byte too many. */
	uint8_t *copy = malloc(size ? size : 1);
	struct nsr_container_spec *spec;
	struct nsr_error e;
	int r;

	CHECK(copy != NULL);
	memcpy(copy, data, size);
	r = nsr_container_spec_decode(copy, size, &spec, &e);
	if (r == 0)
		nsr_container_spec_free(spec);
	free(copy);
	return r;
}

static void test_cut(void)
{
	size_t n = write_container();

	for (size_t size = 0; size < n; size++)
		CHECK_EQUAL(decode_copy(buffer, size), -EBADMSG);
	CHECK_EQUAL(decode_copy(buffer, n + 1), -EBADMSG);
}

static void test_every_byte(void)
{
	size_t n = write_container();

	/* Any answer will do; reading beyond the end would not. */
	for (size_t at = 0; at < n; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			buffer[at] ^= (uint8_t)(1u << bit);
			(void)decode_copy(buffer, n);
			buffer[at] ^= (uint8_t)(1u << bit);
		}
	CHECK_EQUAL(decode_copy(buffer, n), 0);
}

static void test_copy(void)
{
	struct nsr_exec_spec *spec;
	struct nsr_error e;
	struct nsr_writer w;
	ssize_t n;

	nsr_writer_begin(&w, buffer, sizeof(buffer), NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	nsr_write_string(&w, NSR_TAG_ARG, "true");
	nsr_write_string(&w, NSR_TAG_ENV, "A=1");
	nsr_write_string(&w, NSR_TAG_ENV, "B=2");
	n = nsr_writer_end(&w);
	CHECK_EQUAL(nsr_exec_spec_copy((struct nsr_bytes){buffer, (uint32_t)n - 1}, &spec, &e), -EBADMSG);
	CHECK_EQUAL(nsr_exec_spec_copy((struct nsr_bytes){buffer, (uint32_t)n}, &spec, &e), 0);
	memset(buffer, 0xff, sizeof(buffer));
	CHECK(strcmp(spec->container_id, "abc") == 0 && spec->args_count == 1 && strcmp(spec->args[0], "true") == 0 && !spec->args[1]);
	CHECK(spec->env_count == 2 && strcmp(spec->env[1], "B=2") == 0 && !spec->env[2]);
	nsr_exec_spec_free(spec);
}

/* A spec that is good, and then one field more. */
static int with(enum nsr_tag tag, const void *data, size_t length)
{
	struct nsr_writer w;

	nsr_writer_begin(&w, buffer, sizeof(buffer), NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	nsr_write_string(&w, NSR_TAG_ARG, "true");
	if (length)
		nsr_write_bytes(&w, tag, data, length);
	{
		struct nsr_exec_spec *spec;
		struct nsr_error e;
		ssize_t n = nsr_writer_end(&w);
		int r = nsr_exec_spec_decode(buffer, (size_t)n, &spec, &e);

		if (r == 0)
			nsr_exec_spec_free(spec);
		return r;
	}
}

static void test_malformed(void)
{
	CHECK_EQUAL(with(NSR_TAG_ROLE, NULL, 0), 0);
	CHECK_EQUAL(with(NSR_TAG_ENV, "A=1", 4), 0);
	CHECK_EQUAL(with(NSR_TAG_CONTAINER_ID, "abc", 4), -EBADMSG); /* twice */
	CHECK_EQUAL(with(NSR_TAG_ENV, "A=1", 3), -EBADMSG); /* no NUL */
	CHECK_EQUAL(with(NSR_TAG_ENV, "A\0001", 4), -EBADMSG); /* one inside */
	CHECK_EQUAL(with(NSR_TAG_TTY, "\1\0\0", 3), -EBADMSG); /* a short number */
	CHECK_EQUAL(with(NSR_TAG_TTY, "\1\0\0\0\0", 5), -EBADMSG);
	CHECK_EQUAL(with(NSR_TAG_TIMEOUT_MS, "\1\0\0\0", 4), -EBADMSG);
	CHECK_EQUAL(with(NSR_TAG_LOWER, "/", 2), -EBADMSG); /* misplaced */
	CHECK_EQUAL(with((enum nsr_tag)127, "/", 2), -EBADMSG); /* unknown */
	CHECK_EQUAL(with(NSR_TAG_ROWS, "\0\0\1\0", 4), -EINVAL); /* 65536 rows */
}

/* The container spec with one more or another field; mutate() writes what is to be refused. */
static int refused(void (*mutate)(struct nsr_writer *w), const char **ret_path)
{
	static struct nsr_error e;
	struct nsr_writer w;
	struct nsr_container_spec *spec;
	size_t mark;
	ssize_t n;
	int r;

	nsr_writer_begin(&w, buffer, sizeof(buffer), NSR_KIND_CONTAINER_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_NAME, "web");
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, "/");
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_ARG, "true");
	nsr_write_string(&w, NSR_TAG_CWD, "/");
	mutate(&w);
	n = nsr_writer_end(&w);
	CHECK(n > 0);
	r = nsr_container_spec_decode(buffer, (size_t)n, &spec, &e);
	if (r == 0)
		nsr_container_spec_free(spec);
	*ret_path = e.path;
	return r;
}

static void nothing(struct nsr_writer *w)
{
	(void)w;
}

static void user_minus_one(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_u32(w, NSR_TAG_USER, UINT32_MAX);
	nsr_write_block_end(w, mark);
}

static void odd_filter(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_bytes(w, NSR_TAG_SECCOMP, "1234567", 7);
	nsr_write_block_end(w, mark);
}

static void relative_mask(struct nsr_writer *w)
{
	nsr_write_string(w, NSR_TAG_MASKED, "proc/kcore");
}

static void absolute_sub_path(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_MOUNT);

	nsr_write_u32(w, NSR_TAG_KIND, NSR_MOUNT_BIND);
	nsr_write_string(w, NSR_TAG_SOURCE, "/srv");
	nsr_write_string(w, NSR_TAG_TARGET, "/srv");
	nsr_write_string(w, NSR_TAG_SUB_PATH, "/etc");
	nsr_write_block_end(w, mark);
}

static void log_name_with_slash(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_LOG);

	nsr_write_string(w, NSR_TAG_DIRECTORY, "/var/log");
	nsr_write_string(w, NSR_TAG_FILE_NAME, "../x");
	nsr_write_block_end(w, mark);
}

static void target_above(struct nsr_writer *w)
{
	nsr_write_string(w, NSR_TAG_TARGET_ID, "..");
}

static void target_itself(struct nsr_writer *w)
{
	nsr_write_string(w, NSR_TAG_TARGET_ID, "abc");
}

static void target_of_another(struct nsr_writer *w)
{
	nsr_write_string(w, NSR_TAG_TARGET_ID, "abcd");
}

static void test_values(void)
{
	static const struct {
		void (*mutate)(struct nsr_writer *w);
		int result;
		const char *path;
	} cases[] = {
		{nothing, 0, ""}, {target_of_another, 0, ""}, {user_minus_one, -EINVAL, "credentials"}, {odd_filter, -EINVAL, "credentials.seccomp"},
		{relative_mask, -EINVAL, "masked_paths"}, {absolute_sub_path, -EINVAL, "mounts.sub_path"}, {log_name_with_slash, -EINVAL, "log"},
		{target_above, -EINVAL, "target"}, {target_itself, -EINVAL, "target"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path;

		CHECK_EQUAL(refused(cases[i].mutate, &path), cases[i].result);
		CHECK(strcmp(path, cases[i].path) == 0);
	}
}

static void test_memfd(void)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	size_t n = write_container();
	struct nsr_container_spec *spec;
	struct nsr_exec_spec *exec;
	struct nsr_error e;
	int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	CHECK_EQUAL(nsr_write_all(fd, buffer, n), 0);
	CHECK_EQUAL(nsr_container_spec_open(fd, &spec, &e), -EPERM);
	CHECK_EQUAL(e.step, NSR_STEP_SPEC);
	CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
	CHECK_EQUAL(nsr_container_spec_open(fd, &spec, &e), 0);
	CHECK(strcmp(spec->name, "web") == 0);
	CHECK_EQUAL(close(fd), 0);
	CHECK(strcmp(spec->cwd, "/srv") == 0); /* mapped still */
	nsr_container_spec_free(spec);
	/* of another kind, empty */
	fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_EQUAL(nsr_write_all(fd, buffer, n), 0);
	CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
	CHECK_EQUAL(nsr_exec_spec_open(fd, &exec, &e), -EBADMSG);
	CHECK_EQUAL(close(fd), 0);
	fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
	CHECK_EQUAL(nsr_exec_spec_open(fd, &exec, &e), -EBADMSG);
	CHECK_EQUAL(close(fd), 0);
}

static void test_writer(void)
{
	struct nsr_writer w;
	uint8_t small[40];

	nsr_writer_begin(&w, small, sizeof(small), NSR_KIND_OK, 1);
	nsr_write_u32(&w, NSR_TAG_PID, 1);
	CHECK_EQUAL(nsr_writer_end(&w), 36);
	nsr_write_u64(&w, NSR_TAG_RECORD, 1);
	CHECK_EQUAL(nsr_writer_end(&w), -EMSGSIZE);
	nsr_writer_begin(&w, small, 8, NSR_KIND_OK, 1);
	CHECK_EQUAL(nsr_writer_end(&w), -EMSGSIZE);
}

static void test_errors(void)
{
	struct nsr_error e;
	char path[400];

	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	memcpy(path + sizeof(path) - 5, "/end", 5);
	CHECK_EQUAL(nsr_fail(&e, NSR_STEP_MOUNT, EBUSY, path), -EBUSY);
	CHECK_EQUAL(strlen(e.path), sizeof(e.path) - 1);
	CHECK(strncmp(e.path, "...a", 4) == 0 && strcmp(e.path + sizeof(e.path) - 5, "/end") == 0);
	CHECK(strcmp(nsr_step_name(NSR_STEP_MOUNT), "mount") == 0);
	CHECK(strcmp(nsr_step_name(NSR_STEP_COUNT), "unknown step") == 0 && strcmp(nsr_step_name(-1), "unknown step") == 0);
}

static void test_numbers(void)
{
	char text[21];
	uint64_t value;

	CHECK(strcmp(nsr_format_u64(text, UINT64_MAX), "18446744073709551615") == 0);
	CHECK(strcmp(nsr_format_u64(text, 0), "0") == 0);
	CHECK_EQUAL(nsr_parse_u64("128", 128, &value), 0);
	CHECK_EQUAL(value, 128);
	CHECK_EQUAL(nsr_parse_u64("129", 128, &value), -ERANGE);
	CHECK_EQUAL(nsr_parse_u64("5", 4, &value), -ERANGE);
	CHECK_EQUAL(nsr_parse_u64("99999999999999999999", UINT64_MAX, &value), -ERANGE);
	CHECK_EQUAL(nsr_parse_u64("", 9, &value), -EINVAL);
	CHECK_EQUAL(nsr_parse_u64("1 ", 9, &value), -EINVAL);
	CHECK_EQUAL(nsr_parse_u64("+1", 9, &value), -EINVAL);
}

int main(void)
{
	test_round_trip();
	test_cut();
	test_every_byte();
	test_copy();
	test_malformed();
	test_values();
	test_memfd();
	test_writer();
	test_errors();
	test_numbers();
	return 0;
}
