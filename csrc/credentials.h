/* credentials.h - from root to who the program shall be: capabilities, groups, ids, no_new_privs, seccomp.
 * Two halves, because resetting signals and the death signal lies between them (finish.c holds the order).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CREDENTIALS_H
#define NSR_CREDENTIALS_H

#include "spec.h"

/* Seccomp when there is no no_new_privs, bounding set, groups, ids, final capability sets. */
int nsr_credentials_drop(const struct nsr_credentials *who, struct nsr_error *e);

/* no_new_privs and the seccomp filter that goes with it. Nothing but write and execve may follow. */
int nsr_credentials_seal(const struct nsr_credentials *who, struct nsr_error *e);

#endif
