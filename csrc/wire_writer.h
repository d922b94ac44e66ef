/* wire_writer.h - puts envelopes together in a buffer of the caller's. Errors are remembered and told once, by nsr_writer_end().
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_WIRE_WRITER_H
#define NSR_WIRE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct nsr_writer {
	uint8_t *buffer;
	size_t size, length;
	bool overflow;
};

void nsr_writer_begin(struct nsr_writer *w, void *buffer, size_t size, enum nsr_kind kind, uint64_t id);
void nsr_write_u32(struct nsr_writer *w, enum nsr_tag tag, uint32_t value);
void nsr_write_u64(struct nsr_writer *w, enum nsr_tag tag, uint64_t value);
void nsr_write_i64(struct nsr_writer *w, enum nsr_tag tag, int64_t value);
/* NULL and "" are left out: absent means "". */
void nsr_write_string(struct nsr_writer *w, enum nsr_tag tag, const char *value);
void nsr_write_bytes(struct nsr_writer *w, enum nsr_tag tag, const void *data, size_t length);
/* What is written between the two lies in the block. The mark is for the end. */
size_t nsr_write_block_begin(struct nsr_writer *w, enum nsr_tag tag);
void nsr_write_block_end(struct nsr_writer *w, size_t mark);
/* Length of the whole envelope, or -EMSGSIZE when the buffer was too small. */
ssize_t nsr_writer_end(struct nsr_writer *w);

#endif
