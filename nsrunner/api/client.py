"""A blocking client of the API on its unix socket, for the CLI: no more of HTTP/1.1 than the daemon sends.

Imports nothing heavy: a verb that lists pods is to be quicker than the import of ``http.client``.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from nsrunner.errors import HostError, PrivilegeError

__all__ = ["Answer", "Client", "NoDaemon", "Refused", "TooLate", "quote"]

_TIMEOUT: Final = 60.0
"""Seconds for which the daemon may be silent, except on a watch or a stream."""
_LINE_MAX: Final = 1 << 16
_UCRED: Final = struct.Struct("3i")
_TIMEVAL: Final = struct.Struct("@ll")


def _listener(client: socket.socket) -> int:
    """The uid of who listens (unix(7): of it that called listen())."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(credentials)[1]
    return uid


class NoDaemon(HostError):
    """Nobody listens on the socket."""


class TooLate(HostError):
    """The client's deadline passed."""


class Refused(HostError):
    """The API answered with a Status that is an error."""

    from_server = True

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(status.get("message") or f"the server answered {status.get('code')}")
        self.status = dict(status)

    @property
    def code(self) -> int:
        return int(self.status.get("code") or 500)

    @property
    def reason(self) -> str:
        return str(self.status.get("reason") or "")

    def __str__(self) -> str:
        """As kubectl says it: ``Error from server (NotFound): pods "web" not found``."""
        message = str(self.args[0])
        if self.reason == "Invalid":
            return self._invalid() or f"The {message[:1].upper()}{message[1:]}"
        return f"Error from server ({self.reason}): {message}" if self.reason else f"Error from server: {message}"

    def _invalid(self) -> str:
        """Several causes, a line each; nothing for one."""
        details = self.status.get("details") or {}
        causes = details.get("causes") or ()
        if len(causes) < 2 or not details.get("kind"):
            return ""
        lines = [f"* {each.get('field', '')}: {each.get('message', '')}" for each in causes]
        return "\n".join([f'The {details["kind"]} "{details.get("name", "")}" is invalid:', *lines])


