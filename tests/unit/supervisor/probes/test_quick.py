"""What of the probe without a task is its own; the conversations themselves are in test_http.py."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from nsrunner.model.types import Container, ExecAction, HTTPGetAction, HTTPHeader, Probe, TCPSocketAction
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.supervisor.probes.poller import Poller
from nsrunner.supervisor.probes.quick import Attempt, Redirect, quick_probe
from unit.supervisor.probes.servers import HOST, IP, answering, request_of, run, serving, silent

CONTAINER = Container(name="web")
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SLOW = "HTTP/1.1 200 OK\r\n\r\nto the end"
"""One that takes more care to read."""


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("probe", "quick"),
    [
        (Probe(http_get=HTTPGetAction(port=80)), True),
        (Probe(http_get=HTTPGetAction(port=80, scheme="HTTP", path="/a?b")), True),
        (Probe(http_get=HTTPGetAction(port=80, scheme="HTTPS")), False),
        (Probe(http_get=HTTPGetAction(port=80, host="example.com")), False),
        (Probe(http_get=HTTPGetAction(port="nope")), False),
        (Probe(http_get=HTTPGetAction(port=80, http_headers=(HTTPHeader(name="X", value="\n"),))), False),
        (Probe(tcp_socket=TCPSocketAction(port=80)), False),
        (Probe(exec=ExecAction(command=("true",))), False),
    ],
)
def test_which_probes_are_quick(probe: Probe, quick: bool) -> None:
    assert (quick_probe(probe, CONTAINER, HOST) is not None) is quick


def test_without_an_address_there_is_none() -> None:
    assert quick_probe(Probe(http_get=HTTPGetAction(port=80)), CONTAINER, Network("", None)) is None


class Bench:
    """One attempt after the other."""

    def __init__(self, port: int, network: Network = HOST, timeout: int = 10) -> None:
        probe = Probe(http_get=HTTPGetAction(port=port, path="/"), timeout_seconds=timeout)
        quick = quick_probe(probe, CONTAINER, network)
        assert quick is not None
        self.poller = Poller.acquire()
        self.results: list[Outcome | Redirect | Exception] = []
        self.more = asyncio.Event()
        self.line = quick.line
        self.attempt = Attempt(quick, self.poller, self.done)

    def done(self, result: Outcome | Redirect | Exception) -> None:
        self.results.append(result)
        self.more.set()

    def end(self) -> None:
        self.line.close()
        self.poller.release()


def test_a_cancelled_one_says_nothing_and_holds_nothing() -> None:
    async def script() -> None:
        async with serving(silent) as port:
            bench = Bench(port)
            for turns in range(4):
                before = fds()
                bench.attempt.begin()
                assert fds() == before + 1
                for _ in range(turns):
                    await asyncio.sleep(0)
                bench.attempt.cancel()
            bench.attempt.cancel()
            await asyncio.sleep(0.01)
            assert not bench.results
            bench.end()

    run(script())


def test_one_socket_for_one_attempt_after_the_other() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_of(reader))
        writer.write((SLOW if len(requests) == 3 else OK).encode())
        writer.write_eof()
        endings.append(await reader.read())

    requests: list[str] = []
    endings: list[bytes] = []

    async def script() -> None:
        async with serving(talk) as port:
            before = fds()
            bench = Bench(port)
            for _ in range(6):
                bench.more.clear()
                bench.attempt.begin()
                await bench.more.wait()
                await asyncio.sleep(0.02)
            # What the server sees of the end of each is an end, not a reset.
            assert (len(requests), endings) == (6, [b""] * 6)
            assert bench.results == [success()] * 6
            assert fds() == before + 2  # the poller's, and the one that is kept
            bench.end()
            assert fds() == before

    run(script())


def test_a_refused_one_ends_at_once() -> None:
    async def script() -> None:
        async with serving(silent) as port:
            pass
        bench = Bench(port)
        bench.attempt.begin()
        refused = f'Get "http://{IP}:{port}/": dial tcp {IP}:{port}: connect: connection refused'
        assert bench.results == [failure(refused)]
        bench.end()

    run(script())


def test_a_prober_that_errs_tries_three_times() -> None:
    class Gone(Network):
        asked = 0

        def own_socket(self) -> None:  # type: ignore[override] # it has none
            self.asked += 1
            raise ProbeError(f"socket: {os.strerror(errno.ESRCH)}")

    async def script() -> None:
        network = Gone(IP, None)
        bench = Bench(1, network)
        bench.attempt.begin()
        assert [str(result) for result in bench.results] == ["socket: No such process"]
        assert isinstance(bench.results[0], ProbeError)
        assert network.asked == 3
        bench.end()

    run(script())


def test_a_second_try_may_succeed() -> None:
    async def script() -> None:
        talk, requests = answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", OK)
        async with serving(talk) as port:
            bench = Bench(port)
            bench.attempt.begin()
            await bench.more.wait()
            assert bench.results == [success()]
            assert len(requests) == 2
            bench.end()

    run(script())


def test_a_mistake_of_ours_costs_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script() -> None:
        talk, _ = answering(OK)
        async with serving(talk) as port:
            bench = Bench(port)
            monkeypatch.setattr("nsrunner.supervisor.probes.quick.outcome_of_status", lambda _: 1 // 0)
            before = fds()
            bench.attempt.begin()
            await bench.more.wait()
            assert [type(result) for result in bench.results] == [ZeroDivisionError]
            await asyncio.sleep(0.05)
            bench.end()
            assert fds() == before - 1

    run(script())


def test_a_redirect_is_handed_over() -> None:
    async def script() -> None:
        talk, _ = answering("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9\r\n\r\nshort")
        async with serving(talk) as port:
            bench = Bench(port)
            bench.attempt.begin()
            await bench.more.wait()
            (redirect,) = bench.results
            assert isinstance(redirect, Redirect)
            assert (redirect.response.location, str(redirect.trouble), redirect.tries) == ("/x", "unexpected EOF", 1)
            bench.end()

    run(script())


def test_a_long_request_and_a_long_answer() -> None:
    """More than the buffers of a connection hold, in both directions."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        while b"\r\n\r\n" not in await reader.read(1 << 20):
            pass
        for part in (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n", b"\r\n", b"x" * 4500, b"x" * 4500):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    async def script() -> None:
        header = HTTPHeader(name="X", value="y" * 8_000_000)
        async with serving(talk) as port:
            probe = Probe(http_get=HTTPGetAction(port=port, path="/", http_headers=(header,)), timeout_seconds=10)
            quick = quick_probe(probe, CONTAINER, HOST)
            assert quick is not None
            bench = Bench(port)
            Attempt(quick, bench.poller, bench.done).begin()
            await bench.more.wait()
            assert bench.results == [success()]
            bench.end()

    run(script())
