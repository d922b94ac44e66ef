/* wire_reader.c - see wire_reader.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "wire_reader.h"

#define FIELD_HEAD 8u /* u16 tag, u16 zero, u32 length */
#define ALIGN 8u

struct field {
	uint16_t tag;
	struct nsr_bytes payload;
};

int nsr_envelope_read(const void *data, size_t size, struct nsr_envelope *ret, struct nsr_bytes *ret_block)
{
	struct nsr_envelope envelope;

	if (size < sizeof(envelope))
		return -EBADMSG;
	memcpy(&envelope, data, sizeof(envelope));
	if (envelope.magic != NSR_WIRE_MAGIC || envelope.version != NSR_WIRE_VERSION || envelope.zero != 0)
		return -EBADMSG;
	if (envelope.length != size - sizeof(envelope))
		return -EBADMSG;
	*ret = envelope;
	*ret_block = (struct nsr_bytes){(const uint8_t *)data + sizeof(envelope), envelope.length};
	return 0;
}

/* Takes one field off the front of *rest. 1: taken, 0: nothing left. */
static int next_field(struct nsr_bytes *rest, struct field *ret)
{
	uint16_t zero;
	uint32_t length;

	if (rest->length == 0)
		return 0;
	if (rest->length < FIELD_HEAD)
		return -EBADMSG;
	memcpy(&ret->tag, rest->data, 2);
	memcpy(&zero, rest->data + 2, 2);
	memcpy(&length, rest->data + 4, 4);
	if (zero != 0 || length > rest->length - FIELD_HEAD)
		return -EBADMSG;
	ret->payload = (struct nsr_bytes){rest->data + FIELD_HEAD, length};
	rest->data += FIELD_HEAD + length;
	rest->length -= FIELD_HEAD + length;
	return 1;
}

static const struct nsr_member *find_member(const struct nsr_shape *shape, uint16_t tag, size_t *ret_index)
{
	for (size_t i = 0; i < shape->count; i++)
		if (shape->members[i].tag == tag) {
			*ret_index = i;
			return &shape->members[i];
		}
	return NULL;
}

static size_t element_size(const struct nsr_member *member)
{
	switch ((enum nsr_payload)member->payload) {
	case NSR_PAYLOAD_U32:
		return sizeof(uint32_t);
	case NSR_PAYLOAD_U64:
	case NSR_PAYLOAD_I64:
		return sizeof(uint64_t);
	case NSR_PAYLOAD_STRING:
		return sizeof(const char *);
	case NSR_PAYLOAD_BYTES:
		return sizeof(struct nsr_bytes);
	case NSR_PAYLOAD_BLOCK:
		return member->shape->size;
	}
	return 0;
}

