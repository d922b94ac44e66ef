/* peer.h - who is at the other end of a socket.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_PEER_H
#define NSR_PEER_H

#include <stdbool.h>

/* Whether it is root, or who we are, in our own user and pid namespaces; its pidfd is the caller's then. */
bool nsr_peer_is_trusted(int fd, int *ret_pidfd);

/* Of a peer that is trusted: its pid. -EPERM for every other. */
int nsr_peer_pid(int fd);

#endif
