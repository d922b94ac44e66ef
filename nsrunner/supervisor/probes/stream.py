"""The two byte streams that probes read and write: a socket, and TLS over one."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import lru_cache
from typing import Final, Protocol

from nsrunner.supervisor.probes.names import literal
from nsrunner.supervisor.probes.words import go_errno, host_port

__all__ = ["CHUNK", "Plain", "Stream", "StreamError", "TLSError", "Tls", "words"]

CHUNK: Final = 16384
"""Bytes that are read at once."""


class StreamError(Exception):
    """``read tcp 192.0.2.1:50100->192.0.2.1:80: read: connection reset by peer``."""


class TLSError(StreamError):
    """The other side speaks no TLS, or none that is ours, too."""


class Stream(Protocol):
    """Its socket is closed by ``close``, at once and whatever is left of the conversation."""

    async def write(self, data: bytes) -> None:
        """Raises StreamError."""
        ...

    async def read(self) -> bytes:
        """Some bytes, none at the end. Raises StreamError."""
        ...

    def close(self) -> None: ...


class Plain:
    """``peer``: address and port to which the socket is connected."""

    def __init__(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        self._sock = sock
        self._peer = peer
        self._loop = asyncio.get_running_loop()

    async def write(self, data: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._sock, data)
        except OSError as error:
            raise StreamError(words("write", self._sock, self._peer, error)) from None

    async def read(self) -> bytes:
        try:
            return await self._loop.sock_recv(self._sock, CHUNK)
        except OSError as error:
            raise StreamError(words("read", self._sock, self._peer, error)) from None

    def close(self) -> None:
        self._sock.close()


class Tls:
    """A client that believes any certificate. The handshake comes first."""

    def __init__(self, inner: Plain, host: str) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = _context().wrap_bio(
            self._incoming, self._outgoing, server_hostname=None if literal(host) else host
        )
        self._first = b""

    async def handshake(self) -> None:
        """Raises TLSError, StreamError."""
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise TLSError("EOF") from None
                continue
            except ssl.SSLError as error:
                await self._flush_alert()
                raise TLSError(self._handshake_words(error)) from None
            await self._flush()
            return

    async def write(self, data: bytes) -> None:
        while data:
            try:
                data = data[self._session.write(data) :]
            except ssl.SSLWantReadError:  # a renegotiation
                await self._flush()
                if not await self._fill():
                    raise StreamError("EOF") from None
            except ssl.SSLError as error:
                raise StreamError(_words(error)) from None
        await self._flush()

    async def read(self) -> bytes:
        while True:
            try:
                return self._session.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    return b""
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise StreamError(_words(error)) from None

    def close(self) -> None:
        self._inner.close()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._inner.write(self._outgoing.read())

    async def _flush_alert(self) -> None:
        try:
            await self._flush()
        except StreamError:
            pass  # the error that is told is the one before

    async def _fill(self) -> bool:
        data = await self._inner.read()
        if not self._first:
            self._first = data[:5]
        self._incoming.write(data)
        return bool(data)

    def _handshake_words(self, error: ssl.SSLError) -> str:
        if self._first == b"HTTP/":
            return "http: server gave HTTP response to HTTPS client"
        if error.reason in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE"):
            return "tls: first record does not look like a TLS handshake"
        return _words(error)


def words(operation: str, sock: socket.socket, peer: tuple[str, int], error: OSError) -> str:
    """What went wrong with a connection: ``read tcp 192.0.2.1:50100->192.0.2.1:80: read: connection reset by peer``."""
    ends = f"{host_port(*sock.getsockname()[:2])}->{host_port(*peer)}"
    return f"{operation} tcp {ends}: {operation}: {go_errno(error.errno or 0)}"


def _words(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    for prefix in ("SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV13_ALERT_", "TLSV1_"):
        if reason.startswith(prefix):
            return f"remote error: tls: {reason.removeprefix(prefix).replace('_', ' ').lower()}"
    return f"tls: {reason.replace('_', ' ').lower()}"


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """No verification, as upstream, so no strength is asked for that would only keep a probe from its answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as Go
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= 0x4  # SSL_OP_LEGACY_SERVER_CONNECT: servers without secure renegotiation
    context.set_alpn_protocols(["http/1.1"])
    return context
