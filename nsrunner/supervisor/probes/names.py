"""Host names of probes and hooks, looked up from the host's namespace as the kubelet does.

getaddrinfo(3) blocks, and how long is the resolver's business: so it has threads of its own, in which nothing else has
to wait and for which the end of the program does not wait, and a name is looked up once at a time, whoever asks for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence
from typing import Final

__all__ = ["Address", "Names", "UnknownName", "literal"]

Address = tuple[int, str]
"""Family and numeric address."""

_THREADS: Final = 8


class UnknownName(Exception):
    """Go's words for why there is no address."""


def literal(host: str) -> Address | None:
    """The address that ``host`` is, when it is no name."""
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return None
    return socket.AF_INET if parsed.version == 4 else socket.AF_INET6, host


Lookup = asyncio.Future[Sequence[Address]]


class Names:
    """The lookups of this process. Each event loop has its own of a name."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[asyncio.AbstractEventLoop, str], Lookup] = {}
        self._asked: queue.SimpleQueue[tuple[Lookup, str]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0

    async def addresses(self, host: str) -> Sequence[Address]:
        """In the order in which they are to be tried, never empty. Raises UnknownName."""
        found = literal(host)
        if found is not None:
            return (found,)
        loop = asyncio.get_running_loop()
        lookup = self._under_way.get((loop, host))
        if lookup is None:
            lookup = self._under_way[loop, host] = loop.create_future()
            lookup.add_done_callback(lambda done: self._ended(loop, host, done))
            self._asked.put((lookup, host))
            self._hire()
        return await asyncio.shield(lookup)

    def _hire(self) -> None:
        """One thread more, up to the limit, for each lookup that has to wait for one."""
        with self._lock:
            if self._threads < min(_THREADS, len(self._under_way)):
                self._threads += 1
                threading.Thread(target=self._work, name="nsrunner-names", daemon=True).start()

    def _work(self) -> None:
        while True:
            lookup, host = self._asked.get()
            try:
                found: Sequence[Address] | UnknownName = _look_up(host)
            except UnknownName as error:
                found = error
            try:
                lookup.get_loop().call_soon_threadsafe(_settle, lookup, found)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._under_way.pop((lookup.get_loop(), host), None)

    def _ended(self, loop: asyncio.AbstractEventLoop, host: str, lookup: Lookup) -> None:
        self._under_way.pop((loop, host), None)
        if not lookup.cancelled():
            lookup.exception()  # it may be that nobody waits for it any more


def _settle(lookup: Lookup, found: Sequence[Address] | UnknownName) -> None:
    if lookup.done():
        return
    if isinstance(found, UnknownName):
        lookup.set_exception(found)
    else:
        lookup.set_result(found)


def _look_up(host: str) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        if isinstance(error, socket.gaierror) and error.errno not in (socket.EAI_NONAME, socket.EAI_NODATA):
            raise UnknownName(f"lookup {host}: {error.strerror}") from None
        raise UnknownName(f"lookup {host}: no such host") from None
    return [(family, str(address[0])) for family, _, _, _, address in found]
