"""The way from a probe to its server: one socket for one attempt after the other.

To make a socket in the pod, to watch it and to close it costs nearly as much as the connection. A connection that both
sides have ended leaves a socket as good as new (connect(2) of AF_UNSPEC), and one that has not is closed as ever.
"""

from __future__ import annotations

import os

from nsrunner.sandbox.talks import Peer
from nsrunner.supervisor.probes.dial import Network

__all__ = ["Line"]


class Line:
    """``network`` makes the sockets, ``port`` is one of the pod's own address. Close it before the network."""

    __slots__ = ("_closed", "_idle", "_network", "peer")

    def __init__(self, network: Network, port: int) -> None:
        assert network.own is not None, "the pod has an address"
        family, ip = network.own
        self.peer: Peer = (family, ip.encode(), port)
        self._network = network
        self._idle = -1
        self._closed = False

    def take(self) -> tuple[int, bool]:
        """A nonblocking socket, which is the caller's to close or to give back, and whether it has been used. Raises
        ProbeError: there is none to be had."""
        fd, self._idle = self._idle, -1
        if fd >= 0:
            return fd, True
        return self._network.own_socket().detach(), False

    def give_back(self, fd: int) -> None:
        """It is connected to nothing."""
        if self._closed or self._idle >= 0:
            os.close(fd)
        else:
            self._idle = fd

    def close(self) -> None:
        self._closed = True
        fd, self._idle = self._idle, -1
        if fd >= 0:
            os.close(fd)