static size_t list_size(const struct nsr_member *member, uint32_t count)
{
	/* One more than needed: execve wants its NULL behind the last string. */
	return (element_size(member) * ((size_t)count + 1) + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static int check_scalar(const struct nsr_member *member, struct nsr_bytes payload)
{
	switch ((enum nsr_payload)member->payload) {
	case NSR_PAYLOAD_U32:
		return payload.length == 4 ? 0 : -EBADMSG;
	case NSR_PAYLOAD_U64:
	case NSR_PAYLOAD_I64:
		return payload.length == 8 ? 0 : -EBADMSG;
	case NSR_PAYLOAD_STRING:
		/* The only NUL is the last byte. */
		return payload.length > 0 && memchr(payload.data, 0, payload.length) == payload.data + payload.length - 1
			? 0 : -EBADMSG;
	case NSR_PAYLOAD_BYTES:
	case NSR_PAYLOAD_BLOCK:
		return 0;
	}
	return -EBADMSG;
}

static int measure(struct nsr_bytes block, const struct nsr_shape *shape, unsigned depth, size_t *size)
{
	uint32_t counts[32] = {0};
	struct field field;
	int r;

	if (depth > NSR_WIRE_DEPTH || shape->count > sizeof(counts) / sizeof(counts[0]))
		return -EBADMSG;
	while ((r = next_field(&block, &field)) > 0) {
		size_t i;
		const struct nsr_member *member = find_member(shape, field.tag, &i);

		if (!member || (!member->list && counts[i]))
			return -EBADMSG;
		counts[i]++;
		r = check_scalar(member, field.payload);
		if (r < 0)
			return r;
		if (member->payload == NSR_PAYLOAD_BLOCK) {
			r = measure(field.payload, member->shape, depth + 1, size);
			if (r < 0)
				return r;
		}
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < shape->count; i++)
		if (shape->members[i].list && counts[i])
			*size += list_size(&shape->members[i], counts[i]);
	return 0;
}

int nsr_measure(struct nsr_bytes block, const struct nsr_shape *shape, size_t *ret_size)
{
	size_t size = 0;
	int r = measure(block, shape, 1, &size);

	if (r < 0)
		return r;
	*ret_size = size;
	return 0;
}

/* The struct as an empty block would leave it. */
static void set_defaults(const struct nsr_shape *shape, uint8_t *at)
{
	static const char *const empty = "";

	memset(at, 0, shape->size);
	for (size_t i = 0; i < shape->count; i++) {
		const struct nsr_member *member = &shape->members[i];

		if (member->list)
			continue;
		if (member->payload == NSR_PAYLOAD_STRING)
			memcpy(at + member->offset, &empty, sizeof(empty));
		else if (member->payload == NSR_PAYLOAD_BLOCK)
			set_defaults(member->shape, at + member->offset);
	}
}

static int allocate_lists(struct nsr_bytes block, const struct nsr_shape *shape, struct nsr_arena *arena, uint8_t *at)
{
	uint32_t counts[32] = {0};
	struct field field;

	while (next_field(&block, &field) > 0) {
		size_t i;

		if (find_member(shape, field.tag, &i))
			counts[i]++;
	}
	for (size_t i = 0; i < shape->count; i++) {
		const struct nsr_member *member = &shape->members[i];
		uint8_t *memory;
		size_t size;

		if (!member->list || !counts[i])
			continue;
		size = list_size(member, counts[i]);
		if (!arena || size > arena->size - arena->used)
			return -ENOMEM;
		memory = arena->memory + arena->used;
		memset(memory, 0, size);
		arena->used += size;
		memcpy(at + member->offset, &memory, sizeof(memory));
		/* The count is set field by field while the list is filled. */
	}
	return 0;
}

static int fill(struct nsr_bytes block, const struct nsr_shape *shape, struct nsr_arena *arena, uint8_t *at);

static int store(const struct nsr_member *member, struct nsr_bytes payload, struct nsr_arena *arena, uint8_t *at)
{
	switch ((enum nsr_payload)member->payload) {
	case NSR_PAYLOAD_U32:
	case NSR_PAYLOAD_U64:
	case NSR_PAYLOAD_I64:
		memcpy(at, payload.data, payload.length);
		return 0;
	case NSR_PAYLOAD_STRING: {
		const char *string = (const char *)payload.data;

		memcpy(at, &string, sizeof(string));
		return 0;
	}
	case NSR_PAYLOAD_BYTES:
		memcpy(at, &payload, sizeof(payload));
		return 0;
	case NSR_PAYLOAD_BLOCK:
		set_defaults(member->shape, at);
		return fill(payload, member->shape, arena, at);
	}
	return -EBADMSG;
}

static int fill(struct nsr_bytes block, const struct nsr_shape *shape, struct nsr_arena *arena, uint8_t *at)
{
	struct field field;
	int r = allocate_lists(block, shape, arena, at);

	if (r < 0)
		return r;
	while (next_field(&block, &field) > 0) {
		size_t i;
		const struct nsr_member *member = find_member(shape, field.tag, &i);
		uint8_t *slot = at;

		if (!member)
			return -EBADMSG;
		if (member->list) {
			uint32_t count;
			uint8_t *list;

			memcpy(&list, at + member->offset, sizeof(list));
			memcpy(&count, at + member->count, sizeof(count));
			slot = list + element_size(member) * count++;
			memcpy(at + member->count, &count, sizeof(count));
		} else
			slot += member->offset;
		r = store(member, field.payload, arena, slot);
		if (r < 0)
			return r;
	}
	return 0;
}

int nsr_decode(struct nsr_bytes block, const struct nsr_shape *shape, struct nsr_arena *arena, void *ret)
{
	size_t size;
	int r = nsr_measure(block, shape, &size);

	if (r < 0)
		return r;
	set_defaults(shape, ret);
	return fill(block, shape, arena, ret);
}
