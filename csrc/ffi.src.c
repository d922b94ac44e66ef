/* ffi.src.c - the C that cffi compiles into nsrunner._native: only declarations, the code is in the library.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cgroup.h"
#include "native.h"
#include "peer.h"
#include "runtime.h"
#include "unmount.h"
#include "wire.h"
