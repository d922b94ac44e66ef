/* log_lines.c - cuts output into log lines. The hot path of the shim: one clock reading and one write(2) for up to 256 KiB.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "logs.h"
#include "util.h"

#define READ_SIZE (256u << 10)
#define WRITE_SIZE (256u << 10)
#define NAME_LENGTH 6u /* of "stdout" and "stderr" */
#define PREFIX_SIZE (NSR_LOG_STAMP + 1u + NAME_LENGTH + 3u) /* "STAMP NAME F " */
#define TAG_OFFSET (PREFIX_SIZE - 2u)
#define BLOCK 16u /* copy_line() reads and writes whole blocks: so much room there is behind both buffers */
#define TAIL_KEPT 512u /* a tail buffer up to this size stays allocated: most reads end inside of a line */

/* Untouched pages of these cost no memory: a quiet pod uses one of each, as they begin with a page. The tail of the read before is put right before what is
 * read, so that lines lie in one piece. */
static _Alignas(4096) uint8_t input[NSR_LOG_LINE_MAX + READ_SIZE + BLOCK];
static _Alignas(4096) uint8_t output[WRITE_SIZE + BLOCK];

typedef uint8_t block __attribute__((vector_size(BLOCK)));

static void put_digits(char *at, uint32_t value, unsigned count)
{
	while (count-- > 0) {
		at[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Days since 1970 to year, month, day of the Gregorian calendar, in eras of 400 years (146,097 days) that begin in March, so that
 * the leap day is the last of its year. gmtime_r(3) would read /etc/localtime. */
static void put_date(char *at, int64_t days)
{
	uint32_t shifted = (uint32_t)(days + 719468), era = shifted / 146097, in_era = shifted % 146097;
	uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint32_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153; /* March is 0 */

	put_digits(at, era * 400 + year + (month >= 10), 4);
	put_digits(at + 5, month < 10 ? month + 3 : month - 9, 2);
	put_digits(at + 8, in_year - (153 * month + 2) / 5 + 1, 2);
	at[4] = at[7] = '-';
	at[10] = 'T';
}

void nsr_log_stamp(char stamp[static NSR_LOG_STAMP], int64_t second, uint32_t nanosecond)
{
	uint32_t in_day = (uint32_t)(second % 86400);

	put_date(stamp, second / 86400);
	put_digits(stamp + 11, in_day / 3600, 2);
	put_digits(stamp + 14, in_day / 60 % 60, 2);
	put_digits(stamp + 17, in_day % 60, 2);
	put_digits(stamp + 20, nanosecond, 9);
	stamp[13] = stamp[16] = ':';
	stamp[19] = '.';
	stamp[29] = 'Z';
}

static void make_prefix(char prefix[static PREFIX_SIZE], const char *name)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	nsr_log_stamp(prefix, now.tv_sec, (uint32_t)now.tv_nsec);
	prefix[NSR_LOG_STAMP] = ' ';
	memcpy(prefix + NSR_LOG_STAMP + 1, name, NAME_LENGTH);
	memcpy(prefix + NSR_LOG_STAMP + 1 + NAME_LENGTH, " F ", 3);
}

static void lose(struct nsr_log *log, size_t length, int err)
{
	log->lost += length;
	log->lost_errno = err;
}

/* Whole lines only, so that a full disk never leaves half of one for the next to be glued to. */
static bool append(struct nsr_log *log, const void *data, size_t length)
{
	ssize_t written = write(log->fd, data, length);
	const uint8_t *last;
	size_t kept;

	if (written == (ssize_t)length) {
		log->size += written;
		return true;
	}
	last = written > 0 ? memrchr(data, '\n', (size_t)written) : NULL;
	kept = last ? (size_t)(last - (const uint8_t *)data) + 1 : 0;
	log->size += (int64_t)kept;
	/* A short write to a file says that the rest does not fit. Cutting the begun line off cannot need space. */
	if (written > 0)
		(void)!ftruncate(log->fd, log->size);
	lose(log, length - kept, written < 0 ? errno : ENOSPC);
	return false;
}

/* A line in the log about what is missing from it. */
static bool tell_lost(struct nsr_log *log)
{
	char line[PREFIX_SIZE + 96], digits[21];
	const char *pieces[] = {"nsrunner: ", nsr_format_u64(digits, log->lost), " bytes of log were lost: ",
				log->lost_errno == ENOSPC ? "No space left on device\n" :
				log->lost_errno == EDQUOT ? "Disk quota exceeded\n" : "Input/output error\n"};
	size_t length = PREFIX_SIZE;
	uint64_t lost = log->lost;

	make_prefix(line, "stderr");
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t piece = strlen(pieces[i]);

		memcpy(line + length, pieces[i], piece);
		length += piece;
	}
	if (!append(log, line, length)) {
		log->lost = lost; /* the notice itself is no loss */
		return false;
	}
	log->lost = 0;
	return true;
}

static void flush(struct nsr_log *log, size_t length)
{
	if (length == 0)
		return;
	if (log->lost > 0 && !tell_lost(log))
		lose(log, length, log->lost_errno);
	else
		(void)append(log, output, length); /* it has counted what did not fit */
}

/* Keeps the begun line until the rest of it comes. */
static bool keep_tail(struct nsr_log_stream *stream, const uint8_t *data, size_t length)
{
	if (length > stream->capacity) {
		size_t capacity = length <= TAIL_KEPT / 4 ? TAIL_KEPT / 4 : length <= TAIL_KEPT ? TAIL_KEPT : NSR_LOG_LINE_MAX;
		uint8_t *tail = realloc(stream->tail, capacity);

		if (!tail)
			return false;
		stream->tail = tail;
		stream->capacity = (uint32_t)capacity;
	}
	if (length > 0)
		memcpy(stream->tail, data, length);
	stream->length = (uint32_t)length;
	if (length == 0 && stream->capacity > TAIL_KEPT) {
		free(stream->tail);
		stream->tail = NULL;
		stream->capacity = 0;
	}
	return true;
}

/* Copies up to the first newline, or `size` bytes; returns how many come before it. Searching and copying at once, a block at a time,
 * is what makes a line cheap: neither memchr() nor memcpy() is called for each. */
static size_t copy_line(uint8_t *to, const uint8_t *from, size_t size)
{
	const block newlines = {'\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n'};

	for (size_t at = 0; at < size; at += BLOCK) {
		uint64_t hits[2];
		block data, equal;

		memcpy(&data, from + at, BLOCK);
		memcpy(to + at, &data, BLOCK);
		equal = (block)(data == newlines);
		memcpy(hits, &equal, BLOCK);
		if (hits[0] | hits[1]) {
			/* Bytes are numbered from the lowest: both architectures are little endian. */
			at += hits[0] ? (size_t)__builtin_ctzll(hits[0]) / 8 : 8 + (size_t)__builtin_ctzll(hits[1]) / 8;
			return at < size ? at : size;
		}
	}
	return size;
}

/* Puts a prefix and a newline around the content that lies in its place already. */
static size_t end_line(size_t used, const char prefix[static PREFIX_SIZE], char tag, size_t length)
{
	memcpy(output + used, prefix, PREFIX_SIZE);
	output[used + TAG_OFFSET] = (uint8_t)tag;
	used += PREFIX_SIZE + length;
	output[used] = '\n';
	return used + 1;
}

static size_t put_line(size_t used, const char prefix[static PREFIX_SIZE], char tag, const uint8_t *content, size_t length)
{
	memcpy(output + used + PREFIX_SIZE, content, length);
	return end_line(used, prefix, tag, length);
}

/* Room for one more line of `length`, in the buffer and in the file. */
static size_t make_room(struct nsr_log *log, size_t used, size_t length)
{
	bool full = log->rotate_at >= 0 && log->size + (int64_t)used >= log->rotate_at;

	if (!full && used + PREFIX_SIZE + length + 1 <= WRITE_SIZE)
		return used;
	flush(log, used);
	if (full && log->size >= log->rotate_at) /* not when the disk refused what would have filled it */
		nsr_log_rotate(log);
	return 0;
}

uint8_t *nsr_log_buffer(size_t *ret_size)
{
	*ret_size = READ_SIZE;
	return input + NSR_LOG_LINE_MAX;
}

/* The whole pages of it; they are zero-filled on the next touch. */
static void give_back(uint8_t *memory, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)memory + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)memory + size) & ~(page - 1);

	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* a hint */
}

