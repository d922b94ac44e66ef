/* records.h - what has happened and nobody has acknowledged: exits, results of execs. Kept in order, sent to each controller.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_RECORDS_H
#define NSR_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nsr_record {
	struct nsr_record *next;
	uint64_t number;
	bool sent; /* to the present controller */
	int fd; /* of an exec's output; -1: none */
	uint32_t length;
	uint8_t bytes[];
};

struct nsr_records {
	struct nsr_record *first;
	uint64_t last_number; /* never given twice */
	uint32_t count;
};

/* The number that the next record gets: it stands in the message. */
uint64_t nsr_records_next(const struct nsr_records *records);
/* Takes the descriptor, also on failure. */
int nsr_records_add(struct nsr_records *records, const void *message, size_t length, int fd);
/* Unknown numbers are no failure: an acknowledgement may be repeated. */
void nsr_records_acknowledge(struct nsr_records *records, uint64_t number);
/* For a new controller nothing is sent yet. */
void nsr_records_unsent(struct nsr_records *records);
struct nsr_record *nsr_records_first_unsent(const struct nsr_records *records);
void nsr_records_clear(struct nsr_records *records);

#endif
