"""One unary gRPC call over HTTP/2 on a stream of ours: what grpcio cannot do, because it dials itself.

Words and status codes are grpc-go's, which the kubelet's events show.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from nsrunner.supervisor.probes.stream import Stream, StreamError
from nsrunner.supervisor.probes.words import go_quote

__all__ = ["Connection", "ConnectionLost", "StatusError"]

_CODES: Final = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated",
)  # fmt: skip
_OF_HTTP: Final = {
    400: "Internal", 401: "Unauthenticated", 403: "PermissionDenied", 404: "Unimplemented", 429: "Unavailable",
    502: "Unavailable", 503: "Unavailable", 504: "Unavailable",
}  # fmt: skip
_OF_RESET: Final[dict[int, str]] = {
    h2.errors.ErrorCodes.REFUSED_STREAM: "Unavailable",
    h2.errors.ErrorCodes.CANCEL: "Canceled",
    h2.errors.ErrorCodes.ENHANCE_YOUR_CALM: "ResourceExhausted",
    h2.errors.ErrorCodes.INADEQUATE_SECURITY: "PermissionDenied",
}
_KNOWN: Final = frozenset(int(status) for status in HTTPStatus)
_MAX_MESSAGE: Final = 64 << 10


class ConnectionLost(Exception):
    """There is no HTTP/2 at the other end, or no longer."""


class StatusError(Exception):
    """``rpc error: code = NotFound desc = unknown service``: what the call ended with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {message}")
        self.code = code
        self.message = message


class Connection:
    """The client's end of an HTTP/2 connection without TLS, good for one call."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 16 << 10,
            },
        )
        self._headers: dict[str, str] = {}
        self._data = bytearray()
        self._ended = False

    async def open(self) -> None:
        """Returns when the server has introduced itself. Raises ConnectionLost."""
        self._h2.initiate_connection()
        await self._flush()
        while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in await self._events()):
            pass

    async def call(self, path: str, message: bytes, *, authority: str, agent: str, timeout: float) -> bytes:
        """The framed response message. Raises StatusError."""
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", authority),
            ("content-type", "application/grpc"),
            ("user-agent", agent),
            ("te", "trailers"),
            ("grpc-timeout", f"{max(1, int(timeout * 1000))}m"),
        ]
        try:
            self._h2.send_headers(1, headers)
            self._h2.send_data(1, message, end_stream=True)
            await self._flush()
            while not self._ended:
                for event in await self._events():
                    self._take(event)
                await self._flush()
        except ConnectionLost as error:
            if not self._ended:
                raise StatusError("Unavailable", f"error reading from server: {error}") from None
        except h2.exceptions.H2Error as error:  # such as a name too long for the server's window
            raise StatusError("Internal", str(error)) from None
        return self._result()

    def close(self) -> None:
        self._stream.close()

    async def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            try:
                await self._stream.write(data)
            except StreamError as error:
                raise ConnectionLost(str(error)) from None

    async def _events(self) -> list[h2.events.Event]:
        """What came; answers to it are for the next flush. Raises ConnectionLost."""
        try:
            data = await self._stream.read()
        except StreamError as error:
            raise ConnectionLost(str(error)) from None
        if not data:
            raise ConnectionLost("EOF")
        try:
            return self._h2.receive_data(data)
        except h2.exceptions.H2Error as error:
            raise ConnectionLost(str(error)) from None

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                self._headers.update((str(name), str(value)) for name, value in event.headers or ())
            case h2.events.DataReceived():
                self._data += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                if len(self._data) > _MAX_MESSAGE:
                    raise StatusError("ResourceExhausted", f"grpc: received message larger than max ({_MAX_MESSAGE})")
            case h2.events.StreamEnded():
                self._ended = True
            case h2.events.StreamReset():
                name = getattr(event.error_code, "name", str(event.error_code))  # a number when it is none of h2's
                raise StatusError(
                    _OF_RESET.get(event.error_code, "Internal"),
                    f"stream terminated by RST_STREAM with error code: {name}",
                )
            case h2.events.ConnectionTerminated() if (event.last_stream_id or 0) < 1:
                raise ConnectionLost("the server is going away")
            case _:
                pass

    def _result(self) -> bytes:
        """Raises StatusError unless the call succeeded."""
        wrong, text = [], self._headers.get(":status", "200")
        status = int(text) if text.isascii() and text.isdigit() else 0
        if status != 200:
            phrase = HTTPStatus(status).phrase if status in _KNOWN else ""
            wrong.append(f"unexpected HTTP status code received from server: {status} ({phrase})")
        content = self._headers.get("content-type")
        if content is None:
            wrong.append("malformed header: missing HTTP content-type")
        elif not content.startswith("application/grpc"):
            wrong.append(f"transport: received unexpected content-type {go_quote(content)}")
        if wrong:
            raise StatusError(_OF_HTTP.get(status, "Unknown"), "; ".join(wrong))
        text = self._headers.get("grpc-status", "")
        if not text:
            raise StatusError("Internal", "server closed the stream without sending trailers")
        number = int(text) if text.isascii() and text.isdigit() else 2
        if number:
            code = _CODES[number] if number < len(_CODES) else f"Code({number})"
            raise StatusError(code, unquote(self._headers.get("grpc-message", "")))
        return bytes(self._data)
