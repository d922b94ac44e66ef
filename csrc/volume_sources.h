/* volume_sources.h - hostPath volumes, looked at when the sandbox is made.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_VOLUME_SOURCES_H
#define NSR_VOLUME_SOURCES_H

#include "nsr.h"

/* The kubelet's type check: makes the path for the ...OrCreate types, looks at what is there for the others. Errors at step HOST_PATH:
 * ENOENT; ENOTDIR (no directory), EISDIR (no file), ENOTSOCK, ENOTBLK, ENODEV (no character device). The umask must be 0. */
int nsr_host_path_check(const char *path, const char *type, struct nsr_error *e);

#endif
