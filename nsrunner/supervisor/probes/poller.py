"""The connections of probes that are under way, watched together: one epoll set for those of an event loop, of which
the loop itself knows a single descriptor and a single timer.

A probe is over within a fraction of a millisecond, as a rule. To tell the loop of its socket and its time limit, and to
take both back again, costs more than the probe.
"""

from __future__ import annotations

import asyncio
import select
from typing import ClassVar, Final, Protocol
from weakref import WeakKeyDictionary

from nsrunner.sandbox.talks import Talks

__all__ = ["READABLE", "WRITABLE", "Poller", "Watched"]

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
_AT_ONCE: Final = 256
"""Descriptors of which one look into the set tells."""


class Watched(Protocol):
    """Somebody who waits for a descriptor."""

    @property
    def deadline(self) -> float:
        """Loop time."""
        ...

    def ready(self) -> None:
        """It can go on. It is watched no longer."""
        ...

    def expired(self) -> None:
        """The deadline has come. It is watched no longer."""
        ...


class Poller:
    """Of one event loop. Those who need it acquire and release it; without them it holds no descriptor."""

    _pollers: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Poller]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._users = 0
        self._watched: dict[int, Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._epoll = select.epoll()
        self.talks = Talks(self._epoll.fileno())
        """Those of which the set tells, to be announced with :meth:`expect`."""
        loop.add_reader(self._epoll.fileno(), self._look)

    @classmethod
    def acquire(cls) -> Poller:
        """That of the running loop. Raises OSError: there is no descriptor for it; HostError."""
        loop = asyncio.get_running_loop()
        poller = cls._pollers.get(loop)
        if poller is None:
            poller = cls._pollers[loop] = cls(loop)
        poller._users += 1
        return poller

    def release(self) -> None:
        """To be called once for each acquire(), when nothing of the caller's is watched any more."""
        self._users -= 1
        if self._users:
            return
        del self._pollers[self._loop]
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        if self._timer is not None:
            self._timer.cancel()

    def time(self) -> float:
        """The loop's."""
        return self._loop.time()

    def watch(self, fd: int, events: int, who: Watched) -> None:
        """Until it is ready for one of the events, once; or until its deadline. Raises OSError."""
        # One event and no more: a copy of the descriptor in a forked child keeps it in the set after its end here.
        events |= select.EPOLLONESHOT
        try:
            self._epoll.register(fd, events)
        except FileExistsError:
            self._epoll.modify(fd, events)
        self.expect(fd, who)

    def expect(self, fd: int, who: Watched) -> None:
        """The same of a descriptor that the set is to tell of already."""
        self._watched[fd] = who
        if self._timer is None or who.deadline < self._timer.when():
            self._wait_until(who.deadline)

    def forget(self, fd: int) -> None:
        """It is watched no longer, and may be closed. (So may one that was ready.)"""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0, _AT_ONCE):
            who = self._watched.pop(fd, None)
            if who is not None:
                who.ready()

    def _wait_until(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        """Those whose time has come; the timer is set for the next one only when it was due, so that a probe that ends
        in time, as they do, need not touch it."""
        self._timer = None
        now = self._loop.time()
        for fd, who in [(fd, who) for fd, who in self._watched.items() if who.deadline <= now]:
            if self._watched.get(fd) is who:
                self.forget(fd)
                who.expired()
        if self._watched and self._timer is None:
            self._wait_until(min(who.deadline for who in self._watched.values()))
