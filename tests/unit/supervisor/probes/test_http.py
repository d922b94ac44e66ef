"""httpGet probes against real servers (kubelet-semantics 14.7), each in a task and, where that is possible, without."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.model.types import Container, ContainerPort, HTTPGetAction, HTTPHeader, Probe
from nsrunner.supervisor.probes import http_get
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.http import probe_http
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.supervisor.probes.poller import Poller
from nsrunner.supervisor.probes.quick import Attempt, Redirect, follow_redirect, quick_probe
from unit.supervisor.probes.servers import HOST, IP, Talk, answering, request_of, run, self_signed, serving, silent

in_task = probe_http
CONTAINER = Container(name="web")
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BROKEN = "net/http: HTTP/1.x transport connection broken: "
SHORT = 0.05
"""Seconds, for servers that never answer."""


@pytest.fixture(params=["task", "quick"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the probes are made."""
    if request.param == "quick":
        monkeypatch.setattr(sys.modules[__name__], "probe_http", probe_quickly)


async def probe_quickly(network: Network, action: HTTPGetAction, container: Container, timeout: float) -> Outcome:
    quick = quick_probe(Probe(http_get=action), container, network)
    if quick is None:
        return await in_task(network, action, container, timeout)
    ended: asyncio.Future[Outcome | Redirect | Exception] = asyncio.get_running_loop().create_future()
    poller = Poller.acquire()
    attempt = Attempt(replace(quick, timeout=timeout), poller, ended.set_result)
    attempt.begin()
    try:
        result = await ended
    finally:
        attempt.cancel()
        quick.line.close()
        poller.release()
    if isinstance(result, Redirect):
        return await follow_redirect(quick, network, result)
    if isinstance(result, Exception):
        raise result
    return result


async def probe(port: int, path: str = "/healthz", *, timeout: float = 10.0, **fields: object) -> Outcome:
    action = HTTPGetAction(port=port, path=path, **{"scheme": "HTTP", **fields})  # type: ignore[arg-type] # any of its fields
    return await probe_http(HOST, action, CONTAINER, timeout)


def outcome_of(talk: Talk, **fields: object) -> tuple[Outcome, int]:
    async def script() -> tuple[Outcome, int]:
        async with serving(talk) as port:
            return await probe(port, **fields), port  # type: ignore[arg-type] # any of its fields

    before = len(os.listdir("/proc/self/fd"))
    result = run(script())
    assert len(os.listdir("/proc/self/fd")) == before
    return result


# --- statuses and bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("200 OK", success()),
        ("204 No Content", success()),
        ("399 Odd", success("Probe terminated redirects, Response body: ok")),
        ("304 Not Modified", success("Probe terminated redirects, Response body: ")),
        ("400 Bad Request", failure("HTTP probe failed with statuscode: 400")),
        ("500 Oh", failure("HTTP probe failed with statuscode: 500")),
        ("999 What", failure("HTTP probe failed with statuscode: 999")),
    ],
)
def test_the_status_decides(status: str, outcome: Outcome) -> None:
    talk, requests = answering(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok")
    assert outcome_of(talk)[0] == outcome
    assert requests[0].startswith("GET /healthz HTTP/1.1\r\n")


def test_headers_and_the_named_port() -> None:
    talk, requests = answering(OK)

    async def script() -> Outcome:
        async with serving(talk) as port:
            container = Container(name="web", ports=(ContainerPort(name="health", container_port=port),))
            headers = (HTTPHeader(name="Host", value="example.com"), HTTPHeader(name="X-Ansi", value="ü"))
            action = HTTPGetAction(port="health", path="/", scheme="HTTP", http_headers=headers)
            return await probe_http(HOST, action, container, 10)

    assert run(script()) == success()
    assert "\r\nHost: example.com\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\nX-Ansi: ü\r\n" in requests[0]


def test_a_port_without_number_is_the_probers_error() -> None:
    with pytest.raises(ProbeError, match='parsing "nope"'):
        run(probe_http(HOST, HTTPGetAction(port="nope", path="/"), CONTAINER, 1))


def test_ten_megabytes_are_left_unread() -> None:
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
        for _ in range(640):
            writer.write(b"x" * 16384)
            await writer.drain()
            written += 16384

    assert outcome_of(talk)[0] == success()
    assert written < 10485760


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("Content-Length: 9\r\n\r\nshort", "unexpected EOF"),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n!", "unexpected EOF"),
    ],
)
def test_a_broken_body_is_the_probers_error(body: str, why: str) -> None:
    talk, _ = answering(f"HTTP/1.1 500 No\r\n{body}")
    with pytest.raises(ProbeError, match=why):
        outcome_of(talk)


