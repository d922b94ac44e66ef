"""grpc probes against a health server (kubelet-semantics 14.8)."""

from __future__ import annotations

import asyncio
import os
import socket

import h2.connection
import h2.errors
import pytest

from nsrunner.model.types import GRPCAction
from nsrunner.supervisor.probes import grpc, grpc_call
from nsrunner.supervisor.probes.grpc import probe_grpc
from nsrunner.supervisor.probes.outcome import Outcome, failure, success
from unit.supervisor.probes.health_server import HEADERS, NOT_SERVING, SERVING, Answer, answer, health
from unit.supervisor.probes.servers import HOST, IP, Talk, run, serving, silent

SHORT = 0.05


def outcome_of(talk: Talk, *, service: str | None = None, timeout: float = 10.0) -> tuple[Outcome, int]:
    async def script() -> tuple[Outcome, int]:
        async with serving(talk) as port:
            return await probe_grpc(HOST, GRPCAction(port=port, service=service), timeout), port

    before = len(os.listdir("/proc/self/fd"))
    result = run(script())
    assert len(os.listdir("/proc/self/fd")) == before
    return result


def responding(respond: Answer) -> Outcome:
    return outcome_of(health(respond)[0])[0]


def test_serving() -> None:
    talk, requests = health(answer())
    outcome, port = outcome_of(talk, service="db")
    assert outcome == success()
    ((headers, message),) = requests
    assert 0 < int(headers.pop("grpc-timeout").removesuffix("m")) <= 10000
    assert headers == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": f"{IP}:{port}",
        "content-type": "application/grpc",
        "user-agent": "kube-probe/1.36",
        "te": "trailers",
    }
    assert message == b"\0\0\0\0\x04\x0a\x02db"


def test_without_service() -> None:
    talk, requests = health(answer())
    assert outcome_of(talk)[0] == success()
    assert requests[0][1] == b"\0\0\0\0\0"


def status(code: int, message: str) -> Answer:
    return answer(None, trailers=[("grpc-status", str(code)), ("grpc-message", message)])


def reset(connection: h2.connection.H2Connection, stream: int) -> None:
    connection.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)


def go_away(connection: h2.connection.H2Connection, stream: int) -> None:
    connection.close_connection(last_stream_id=0)


def hang_up(connection: h2.connection.H2Connection, stream: int) -> None:
    raise ConnectionResetError


RPC = "error: health rpc probe failed: rpc error: "


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        (answer(NOT_SERVING), 'service unhealthy (responded with "NOT_SERVING")'),
        (answer(b"\0\0\0\0\0"), 'service unhealthy (responded with "UNKNOWN")'),
        (status(5, "unknown service"), RPC + "code = NotFound desc = unknown service"),
        (status(16, "who%3F gr%C3%BCn"), RPC + "code = Unauthenticated desc = who? grün"),
        (status(99, ""), RPC + "code = Code(99) desc = "),
        (
            status(12, "unknown method Check"),
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
            "unknown method Check",
        ),
        (status(4, "late"), "timeout: health rpc did not complete within 10s"),
        (reset, RPC + "code = Canceled desc = stream terminated by RST_STREAM with error code: CANCEL"),
        (hang_up, RPC + "code = Unavailable desc = error reading from server: EOF"),
        (go_away, RPC + "code = Unavailable desc = error reading from server: the server is going away"),
        (answer(b""), RPC + "code = Internal desc = cardinality violation: received no response message from "
         "non-client-streaming RPC"),
        (answer(trailers=None), RPC + "code = Internal desc = server closed the stream without sending trailers"),
        (
            answer(b"no", headers=[(":status", "404"), ("content-type", "text/plain")], trailers=None),
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unexpected HTTP "
            "status code received from server: 404 (Not Found); "
            'transport: received unexpected content-type "text/plain"',
        ),
        (
            answer(None, headers=[(":status", "503")], trailers=None),
            RPC + "code = Unavailable desc = unexpected HTTP status code received from server: 503 "
            "(Service Unavailable); malformed header: missing HTTP content-type",
        ),
    ],
)  # fmt: skip
def test_anything_else_is_a_failure(respond: Answer, message: str) -> None:
    assert responding(respond) == failure(message)


def test_an_answer_in_one_piece_with_its_status() -> None:
    assert responding(answer(None, headers=[*HEADERS, ("grpc-status", "7")], trailers=None)).message == (
        RPC + "code = PermissionDenied desc = "
    )


def test_a_message_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_call, "_MAX_MESSAGE", 1000)
    message = RPC + "code = ResourceExhausted desc = grpc: received message larger than max (1000)"
    assert responding(answer(bytes(1001))) == failure(message)


def test_the_call_is_not_answered_in_time() -> None:
    talk, requests = health(lambda connection, stream: None)
    assert outcome_of(talk, timeout=0.5)[0] == failure("timeout: health rpc did not complete within 500ms")
    assert len(requests) == 1


def connect_failure(port: int, took: str) -> Outcome:
    return failure(f'timeout: failed to connect service "{IP}:{port}" within {took}: context deadline exceeded')


def test_a_server_that_says_nothing() -> None:
    outcome, port = outcome_of(silent, timeout=SHORT)
    assert outcome == connect_failure(port, "50ms")


def test_a_server_of_http_1() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outcome, port = outcome_of(talk, timeout=1)
    assert outcome == connect_failure(port, "1s")


def test_nobody_listens_and_the_next_attempt_would_be_too_late() -> None:
    async def script() -> tuple[Outcome, float, int]:
        with socket.socket() as taken:
            taken.bind((IP, 0))
            port = taken.getsockname()[1]
            before = asyncio.get_running_loop().time()
            outcome = await probe_grpc(HOST, GRPCAction(port=port), 1)
            return outcome, asyncio.get_running_loop().time() - before, port

    outcome, took, port = run(script())
    assert outcome == connect_failure(port, "1s")
    assert took < 0.9


def test_a_server_that_comes_up_within_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "_DELAY", 0.01)
    talk, _ = health(answer(SERVING))
    first = True

    async def second_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        if first:
            first = False
            return
        await talk(reader, writer)

    assert outcome_of(second_time)[0] == success()
