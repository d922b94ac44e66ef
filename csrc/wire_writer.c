/* wire_writer.c - see wire_writer.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "wire_writer.h"

static void append(struct nsr_writer *w, const void *data, size_t length)
{
	if (w->overflow || length > w->size - w->length) {
		w->overflow = true;
		return;
	}
	if (length > 0)
		memcpy(w->buffer + w->length, data, length);
	w->length += length;
}

void nsr_writer_begin(struct nsr_writer *w, void *buffer, size_t size, enum nsr_kind kind, uint64_t id)
{
	struct nsr_envelope envelope = {
		.magic = NSR_WIRE_MAGIC, .version = NSR_WIRE_VERSION, .kind = (uint16_t)kind, .id = id,
	};

	*w = (struct nsr_writer){.buffer = buffer, .size = size};
	append(w, &envelope, sizeof(envelope));
}

void nsr_write_bytes(struct nsr_writer *w, enum nsr_tag tag, const void *data, size_t length)
{
	const uint16_t head[2] = {(uint16_t)tag, 0};
	const uint32_t short_length = (uint32_t)length;

	if (length > NSR_SPEC_MAX) {
		w->overflow = true;
		return;
	}
	append(w, head, sizeof(head));
	append(w, &short_length, sizeof(short_length));
	append(w, data, length);
}

void nsr_write_u32(struct nsr_writer *w, enum nsr_tag tag, uint32_t value)
{
	nsr_write_bytes(w, tag, &value, sizeof(value));
}

void nsr_write_u64(struct nsr_writer *w, enum nsr_tag tag, uint64_t value)
{
	nsr_write_bytes(w, tag, &value, sizeof(value));
}

void nsr_write_i64(struct nsr_writer *w, enum nsr_tag tag, int64_t value)
{
	nsr_write_bytes(w, tag, &value, sizeof(value));
}

void nsr_write_string(struct nsr_writer *w, enum nsr_tag tag, const char *value)
{
	if (value && *value)
		nsr_write_bytes(w, tag, value, strlen(value) + 1);
}

size_t nsr_write_block_begin(struct nsr_writer *w, enum nsr_tag tag)
{
	nsr_write_bytes(w, tag, NULL, 0);
	return w->length;
}

void nsr_write_block_end(struct nsr_writer *w, size_t mark)
{
	uint32_t length;

	if (w->overflow)
		return;
	length = (uint32_t)(w->length - mark);
	memcpy(w->buffer + mark - sizeof(length), &length, sizeof(length));
}

ssize_t nsr_writer_end(struct nsr_writer *w)
{
	uint32_t length;

	if (w->overflow)
		return -EMSGSIZE;
	length = (uint32_t)(w->length - sizeof(struct nsr_envelope));
	memcpy(w->buffer + offsetof(struct nsr_envelope, length), &length, sizeof(length));
	return (ssize_t)w->length;
}
