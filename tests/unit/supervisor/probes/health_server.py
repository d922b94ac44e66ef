"""A gRPC health server, as right or as wrong as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h2.config
import h2.connection
import h2.events

from unit.supervisor.probes.servers import Talk

SERVING = b"\0\0\0\0\x02\x08\x01"
NOT_SERVING = b"\0\0\0\0\x02\x08\x02"
Headers = list[tuple[str, str]]
HEADERS: Headers = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS: Headers = [("grpc-status", "0")]

Answer = Callable[[h2.connection.H2Connection, int], None]
"""What the server does when the request of this stream is complete."""


def answer(data: bytes | None = SERVING, *, headers: Headers = HEADERS, trailers: Headers | None = TRAILERS) -> Answer:
    def send(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, headers, end_stream=data is None and trailers is None)
        if data is not None:
            connection.send_data(stream, data, end_stream=trailers is None)
        if trailers is not None:
            connection.send_headers(stream, trailers, end_stream=True)

    return send


class Requests(list[tuple[dict[str, str], bytes]]):
    """Headers and framed message of each request."""


def health(respond: Answer) -> tuple[Talk, Requests]:
    requests = Requests()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False)
        )
        connection.initiate_connection()
        headers: dict[str, str] = {}
        message = b""
        while True:
            writer.write(connection.data_to_send())
            data = await reader.read(65536)
            if not data:
                return
            for event in connection.receive_data(data):
                match event:
                    case h2.events.RequestReceived():
                        headers = {str(name): str(value) for name, value in event.headers or ()}
                    case h2.events.DataReceived():
                        message += event.data or b""
                    case h2.events.StreamEnded():
                        requests.append((headers, message))
                        respond(connection, event.stream_id or 0)
                    case _:
                        pass

    return talk, requests
