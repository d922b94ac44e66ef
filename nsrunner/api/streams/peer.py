"""The client's side of an exec or an attachment, whatever protocol it speaks."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from nsrunner.api.streams.channels import Data, End

__all__ = ["Peer", "Sizes", "Wanted"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which streams the client asked for."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class Peer(Protocol):
    """Channels are those of :mod:`nsrunner.api.streams.channels`. Methods raise ConnectionError when the client is
    gone."""

    async def receive(self) -> Data | End | None:
        """What comes next; None: the client has closed the connection, or broken the protocol."""
        ...

    async def send(self, channel: int, data: bytes) -> None:
        """Waits while the client does not keep up."""
        ...

    async def send_end(self, channel: int) -> None:
        """Nothing more comes on the channel, where the protocol can say so."""
        ...

    async def finish(self, status: dict[str, Any]) -> None:
        """Tells how it ended, and closes the connection."""
        ...


class Sizes:
    """The sizes of a terminal, as they come on the resize channel: JSON documents one after the other."""

    _MOST = 4096

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[int, int] | None:
        """Rows and columns of the newest that is whole. What makes no sense is passed over."""
        *documents, self._rest = (self._rest + data).replace(b"}", b"}\0").split(b"\0")
        self._rest = self._rest[-self._MOST :]
        for document in reversed(documents):
            try:
                size = msgspec.json.decode(document, type=_Size)
            except msgspec.DecodeError:
                continue
            if size.width > 0 and size.height > 0:
                return size.height, size.width
        return None


class _Size(msgspec.Struct):
    width: int = msgspec.field(name="Width", default=0)
    height: int = msgspec.field(name="Height", default=0)