class Answer:
    """A response whose body is still to be read; :attr:`status` is its code."""

    def __init__(self, client: Client, status: int, headers: Mapping[str, str], warnings: list[str]) -> None:
        self.status = status
        self.headers = headers
        self.warnings = warnings
        """What the server wants to be told beside its answer."""
        self._client = client

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises HostError when the connection breaks."""
        client = self._client
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(client.line().split(b";")[0] or b"0", 16):
                yield client.exactly(size)
                client.line()
            client.line()
        elif (length := self.headers.get("content-length")) is not None:
            left = int(length)
            while left:
                part = client.some(left)
                left -= len(part)
                yield part
        else:
            while part := client.rest():
                yield part

    def body(self) -> bytes:
        return b"".join(self.chunks())

    def lines(self) -> Iterator[bytes]:
        """The body line by line, as each is whole."""
        buffer = b""
        for chunk in self.chunks():
            buffer += chunk
            *whole, buffer = buffer.split(b"\n")
            yield from whole
        if buffer:
            yield buffer


class Client:
    """One connection, one request after the other. Raises NoDaemon, PrivilegeError, HostError."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.deadline: float | None = None
        """Of ``time.monotonic``: when it is over, whatever is read raises TooLate."""
        self._silence: float | None = _TIMEOUT
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # Not settimeout(): a socket that does not block is refused while the listener's backlog is full (unix(7)).
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(_TIMEOUT), 0))
        try:
            self._socket.connect(path)
            self._socket.settimeout(_TIMEOUT)
        except PermissionError:
            self.close()
            raise PrivilegeError(f"{path}: only root may use the daemon's socket (use sudo)") from None
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            self.close()
            raise NoDaemon(f"no daemon is running ({path}): start one with 'nsrunner daemon'") from None
        except OSError as error:
            self.close()
            raise HostError(f"{path}: {error.strerror or error}") from None
        if (owner := _listener(self._socket)) not in (0, os.geteuid()):
            self.close()
            raise HostError(f"{path}: not the daemon's socket: user {owner} listens on it")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def detach(self) -> tuple[socket.socket, bytes]:
        """The socket itself, after an upgrade, and what has come on it already."""
        self._socket.settimeout(None)
        return self._socket, self._buffer

    # --- requests -----------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = _TIMEOUT,
    ) -> Answer:
        """Sends a request and reads the head of its answer. ``path`` is escaped already; ``query`` values that are
        empty are left out, a list is sent as several. ``timeout``: seconds of silence that are borne, None: any."""
        target = path + _query(query or {})
        head = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Accept: {accept}", "User-Agent: nsrunner"]
        if body:
            head.append(f"Content-Type: {content_type}")
        if body or method in ("POST", "PUT", "PATCH"):
            head.append(f"Content-Length: {len(body)}")
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._silence = timeout
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        except OSError as error:
            raise HostError(f"the daemon does not listen: {error.strerror or error}") from None
        return self._head()

    def _head(self) -> Answer:
        first = self.line().split(b" ", 2)
        if len(first) < 2 or not first[0].startswith(b"HTTP/1."):
            raise HostError(f"{self.path}: this is not the daemon's socket: it does not speak HTTP")
        headers: dict[str, str] = {}
        warnings = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "warning":
                warnings.append(_warning(value.strip()))
            else:
                headers[name.lower()] = value.strip()
        return Answer(self, int(first[1]), headers, warnings)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        warn: list[str] | None = None,
    ) -> dict[str, Any]:
        """A request whose answer is an object. Raises Refused."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.request(method, path, query=query, body=data, content_type=content_type, accept=accept)
        text = answer.body()
        if warn is not None:
            warn += answer.warnings
        value = _json(text)
        if answer.status >= 400:
            raise Refused(value if value.get("kind") == "Status" else {"code": answer.status, "message": _told(text)})
        return value

    def checked(self, answer: Answer) -> Answer:
        """The answer, unless it is an error. Raises Refused."""
        if answer.status >= 400:
            text = answer.body()
            value = _json(text)
            raise Refused(value if value.get("kind") == "Status" else {"code": answer.status, "message": _told(text)})
        return answer

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _more(self) -> None:
        self._limit()
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            self._limit()
            raise HostError("the daemon does not answer") from None
        except OSError as error:
            raise HostError(f"the daemon does not answer: {error.strerror or error}") from None
        if not data:
            raise HostError("the daemon closed the connection")
        self._buffer += data

    def _limit(self) -> None:
        """The socket's timeout, so that a read ends when it must."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TooLate("the time is over")
            self._socket.settimeout(left if self._silence is None else min(left, self._silence))

    def line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > _LINE_MAX:
                raise HostError("the daemon's answer has a line without end")
            self._more()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def some(self, most: int) -> bytes:
        if not self._buffer:
            self._more()
        return self.exactly(min(most, len(self._buffer)))

    def rest(self) -> bytes:
        """Up to the end of the connection; empty then."""
        if not self._buffer:
            try:
                self._more()
            except HostError:
                return b""
        return self.exactly(len(self._buffer))


def _query(query: Mapping[str, object]) -> str:
    pairs = []
    for name, value in query.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        pairs += [(name, str(each)) for each in values if each not in (None, "", False)]
    if not pairs:
        return ""
    return "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


def quote(text: str) -> str:
    """As a part of a path or a query (RFC 3986 2.1); ``urllib.parse`` takes as long to import as all of this module."""
    if text.isascii() and text.replace("-", "").replace(".", "").isalnum():
        return text
    return "".join(
        chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in text.encode(errors="surrogateescape")
    )


_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _json(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _told(text: bytes) -> str:
    return text.decode(errors="replace").strip()


def _warning(header: str) -> str:
    """The text of a Warning header: ``299 - "text"``."""
    _code, _, rest = header.partition(' - "')
    return rest.removesuffix('"').replace('\\"', '"').replace("\\\\", "\\") or header
