"""Lifecycle hooks (kubelet-semantics 15; 33: hooks over HTTP)."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable

import pytest

from nsrunner.errors import SandboxError
from nsrunner.model.types import (
    Container,
    ExecAction,
    HTTPGetAction,
    HTTPHeader,
    Lifecycle,
    LifecycleHandler,
    ObjectMeta,
    Pod,
    PodSpec,
    SleepAction,
    TCPSocketAction,
)
from nsrunner.supervisor.hooks import http as hooks_http
from nsrunner.supervisor.hooks.run import hook_of, run_hook
from nsrunner.supervisor.probes.dial import Network
from nsrunner.testing import clock
from unit.supervisor.probes.played_shim import PlayedShim, ended
from unit.supervisor.probes.servers import HOST, IP, Talk, answering, run, self_signed, serving, silent

CONTAINER = Container(name="web")
POD = Pod(metadata=ObjectMeta(name="pod", namespace="ns", uid="u-1"), spec=PodSpec(containers=(CONTAINER,)))
WHOSE = 'for Container "web" in Pod "pod_ns(u-1)" failed - error:'
SHORT = 0.05


def start(
    handler: LifecycleHandler,
    shim: PlayedShim | None = None,
    network: Network | None = HOST,
    warn: Callable[[str], None] = pytest.fail,
) -> asyncio.Future[str]:
    shim = shim or PlayedShim()
    return asyncio.ensure_future(run_hook(handler, CONTAINER, POD, network=network, start=shim.start, warn=warn))


def hook(handler: LifecycleHandler, shim: PlayedShim | None = None, network: Network | None = None) -> str:
    async def script() -> str:
        return await start(handler, shim, network)

    return clock.run(script())


def test_which_hook() -> None:
    first, last = LifecycleHandler(sleep=SleepAction(seconds=1)), LifecycleHandler(sleep=SleepAction(seconds=2))
    container = Container(name="web", lifecycle=Lifecycle(post_start=first, pre_stop=last))
    assert hook_of(container, "PostStart") is first
    assert hook_of(container, "PreStop") is last
    assert hook_of(CONTAINER, "PreStop") == LifecycleHandler()


# --- exec -------------------------------------------------------------------------------------------------------------

EXEC = LifecycleHandler(exec=ExecAction(command=("sh", "-c", "echo $(HOME)")))


def test_exec() -> None:
    shim = ended(0, b"chatter")
    assert hook(EXEC, shim) == ""
    assert shim.asked == [(("sh", "-c", "echo $(HOME)"), 0.0)]  # as it is written, and without a limit


def test_exec_that_fails() -> None:
    assert hook(EXEC, ended(3, b"oh\n")) == (
        f"Exec lifecycle hook ([sh -c echo $(HOME)]) {WHOSE} "
        "command 'sh -c echo $(HOME)' exited with 3: oh\n, message: \"oh\\n\""
    )


def test_exec_that_cannot_be_run() -> None:
    shim = PlayedShim(refuses=SandboxError("find executable in PATH", errno.ENOENT, "sh"))
    assert hook(EXEC, shim) == (
        f"Exec lifecycle hook ([sh -c echo $(HOME)]) {WHOSE} failed to exec in container: unable to start container "
        'process: exec: "sh": executable file not found in $PATH, message: ""'
    )


def test_a_cancelled_exec_is_killed() -> None:
    shim = PlayedShim(lasts=None)

    async def script() -> None:
        under_way = start(EXEC, shim)
        await asyncio.sleep(100_000)
        under_way.cancel()
        await asyncio.gather(under_way, return_exceptions=True)

    clock.run(script())
    assert shim.kills == 1


# --- sleep, and what cannot be run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1, 86400])
def test_sleep(seconds: int) -> None:
    async def script() -> float:
        assert await start(LifecycleHandler(sleep=SleepAction(seconds=seconds))) == ""
        return asyncio.get_running_loop().time()

    assert clock.run(script()) == pytest.approx(seconds)


def test_tcp_always_fails() -> None:
    handler = LifecycleHandler(tcp_socket=TCPSocketAction(port=80))
    assert hook(handler) == "Cannot run handler: invalid handler: tcpSocket handlers cannot be run"
    assert hook(LifecycleHandler()) == "Cannot run handler: invalid handler: it has no action"


# --- http -------------------------------------------------------------------------------------------------------------


def http_hook(talk: Talk, context: ssl.SSLContext | None = None, **fields: object) -> tuple[str, int, list[str]]:
    warnings: list[str] = []

    async def script() -> tuple[str, int, list[str]]:
        async with serving(talk, context) as port:
            action = HTTPGetAction(port=port, **{"path": "/stop", **fields})  # type: ignore[arg-type] # any of its fields
            return await start(LifecycleHandler(http_get=action), warn=warnings.append), port, warnings

    return run(script())


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "500 Oh"])
def test_any_status_is_success(status: str) -> None:
    """kubelet-semantics 33.7."""
    talk, requests = answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
    assert http_hook(talk, http_headers=(HTTPHeader(name="X-A", value="b"),))[0] == ""
    assert requests[0].startswith("GET /stop HTTP/1.1\r\n")
    assert "\r\nUser-Agent: kube-lifecycle/1.36\r\nAccept: */*\r\nX-A: b\r\n" in requests[0]


def test_so_is_a_body_that_breaks_or_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    talk, _ = answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
    assert http_hook(talk)[0] == ""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await silent(reader, writer)

    monkeypatch.setattr(hooks_http, "_BODY", SHORT)
    assert http_hook(endless)[0] == ""


def test_no_response_is_a_failure() -> None:
    talk, _ = answering("")
    error, port, _ = http_hook(talk)
    assert error == f'HTTP lifecycle hook (/stop) {WHOSE} Get "http://{IP}:{port}/stop": EOF'


def test_there_is_no_time_limit() -> None:
    """kubelet-semantics 33.7."""

    async def script() -> None:
        async with serving(silent) as port:
            under_way = start(LifecycleHandler(http_get=HTTPGetAction(port=port)))
            done, _ = await asyncio.wait({under_way}, timeout=2 * SHORT)
            assert not done
            under_way.cancel()
            await asyncio.gather(under_way, return_exceptions=True)

    run(script())


def test_a_named_port_that_is_none() -> None:
    error = hook(LifecycleHandler(http_get=HTTPGetAction(port="nope", path="/stop")), network=HOST)
    assert error == f'HTTP lifecycle hook (/stop) {WHOSE} strconv.Atoi: parsing "nope": invalid syntax'


def test_without_a_sandbox() -> None:
    error = hook(LifecycleHandler(http_get=HTTPGetAction(port=1, path="/stop")))
    assert error == f"HTTP lifecycle hook (/stop) {WHOSE} the pod has no sandbox"


@pytest.mark.needs_tool("openssl")
def test_https(tmp_path_factory: pytest.TempPathFactory) -> None:
    talk, requests = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert http_hook(talk, self_signed(tmp_path_factory.mktemp("tls")), scheme="HTTPS")[0] == ""
    assert len(requests) == 1


def one_that_speaks_http(reply: str) -> tuple[Talk, list[str]]:
    """Answers a TLS hello as servers of HTTP do, and then a request with ``reply``."""
    requests: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(4096)
        if data[:1] == b"\x16":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            requests.append(data.decode())
            writer.write(reply.encode())

    return talk, requests


def test_https_falls_back_to_http() -> None:
    talk, requests = one_that_speaks_http("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    secret = (HTTPHeader(name="authorization", value="Bearer x"), HTTPHeader(name="X-A", value="b"))
    error, port, warnings = http_hook(talk, scheme="HTTPS", http_headers=secret)
    assert error == ""
    assert warnings == [f"request to HTTPS lifecycle hook {IP}:{port} got HTTP response, retry over HTTP succeeded"]
    assert "X-A: b" in requests[0]
    assert "Authorization" not in requests[0]


def test_a_fallback_that_fails_tells_what_was_wrong_with_https() -> None:
    talk, requests = one_that_speaks_http("")
    error, port, warnings = http_hook(talk, scheme="HTTPS")
    why = "http: server gave HTTP response to HTTPS client"
    assert error == f'HTTP lifecycle hook (/stop) {WHOSE} Get "https://{IP}:{port}/stop": {why}'
    assert (len(requests), warnings) == (1, [])
