/* fuzz_http.c - the reader of whole HTTP responses, which takes what any server in a pod says.
 *
 * LLVMFuzzerTestOneInput() is for clang -fsanitize=fuzzer and AFL; main() is for compilers without: it mutates a seed with a generator of
 * fixed start, so that a failure comes again (fuzz_http SECONDS [ROUND]).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "native.h"

#define MORE "\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 7\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so, const char *what)
{
	if (!so) {
		(void)fprintf(stderr, "fuzz_http: not so: %s\n", what);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own length, so that a sanitizer sees one byte too many. */
	char *exact = calloc(1, size ? size : 1), *more = calloc(1, size + sizeof(MORE));
	int status;

	demand(exact != NULL && more != NULL, "there is memory");
	if (size) {
		memcpy(exact, data, size);
		memcpy(more, data, size);
	}
	status = nsr_http_whole(exact, size);
	demand(status == 0 || (status >= 200 && status < 300 && status != 204) || (status >= 400 && status <= 999), "a status that is final");
	memcpy(more + size, MORE, sizeof(MORE));
	if (status)
		demand(nsr_http_whole(more, size + sizeof(MORE)) == status, "what comes after a response changes nothing");
	free(exact);
	free(more);
	return 0;
}

#ifndef NSR_LIBFUZZER

static const char SEED[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Empty:\r\nContent-Length: 12\r\n\r\nHello, world";
static const char *const PARTS[] = {
	"HTTP/1.1 ", "HTTP/1.0 ", "200",		"404", " OK", "\r\n", "\n",   "\r", "\r\n\r\n", "Content-Length: ",   "Transfer-Encoding: ",
	"Location:", ":",	  "999999999999999999", "0",   "-",   " ",    "\xff", "\t", "a",	"content-length: 1\r\n",
};
static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* A part goes in at some place, instead of so many bytes. */
static size_t mutate(uint8_t *data, size_t size, size_t limit)
{
	const char *part = PARTS[next_random(sizeof(PARTS) / sizeof(*PARTS))];
	size_t length = next_random(3) ? strlen(part) : 0, at = next_random((uint32_t)size + 1), gone = next_random(4) ? 0 : next_random(20);

	if (gone > size - at)
		gone = size - at;
	if (size - gone + length > limit)
		return size;
	memmove(data + at + length, data + at + gone, size - at - gone);
	memcpy(data + at, part, length);
	return size - gone + length;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 30;
	uint64_t round = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, only = argc > 2 ? round : UINT64_MAX;
	time_t until = time(NULL) + seconds;

	demand(nsr_http_whole(SEED, strlen(SEED)) == 200, "the seed is whole");
	for (; time(NULL) < until; round++) {
		uint8_t input[512];
		size_t size = strlen(SEED);

		random_state = round;
		memcpy(input, SEED, size);
		for (uint32_t i = 1 + next_random(next_random(4) ? 4 : 40); i > 0; i--)
			size = mutate(input, size, sizeof(input));
		if (LLVMFuzzerTestOneInput(input, size) != 0)
			return 1;
		if (round == only)
			break;
	}
	(void)printf("fuzz_http: %llu inputs\n", (unsigned long long)round);
	return 0;
}

#endif
