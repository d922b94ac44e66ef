"""One attempt of one probe: which kind, and how often (kubelet-semantics 14.6)."""

from __future__ import annotations

import errno

import pytest

from nsrunner.errors import SandboxError
from nsrunner.model.types import (
    Container,
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    Probe,
    TCPSocketAction,
)
from nsrunner.supervisor.probes.outcome import ProbeError, failure, success
from nsrunner.supervisor.probes.run import probe_of, run_probe
from nsrunner.testing import clock
from unit.supervisor.probes.health_server import answer, health
from unit.supervisor.probes.played_shim import PlayedShim, ended
from unit.supervisor.probes.servers import HOST, answering, run, serving

EXEC = Probe(exec=ExecAction(command=("true",)), timeout_seconds=7)
CONTAINER = Container(name="web", liveness_probe=EXEC)


def test_which_probe() -> None:
    assert probe_of(CONTAINER, "Liveness") is EXEC
    with pytest.raises(ProbeError, match="container web has no startup probe"):
        probe_of(CONTAINER, "Startup")


def test_exec_needs_no_network() -> None:
    shim = ended(0)
    assert clock.run(run_probe(EXEC, CONTAINER, network=None, start=shim.start)) == success()
    assert shim.asked == [(("true",), 7.0)]


def test_a_probe_without_a_timeout_has_one_second() -> None:
    shim = ended(0)
    probe = Probe(exec=ExecAction(command=("true",)))
    clock.run(run_probe(probe, CONTAINER, network=None, start=shim.start))
    assert shim.asked == [(("true",), 1.0)]


def test_network_probes() -> None:
    async def script() -> None:
        shim = PlayedShim()
        page, _ = answering("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        grpc, _ = health(answer())
        async with serving(page) as port, serving(grpc) as health_port:
            for probe, outcome in (
                (Probe(http_get=HTTPGetAction(port=port)), failure("HTTP probe failed with statuscode: 500")),
                (Probe(tcp_socket=TCPSocketAction(port=port)), success()),
                (Probe(grpc=GRPCAction(port=health_port)), success()),
            ):
                assert await run_probe(probe, CONTAINER, network=HOST, start=shim.start) == outcome
                with pytest.raises(ProbeError, match="the pod has no sandbox"):
                    await run_probe(probe, CONTAINER, network=None, start=shim.start)

    run(script())


def test_a_failure_is_final() -> None:
    shim = ended(1, b"no")
    assert clock.run(run_probe(EXEC, CONTAINER, network=None, start=shim.start)) == failure("no")
    assert len(shim.asked) == 1


def test_an_error_of_the_probers_is_tried_three_times() -> None:
    shim = PlayedShim(refuses=SandboxError("find the container", errno.ESRCH))
    with pytest.raises(ProbeError, match="container is not running"):
        clock.run(run_probe(EXEC, CONTAINER, network=None, start=shim.start))
    assert len(shim.asked) == 3


def test_a_probe_without_a_handler() -> None:
    with pytest.raises(ProbeError, match="missing probe handler"):
        clock.run(run_probe(Probe(), CONTAINER, network=HOST, start=PlayedShim().start))
