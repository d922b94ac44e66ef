/* wire_reader.h - takes the bytes of wire.h apart. No I/O, no state but the slice: fuzzed and unit-tested as it is.
 *
 * A block is decoded by a *shape*: a table that says which tags may stand in it, what they carry and where in a C struct the value
 * goes. Strings and bytes of the result point into the input. A tag outside the table, a doubled one, a bad length, a missing
 * NUL, trailing bytes or too much depth are -EBADMSG; nothing of a refused block is used.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_WIRE_READER_H
#define NSR_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define NSR_WIRE_DEPTH 4

struct nsr_bytes {
	const uint8_t *data;
	uint32_t length;
};

/* What a member of a C struct is. LIST_* members are a pointer to the first element, and a uint32_t count elsewhere. */
enum nsr_payload {
	NSR_PAYLOAD_U32, /* uint32_t */
	NSR_PAYLOAD_U64, /* uint64_t */
	NSR_PAYLOAD_I64, /* int64_t */
	NSR_PAYLOAD_STRING, /* const char *, never NULL */
	NSR_PAYLOAD_BYTES, /* struct nsr_bytes */
	NSR_PAYLOAD_BLOCK, /* a struct of `shape`, embedded */
};

struct nsr_shape;

struct nsr_member {
	uint16_t tag; /* enum nsr_tag, below 128 */
	uint8_t payload; /* enum nsr_payload */
	uint8_t list; /* 1: may come again */
	uint32_t offset; /* of the value; of the pointer when list */
	uint32_t count; /* offset of the uint32_t count; lists only */
	const struct nsr_shape *shape; /* BLOCK only */
};

struct nsr_shape {
	size_t size; /* of the C struct */
	const struct nsr_member *members;
	size_t count;
};

/* Shapes read as tables of `NSR_ONE(struct s, TAG, member, PAYLOAD)`. */
#define NSR_ONE(type, name, member, kind) {NSR_TAG_##name, NSR_PAYLOAD_##kind, 0, offsetof(type, member), 0, NULL}
#define NSR_ONE_BLOCK(type, name, member, of) {NSR_TAG_##name, NSR_PAYLOAD_BLOCK, 0, offsetof(type, member), 0, of}
#define NSR_LIST(type, name, member, kind) \
	{NSR_TAG_##name, NSR_PAYLOAD_##kind, 1, offsetof(type, member), offsetof(type, member##_count), NULL}
#define NSR_LIST_BLOCK(type, name, member, of) \
	{NSR_TAG_##name, NSR_PAYLOAD_BLOCK, 1, offsetof(type, member), offsetof(type, member##_count), of}
#define NSR_SHAPE(type, table) {sizeof(type), table, sizeof(table) / sizeof((table)[0])}

/* Memory of lists: one piece, made by the caller of the size that nsr_measure() tells. NULL where a shape has no lists. */
struct nsr_arena {
	uint8_t *memory;
	size_t size, used;
};

/* Checks an envelope's head and that exactly its block follows. */
int nsr_envelope_read(const void *data, size_t size, struct nsr_envelope *ret, struct nsr_bytes *ret_block);

/* Checks the whole block against the shape and tells how many bytes its lists need. */
int nsr_measure(struct nsr_bytes block, const struct nsr_shape *shape, size_t *ret_size);

/* Fills the struct at `ret` (shape->size bytes): absent numbers are 0, absent strings "", absent lists NULL with count 0.
 * String lists have a NULL behind the last. -ENOMEM when the arena is too small; the struct is then half filled. */
int nsr_decode(struct nsr_bytes block, const struct nsr_shape *shape, struct nsr_arena *arena, void *ret);

#endif
