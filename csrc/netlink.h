/* netlink.h - the few rtnetlink(7) requests that a pod's network namespace needs; pyroute2's import alone would take 180 ms.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_NETLINK_H
#define NSR_NETLINK_H

#include "nsr.h"

/* For the caller's network namespace, new and empty: lo goes up; with an address ("192.0.2.1/32", "2001:db8::1/128") there is an eth0
 * that carries it and leads nowhere: a dummy device, a bridge or one end of a veth pair where the kernel lacks the former.
 * No device at all: the address goes to lo. */
int nsr_network_setup(const char *address, struct nsr_error *e);

#endif