def test_a_body_that_never_ends_is_the_probers_error() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await silent(reader, writer)

    words = r"context deadline exceeded \(Client.Timeout or context cancellation while reading body\)"
    with pytest.raises(ProbeError, match=words):
        outcome_of(talk, timeout=0.5)  # the headers must come within it, on a busy machine, too


# --- what is no response ----------------------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind((IP, 0))
        port = taken.getsockname()[1]
        outcome = run(probe(port))
    url = f"http://{IP}:{port}/healthz"
    assert outcome == failure(f'Get "{url}": dial tcp {IP}:{port}: connect: connection refused')


def test_no_answer_in_time() -> None:
    outcome, port = outcome_of(silent, timeout=SHORT)
    words = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    assert outcome == failure(f'Get "http://{IP}:{port}/healthz": {words}')


def test_headers_that_drip_do_not_prolong_it() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(SHORT / 10)

    assert "awaiting headers" in outcome_of(talk, timeout=SHORT)[0].message


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("", "EOF"),
        ("\x1b[31mno-HTTP\r\n", BROKEN + 'malformed HTTP response "\\x1b[31mno-HTTP"'),
        ("HTTP/1.1 200 OK\r\nA: b", BROKEN + "unexpected EOF"),
    ],
)
def test_what_is_no_http(response: str, why: str) -> None:
    talk, _ = answering(response)
    outcome, port = outcome_of(talk)
    assert outcome == failure(f'Get "http://{IP}:{port}/healthz": {why}')


def test_a_connection_that_is_reset() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    outcome, port = outcome_of(talk)
    start, end = f'Get "http://{IP}:{port}/healthz": read tcp {IP}:', f"->{IP}:{port}: read: connection reset by peer"
    assert outcome.message.startswith(start) and outcome.message.endswith(end)


def test_a_name_that_is_none() -> None:
    outcome = run(probe(80, host="nosuch.invalid"))
    assert outcome.result == "Failure"
    assert outcome.message.startswith('Get "http://nosuch.invalid:80/healthz": dial tcp: lookup nosuch.invalid: ')


def test_a_name_is_looked_up_on_the_host() -> None:
    talk, requests = answering(OK)
    assert outcome_of(talk, host="localhost")[0] == success()
    assert "\r\nHost: localhost:" in requests[0]


def test_a_header_that_would_split_the_request() -> None:
    talk, requests = answering(OK)
    outcome, port = outcome_of(talk, http_headers=(HTTPHeader(name="x", value="a\nb"),))
    assert outcome == failure(f'Get "http://{IP}:{port}/healthz": net/http: invalid header field value for "X"')
    assert not requests


# --- redirects --------------------------------------------------------------------------------------------------------


