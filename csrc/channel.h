/* channel.h - what a child tells on its way to execve: an error, its pty's master, or that all that is left is execve; and the words
 * that it may have to wait for.
 *
 * One SEQPACKET socket a start, CLOEXEC in the child: it closes when execve succeeds. EOF without READY means that the child died
 * (or was killed) before; EOF after READY that the program runs, or ran. Who says READY is the process that becomes the program, which
 * need not be the one that was cloned first.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CHANNEL_H
#define NSR_CHANNEL_H

#include "nsr.h"

enum nsr_report_kind { NSR_REPORT_ERROR = 1, NSR_REPORT_CONSOLE = 2, NSR_REPORT_READY = 3 };

/* One byte each, in any order: enum nsr_word of runtime.h. */

struct nsr_report {
	int32_t kind;
	int32_t pid; /* in what was received: the sender's, by the kernel's word, as the receiver's pid namespace numbers it */
	struct nsr_error error; /* ERROR only */
};

/* ret[0] is the parent's (non-blocking), ret[1] the child's. */
int nsr_channel_open(int ret[2], struct nsr_error *e);

/* The child's side. fd: a descriptor to send along, or -1. With write(2) when there is none: a seccomp filter may stand. */
int nsr_channel_send(int channel, enum nsr_report_kind kind, const struct nsr_error *error, int fd);

/* The child's side: waits until all of `words` have been said; *heard keeps those that came too early. -ECONNRESET: they never will. */
int nsr_channel_wait(int channel, unsigned words, unsigned *heard);

/* The parent's side. 1: *ret filled (and *ret_fd, or -1), 0: EOF, -EAGAIN: nothing there yet. */
int nsr_channel_receive(int channel, struct nsr_report *ret, int *ret_fd);

#endif
