/* test_request.c - messages to the shim: what each may carry, and that nothing else gets through.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "request.h"
#include "wire_writer.h"

static uint8_t message[NSR_MESSAGE_MAX];
static struct nsr_writer w;

static size_t end(void)
{
	ssize_t length = nsr_writer_end(&w);

	CHECK(length > 0);
	return (size_t)length;
}

static void begin(enum nsr_kind kind)
{
	nsr_writer_begin(&w, message, sizeof(message), kind, 42);
}

static void test_members(void)
{
	struct nsr_request request;

	begin(NSR_KIND_SIGNAL);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	nsr_write_u32(&w, NSR_TAG_SIGNAL, 15);
	nsr_write_u32(&w, NSR_TAG_WHOLE, 1);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), 0);
	CHECK(request.kind == NSR_KIND_SIGNAL && request.id == 42 && strcmp(request.container_id, "abc") == 0);
	CHECK(request.signal == 15 && request.whole == 1 && request.name[0] == '\0' && request.record == 0);
	begin(NSR_KIND_RESIZE);
	nsr_write_u64(&w, NSR_TAG_EXEC_ID, 1ull << 40);
	nsr_write_u32(&w, NSR_TAG_ROWS, 24);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), 0);
	CHECK(request.exec_id == 1ull << 40 && request.rows == 24 && request.columns == 0 && request.container_id[0] == '\0');
	begin(NSR_KIND_LIST);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), 0);
	CHECK(request.container_id && request.name);
}

static void test_descriptors(void)
{
	struct nsr_request request;

	begin(NSR_KIND_CREATE_SANDBOX);
	CHECK_EQUAL(nsr_request_parse(message, end(), 1, &request), 0);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), -EBADMSG);
	CHECK_EQUAL(nsr_request_parse(message, end(), 2, &request), -EBADMSG);
	begin(NSR_KIND_REMOVE_POD);
	CHECK_EQUAL(nsr_request_parse(message, end(), 1, &request), -EBADMSG);
	for (size_t fds = 0; fds <= 5; fds++) { /* a spec in the message, or among the descriptors */
		begin(NSR_KIND_EXEC);
		CHECK_EQUAL(nsr_request_parse(message, end(), fds, &request), fds == 1 || fds == 4 ? 0 : -EBADMSG);
		begin(NSR_KIND_EXEC);
		nsr_write_bytes(&w, NSR_TAG_SPEC, "spec", 4);
		CHECK_EQUAL(nsr_request_parse(message, end(), fds, &request), fds == 0 || fds == 3 ? 0 : -EBADMSG);
	}
	begin(NSR_KIND_EXEC);
	nsr_write_bytes(&w, NSR_TAG_SPEC, "spec", 4);
	CHECK_EQUAL(nsr_request_parse(message, end(), 3, &request), 0);
	CHECK(request.spec.length == 4 && memcmp(request.spec.data, "spec", 4) == 0);
	for (uint32_t streams = 0; streams < 16; streams++)
		for (size_t fds = 0; fds <= 4; fds++) {
			begin(NSR_KIND_ATTACH);
			nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
			nsr_write_u32(&w, NSR_TAG_STREAMS, streams);
			CHECK_EQUAL(nsr_request_parse(message, end(), fds, &request),
				    streams > 0 && streams < 8 && fds == (size_t)__builtin_popcount(streams) ? 0 : -EBADMSG);
		}
}

static void test_refused(void)
{
	struct nsr_request request;
	size_t length;

	begin(NSR_KIND_SIGNAL);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "abc");
	nsr_write_u32(&w, NSR_TAG_SIGNAL, 15);
	length = end();
	for (size_t i = 0; i < length; i++)
		CHECK_EQUAL(nsr_request_parse(message, i, 0, &request), -EBADMSG);
	for (uint16_t kind = 0; kind < 200; kind++) { /* answers, records, specs and numbers without a meaning */
		bool known = kind >= NSR_KIND_HELLO && kind <= NSR_KIND_OPEN_VOLUME;

		if (known)
			continue;
		begin((enum nsr_kind)kind);
		CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), -EBADMSG);
	}
	begin(NSR_KIND_HELLO); /* a tag of another message */
	nsr_write_u32(&w, NSR_TAG_SIGNAL, 15);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), -EBADMSG);
	begin(NSR_KIND_HELLO); /* twice */
	nsr_write_u32(&w, NSR_TAG_ROLE, 1);
	nsr_write_u32(&w, NSR_TAG_ROLE, 2);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), -EBADMSG);
	begin(NSR_KIND_HELLO); /* a number of eight bytes where four belong */
	nsr_write_u64(&w, NSR_TAG_ROLE, 1);
	CHECK_EQUAL(nsr_request_parse(message, end(), 0, &request), -EBADMSG);
	begin(NSR_KIND_HELLO);
	nsr_write_u32(&w, NSR_TAG_ROLE, 1);
	length = end();
	message[4]++; /* another version */
	CHECK_EQUAL(nsr_request_parse(message, length, 0, &request), -EBADMSG);
}

int main(void)
{
	test_members();
	test_descriptors();
	test_refused();
	return 0;
}