void nsr_log_trim(void)
{
	give_back(input, sizeof(input)); /* nothing lies in them between two calls */
	give_back(output, sizeof(output));
}

void nsr_log_take(struct nsr_log *log, struct nsr_log_stream *stream, size_t length)
{
	char prefix[PREFIX_SIZE];
	const uint8_t *at = input + NSR_LOG_LINE_MAX - stream->length, *end = input + NSR_LOG_LINE_MAX + length;
	size_t used = 0;

	if (log->fd < 0)
		return;
	make_prefix(prefix, stream->name);
	if (stream->length > 0)
		memcpy(input + NSR_LOG_LINE_MAX - stream->length, stream->tail, stream->length);
	while (at < end) {
		/* One byte more than a line may have: its newline. */
		size_t left = (size_t)(end - at), size = left <= NSR_LOG_LINE_MAX ? left : NSR_LOG_LINE_MAX + 1, content;
		const uint8_t *line;
		bool whole;

		used = make_room(log, used, size);
		line = output + used + PREFIX_SIZE;
		content = copy_line(output + used + PREFIX_SIZE, at, size);
		whole = content < size;
		if (!whole) {
			if (size <= NSR_LOG_LINE_MAX)
				break; /* the line goes on in the next read */
			content = NSR_LOG_LINE_MAX;
		}
		at += content + whole;
		if (whole && content > 0 && line[content - 1] == '\r')
			content--;
		used = end_line(used, prefix, whole ? 'F' : 'P', content);
	}
	if (!keep_tail(stream, at, (size_t)(end - at))) { /* out of memory: the line is cut here instead */
		used = make_room(log, used, (size_t)(end - at));
		used = put_line(used, prefix, 'P', at, (size_t)(end - at));
		stream->length = 0;
	}
	flush(log, used);
	if (log->rotate_at >= 0 && log->size >= log->rotate_at)
		nsr_log_rotate(log);
}

void nsr_log_end(struct nsr_log *log, struct nsr_log_stream *stream)
{
	char prefix[PREFIX_SIZE];

	if (log->fd >= 0 && stream->length > 0) {
		make_prefix(prefix, stream->name);
		flush(log, put_line(0, prefix, 'P', stream->tail, stream->length));
	}
	if (log->fd >= 0 && log->lost > 0)
		(void)tell_lost(log); /* nothing more may come that would bring it along */
	free(stream->tail);
	stream->tail = NULL;
	stream->length = stream->capacity = 0;
}
