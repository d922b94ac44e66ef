/* test_records.c - records until they are acknowledged, and the first answers of commands.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "shim.h"

static void test_records(void)
{
	struct nsr_records records = {0};
	struct nsr_record *record;
	int fd = open("/dev/null", O_RDONLY);

	CHECK_EQUAL(nsr_records_next(&records), 1);
	CHECK_EQUAL(nsr_records_add(&records, "one", 3, -1), 0);
	CHECK_EQUAL(nsr_records_add(&records, "two", 3, fd), 0);
	CHECK_EQUAL(nsr_records_add(&records, "three", 5, -1), 0);
	record = nsr_records_first_unsent(&records);
	CHECK(record && record->number == 1 && memcmp(record->bytes, "one", 3) == 0);
	record->sent = true;
	record = nsr_records_first_unsent(&records);
	CHECK(record && record->number == 2 && record->fd == fd);
	record->sent = true;
	nsr_records_acknowledge(&records, 2);
	CHECK(fcntl(fd, F_GETFD) < 0); /* closed with it */
	nsr_records_acknowledge(&records, 2);
	nsr_records_acknowledge(&records, 77);
	CHECK_EQUAL(records.count, 2);
	CHECK_EQUAL(nsr_records_first_unsent(&records)->number, 3);
	nsr_records_unsent(&records); /* a new controller */
	CHECK_EQUAL(nsr_records_first_unsent(&records)->number, 1);
	nsr_records_acknowledge(&records, 1);
	nsr_records_acknowledge(&records, 3);
	CHECK(!records.first);
	CHECK_EQUAL(nsr_records_next(&records), 4); /* never given twice */
	CHECK_EQUAL(nsr_records_add(&records, "four", 4, -1), 0);
	nsr_records_clear(&records);
	CHECK(!records.first && records.count == 0);
}

static void test_answers(void)
{
	static struct nsr_answers answers;
	struct nsr_answer *answer;

	CHECK(!nsr_answers_find(&answers, 5));
	CHECK_EQUAL(nsr_answers_begin(&answers, 5, 1), 0);
	answer = nsr_answers_find(&answers, 5);
	CHECK(answer && answer->length == 0 && answer->session == 1);
	nsr_answers_keep(&answers, 5, "bytes", 5);
	answer = nsr_answers_find(&answers, 5);
	CHECK(answer && answer->length == 5 && memcmp(answer->bytes, "bytes", 5) == 0);
	nsr_answers_keep(&answers, 6, "never begun", 11);
	CHECK(!nsr_answers_find(&answers, 6));
	/* The oldest answers make room; what is not answered yet stays. */
	CHECK_EQUAL(nsr_answers_begin(&answers, 1000, 1), 0);
	for (uint64_t id = 2000; id < 2000 + 3 * NSR_ANSWERS; id++) {
		CHECK_EQUAL(nsr_answers_begin(&answers, id, 2), 0);
		nsr_answers_keep(&answers, id, &id, sizeof(id));
	}
	CHECK(!nsr_answers_find(&answers, 5));
	CHECK(nsr_answers_find(&answers, 1000));
	CHECK(nsr_answers_find(&answers, 2000 + 3 * NSR_ANSWERS - 1));
	CHECK(nsr_answers_find(&answers, 2000 + 2 * NSR_ANSWERS + 1));
	CHECK(!nsr_answers_find(&answers, 2000));
	nsr_answers_clear(&answers);
	CHECK(!nsr_answers_find(&answers, 1000));
}

int main(void)
{
	test_records();
	test_answers();
	return 0;
}
