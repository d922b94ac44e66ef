/* request.h - a message to the shim, taken apart. Pure: bytes in, struct out; fuzzed as it is.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_REQUEST_H
#define NSR_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "wire_reader.h"

#define NSR_STREAM_STDIN 1u
#define NSR_STREAM_STDOUT 2u
#define NSR_STREAM_STDERR 4u

/* Members that the kind does not have are 0, "" and empty. Strings and bytes point into the message. */
struct nsr_request {
	enum nsr_kind kind;
	uint64_t id;
	uint32_t role, attempt, signal, whole, rows, columns, streams;
	uint64_t exec_id, record;
	const char *container_id, *name;
	struct nsr_bytes spec;
};

/* -EBADMSG: not a message that a shim gets, or not with so many descriptors. */
int nsr_request_parse(const void *data, size_t size, size_t fds, struct nsr_request *ret);

#endif
