/* logs.h - a container's output as a CRI log file: "TIMESTAMP stdout|stderr P|F CONTENT\n", rotated by size.
 *
 * Output is copied through two buffers that all streams of the shim share, so a pod's memory does not grow with its containers;
 * a stream owns no more than the line that it has begun (at most 16 KiB). One thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_LOGS_H
#define NSR_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nsr.h"
#include "spec.h"

#define NSR_LOG_LINE_MAX 16384u /* content of one log line; containerd's max_container_log_line_size */

struct nsr_log {
	int dir_fd, fd; /* -1: no log is written */
	const char *file_name; /* lies in the container's spec */
	int64_t size, max_size; /* of the current file; max_size < 0: never rotated */
	int64_t rotate_at;
	uint32_t max_files; /* the current one included */
	int64_t rotated_second; /* with rotated_count: the last name that was given to a rotated file */
	uint32_t rotated_count;
	uint64_t lost; /* bytes of log that could not be written and are not told yet */
	int lost_errno;
};

/* One of a container's two streams: the line that has begun. */
struct nsr_log_stream {
	const char *name; /* "stdout" or "stderr" */
	uint8_t *tail;
	uint32_t length, capacity;
};

/* Makes the directory below logs_fd (0755) and the file in it (0640), and the compatibility link. spec->directory must be a child
 * of logs_dir. With spec->directory "" there is no log and nothing is made. */
int nsr_log_open(struct nsr_log *log, int logs_fd, const char *logs_dir, const struct nsr_log_spec *spec, struct nsr_error *e);
void nsr_log_close(struct nsr_log *log);
/* Deletes the file, its rotated ones and the link (if it is this log's). What is gone already is no failure; nor is a log that
 * nsr_log_open() would not have made, of which nothing is touched. */
int nsr_log_remove(int logs_fd, const char *logs_dir, const struct nsr_log_spec *spec, struct nsr_error *e);

/* The buffer that output is read into. Its content lasts until the next call of anything here. */
uint8_t *nsr_log_buffer(size_t *ret_size);
/* Logs the first `length` bytes of that buffer. Never fails: what cannot be written is counted, and told in the log when it can. */
void nsr_log_take(struct nsr_log *log, struct nsr_log_stream *stream, size_t length);
/* Gives the memory of both buffers back, which a flood has touched. */
void nsr_log_trim(void);
/* The stream has ended: a line without its newline is written as partial, and what was lost is told if it can be by now. */
void nsr_log_end(struct nsr_log *log, struct nsr_log_stream *stream);

/* "2006-01-02T15:04:05.000000000Z" of a CLOCK_REALTIME moment, 30 bytes without NUL. */
#define NSR_LOG_STAMP 30u
void nsr_log_stamp(char stamp[static NSR_LOG_STAMP], int64_t second, uint32_t nanosecond);

/* Between log_lines.c and log_file.c: closes the current file, renames it and begins the next; on failure the old one goes on. */
void nsr_log_rotate(struct nsr_log *log);

#endif
