/* console.h - a terminal of the container's own devpts.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CONSOLE_H
#define NSR_CONSOLE_H

#include "nsr.h"

struct nsr_console {
	int master; /* for the shim */
	int slave;
};

/* Opens /dev/pts/ptmx of the caller's root without following links and makes sure that it is one. rows, columns: 0: left alone.
 * owner: gets the slave, so that a program that is not root can open its terminal. */
int nsr_console_open(unsigned rows, unsigned columns, unsigned owner, struct nsr_console *ret, struct nsr_error *e);

/* The slave becomes the three standard streams. */
int nsr_console_take(const struct nsr_console *console, struct nsr_error *e);

/* Standard input becomes the controlling terminal of the caller's session: setsid() has been called. */
int nsr_console_control(struct nsr_error *e);

/* The three standard streams from these; pipes are given to owner, as /dev/stdout opens them anew. */
int nsr_stdio_take(const int stdio[3], unsigned owner, struct nsr_error *e);

#endif