def moved(location: str, status: str = "302 Found") -> str:
    return f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 5\r\n\r\nmoved"


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
def test_within_the_host_they_are_followed(status: str) -> None:
    """kubelet-semantics 33.24."""
    talk, requests = answering(moved("next?x=y", status), "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    outcome, port = outcome_of(talk, path="/a/b", http_headers=(HTTPHeader(name="Host", value="example.com"),))
    assert outcome == failure("HTTP probe failed with statuscode: 503")
    first, second = requests
    assert second.startswith("GET /a/next?x=y HTTP/1.1\r\nHost: example.com\r\n")
    assert f"\r\nReferer: http://{IP}:{port}/a/b\r\n" in second
    assert "Referer" not in first


def test_an_absolute_one_has_its_own_host_header() -> None:
    """kubelet-semantics 33.24: another port of the same host is followed."""

    async def script() -> list[str]:
        there, requests = answering(OK)
        async with serving(there) as other:
            here, _ = answering(moved(f"http://{IP}:{other}/x"))
            async with serving(here) as port:
                outcome = await probe(port, http_headers=(HTTPHeader(name="Host", value="example.com"),))
                assert outcome == success()
                assert f"\r\nHost: {IP}:{other}\r\n" in requests[0]
        return requests

    assert len(run(script())) == 1


def test_to_another_host_is_success_with_a_warning() -> None:
    """kubelet-semantics 33.24."""
    talk, requests = answering(moved("http://localhost:1/"))
    assert outcome_of(talk)[0] == success("Probe terminated redirects, Response body: moved")
    assert len(requests) == 1


def test_without_location_it_is_final() -> None:
    """kubelet-semantics 33.24."""
    talk, _ = answering("HTTP/1.1 302 Found\r\nContent-Length: 1\r\n\r\n!")
    assert outcome_of(talk)[0] == success("Probe terminated redirects, Response body: !")


def test_a_circle_ends_after_ten_requests() -> None:
    talk, requests = answering(moved("/again"))
    assert outcome_of(talk)[0] == failure('Get "/again": stopped after 10 redirects')
    assert len(requests) == 10


def test_a_redirect_to_nowhere() -> None:
    talk, _ = answering(moved("http://h:bad/"))
    outcome, port = outcome_of(talk)
    why = 'failed to parse Location header "http://h:bad/": parse "http://h:bad/": invalid port ":bad" after host'
    assert outcome == failure(f'Get "http://{IP}:{port}/healthz": {why}')
    talk, _ = answering(moved(f"ftp://{IP}/"))
    assert outcome_of(talk)[0] == failure(f'Get "ftp://{IP}/": unsupported protocol scheme "ftp"')


def test_the_timeout_is_for_all_of_them_together() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        await asyncio.sleep(SHORT / 3)
        writer.write(moved("/again").encode())

    assert "awaiting headers" in outcome_of(talk, timeout=SHORT)[0].message


# --- TLS --------------------------------------------------------------------------------------------------------------


needs_openssl = pytest.mark.needs_tool("openssl")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return self_signed(tmp_path_factory.mktemp("tls"))


def tls_outcome(talk: Talk, context: ssl.SSLContext, **fields: object) -> Outcome:
    async def script() -> Outcome:
        async with serving(talk, context) as port:
            return await probe(port, **{"scheme": "HTTPS", **fields})  # type: ignore[arg-type] # any of its fields

    return run(script())


@needs_openssl
def test_any_certificate_will_do(context: ssl.SSLContext) -> None:
    talk, requests = answering(OK)
    assert tls_outcome(talk, context) == success()
    assert tls_outcome(talk, context, host="localhost") == success()
    assert len(requests) == 2


@needs_openssl
def test_a_large_body_over_tls(context: ssl.SSLContext) -> None:
    talk, _ = answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)
    assert tls_outcome(talk, context) == success()


@needs_openssl
def test_the_oldest_tls_that_go_takes(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        talk, _ = answering(OK)
        assert tls_outcome(talk, context) == success()
    finally:
        context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_https_to_a_server_of_http() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outcome, port = outcome_of(talk, scheme="HTTPS")
    url = f"https://{IP}:{port}/healthz"
    assert outcome == failure(f'Get "{url}": http: server gave HTTP response to HTTPS client')


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (b"", "EOF"),
        (b"SSH-2.0-OpenSSH\r\n" * 10, "tls: first record does not look like a TLS handshake"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "remote error: tls: handshake failure"),
    ],
)
def test_handshakes_that_fail(response: bytes, why: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(response)

    outcome, port = outcome_of(talk, scheme="HTTPS")
    assert outcome == failure(f'Get "https://{IP}:{port}/healthz": {why}')


def test_a_handshake_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_get, "_HANDSHAKE", SHORT)
    assert outcome_of(silent, scheme="HTTPS")[0].message.endswith("net/http: TLS handshake timeout")


@needs_openssl
def test_plain_http_to_a_server_of_tls(context: ssl.SSLContext) -> None:
    talk, _ = answering(OK)
    outcome = tls_outcome(talk, context, scheme="HTTP")
    assert outcome.result == "Failure"


# --- many, and cut off ------------------------------------------------------------------------------------------------


def test_a_hung_one_delays_nobody_and_all_descriptors_go() -> None:
    async def script() -> None:
        talk, _ = answering(OK)
        async with serving(silent) as hung, serving(talk) as port:
            before = len(os.listdir("/proc/self/fd"))
            waiting = [asyncio.create_task(probe(hung, timeout=60)) for _ in range(50)]
            await asyncio.sleep(0)
            outcomes = await asyncio.gather(*(probe(port) for _ in range(50)))
            assert outcomes == [success()] * 50
            for task in waiting:
                task.cancel()
            assert {type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)} == {
                asyncio.CancelledError
            }
            assert len(os.listdir("/proc/self/fd")) <= before + 100  # the server's ends go by themselves

    before = len(os.listdir("/proc/self/fd"))
    run(script())
    assert len(os.listdir("/proc/self/fd")) == before


def test_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.99:1")
    talk, _ = answering(OK)
    assert outcome_of(talk)[0] == success()
