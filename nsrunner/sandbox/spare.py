"""A shim that is there before its pod: what takes the start of a process is done when the pod comes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import weakref
from typing import Final

from nsrunner.errors import HostError, SandboxError
from nsrunner.sandbox import native, state, transport
from nsrunner.sandbox.spec import Owner

__all__ = ["Spare"]

log = logging.getLogger(__name__)

AFTER: Final = 0.01
"""Seconds after a shim was wanted until the next one is made: not while many pods start at once."""


_every_spare: weakref.WeakSet[Spare] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child of the program must not keep the spare shim of its parent alive."""
    for spare in list(_every_spare):
        spare._drop()


os.register_at_fork(after_in_child=_close_in_child)


class Spare:
    """At most one shim, for whoever has wanted a second one: the first pod may be the only one. It is connected by a
    socket pair and ends with this process, by whatever end. Not thread-safe: everything happens on one loop."""

    def __init__(self) -> None:
        self._wanted = False
        self._socket: socket.socket | None = None
        self._process: Owner | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        _every_spare.add(self)

    @property
    def process(self) -> Owner | None:
        """The one that waits; None while there is none."""
        return self._process if self._socket is not None else None

    def take(self, listener: socket.socket) -> Owner | None:
        """The process that has got a copy of the listening socket; None: there is no spare one, or it is dead."""
        if self._wanted:
            self._make_soon()
        self._wanted = True
        process = self.process
        if process is None or self._socket is None:
            return None
        try:
            transport.send(self._socket, b"\0", (listener.fileno(),))
        except OSError:
            process = None
        self._drop()
        return process

    def close(self) -> None:
        """Ends it, and makes no other."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _make_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(AFTER, self._make)

    def _make(self) -> None:
        self._timer = None
        if self._socket is not None:
            return
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            log.debug("no spare shim: %s", error)
            return
        with theirs:
            try:
                self._process = state.process(native.spawn_shim(theirs.fileno()))
            except (HostError, SandboxError) as error:  # whoever wants a shim hears of it
                log.debug("no spare shim: %s", error)
                ours.close()
                return
        ours.setblocking(False)
        self._socket = ours
