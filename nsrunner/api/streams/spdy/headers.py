"""Header blocks of SPDY/3 (section 2.6.10): names and values with their lengths, in one zlib stream a direction."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Final

from nsrunner.api.streams.spdy.dictionary import DICTIONARY
from nsrunner.api.streams.spdy.frames import SpdyError

__all__ = ["BLOCK_MAX", "HeaderReader", "HeaderWriter"]

BLOCK_MAX: Final = 64 << 10
"""Bytes of a block when it is unpacked."""

_INT: Final = struct.Struct("!I")


class HeaderWriter:
    """Packs the blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def pack(self, headers: Iterable[tuple[str, str]]) -> bytes:
        """Names become lower case, as the protocol wants them."""
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        parts = [_INT.pack(len(pairs))]
        for pair in pairs:
            for text in pair:
                parts += (_INT.pack(len(text)), text)
        return self._zlib.compress(b"".join(parts)) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class HeaderReader:
    """Unpacks the blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def unpack(self, block: bytes) -> dict[str, str]:
        """By lower-case names; of several values (which NUL separates) the first. Raises SpdyError, after which the
        connection cannot be read any more."""
        try:
            data = self._zlib.decompress(block, BLOCK_MAX + 1)
        except zlib.error as error:
            raise SpdyError(f"a header block that cannot be unpacked: {error}") from None
        if len(data) > BLOCK_MAX or self._zlib.unconsumed_tail or self._zlib.eof:
            raise SpdyError("a header block that is too large, or the last one")
        return _pairs(data)


def _pairs(data: bytes) -> dict[str, str]:
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        if size > len(data) - at:
            raise SpdyError("a header block that ends too soon")
        at += size
        return data[at - size : at]

    def number() -> int:
        return int(_INT.unpack(take(_INT.size))[0])

    headers: dict[str, str] = {}
    for _ in range(number()):
        name = take(number()).decode("latin-1")
        value = take(number()).decode("latin-1")
        headers.setdefault(name.lower(), value.partition("\0")[0])
    return headers
