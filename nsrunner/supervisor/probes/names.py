"""Host names of probes and hooks, looked up from the host's namespace as the kubelet does.

getaddrinfo(3) blocks, and how long is the resolver's business: so it has threads of its own, in which nothing else has
to wait, and a name is looked up once at a time, whoever asks for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="nsrunner-names")  # started when there is work
        self._under_way: dict[tuple[asyncio.AbstractEventLoop, str], Lookup] = {}

    async def addresses(self, host: str) -> Sequence[Address]:
        """In the order in which they are to be tried, never empty. Raises UnknownName."""
        found = literal(host)
        if found is not None:
            return (found,)
        loop = asyncio.get_running_loop()
        lookup = self._under_way.get((loop, host))
        if lookup is None:
            lookup = self._under_way[loop, host] = loop.run_in_executor(self._threads, _look_up, host)
            lookup.add_done_callback(lambda done: self._ended(loop, host, done))
        return await asyncio.shield(lookup)

    def _ended(self, loop: asyncio.AbstractEventLoop, host: str, lookup: Lookup) -> None:
        self._under_way.pop((loop, host), None)
        if not lookup.cancelled():
            lookup.exception()  # it may be that nobody waits for it any more


def _look_up(host: str) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno not in (socket.EAI_NONAME, socket.EAI_NODATA):
            raise UnknownName(f"lookup {host}: {error.strerror}") from None
        raise UnknownName(f"lookup {host}: no such host") from None
    return [(family, str(address[0])) for family, _, _, _, address in found]
