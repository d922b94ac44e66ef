/* records.c - see records.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "util.h"

uint64_t nsr_records_next(const struct nsr_records *records)
{
	return records->last_number + 1;
}

int nsr_records_add(struct nsr_records *records, const void *message, size_t length, int fd)
{
	struct nsr_record **at = &records->first;
	struct nsr_record *record = malloc(sizeof(*record) + length);

	if (!record) {
		nsr_close(&fd);
		return -ENOMEM;
	}
	*record = (struct nsr_record){.number = ++records->last_number, .fd = fd, .length = (uint32_t)length};
	memcpy(record->bytes, message, length);
	while (*at)
		at = &(*at)->next;
	*at = record;
	records->count++;
	return 0;
}

static void drop(struct nsr_records *records, struct nsr_record **at)
{
	struct nsr_record *record = *at;

	*at = record->next;
	nsr_close(&record->fd);
	free(record);
	records->count--;
}

void nsr_records_acknowledge(struct nsr_records *records, uint64_t number)
{
	for (struct nsr_record **at = &records->first; *at; at = &(*at)->next)
		if ((*at)->number == number) {
			drop(records, at);
			return;
		}
}

void nsr_records_unsent(struct nsr_records *records)
{
	for (struct nsr_record *record = records->first; record; record = record->next)
		record->sent = false;
}

struct nsr_record *nsr_records_first_unsent(const struct nsr_records *records)
{
	for (struct nsr_record *record = records->first; record; record = record->next)
		if (!record->sent)
			return record;
	return NULL;
}

void nsr_records_clear(struct nsr_records *records)
{
	while (records->first)
		drop(records, &records->first);
}
