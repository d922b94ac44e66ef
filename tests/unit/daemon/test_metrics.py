"""What is counted of pods, by what their machines are told."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nsrunner.daemon.metrics import Metrics
from nsrunner.lifecycle.events import ContainerFailed, ContainerStarted, Now, PodAdded, ProbeDone, User
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.model.types import Container, EphemeralContainer, ObjectMeta, Pod, PodSpec

POD = Pod(
    metadata=ObjectMeta(name="web", namespace="shop", uid="u1"),
    spec=PodSpec(
        init_containers=(Container(name="first"),),
        containers=(Container(name="c"), Container(name="d")),
        ephemeral_containers=(EphemeralContainer(name="look"),),
    ),
)
MACHINE = cast("PodMachine", SimpleNamespace(pod=POD))


def started(name: str) -> ContainerStarted:
    return ContainerStarted(
        id=1, container=name, attempt=0, container_id="0", started=Now(0.0, 0.0), user=User(uid=0, gid=0, groups=())
    )


def series(metrics: Metrics, name: str) -> dict[str, str]:
    lines = [line for line in metrics.page().splitlines() if line.startswith(name)]
    return {line.rpartition(" ")[0].removeprefix(name): line.rpartition(" ")[2] for line in lines}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics({}, node="node-1", git_version="v1.36.0")


def test_starts(metrics: Metrics) -> None:
    metrics.saw(MACHINE, PodAdded(), Now(100.0, 0.0), ())
    for name in ("first", "c", "d", "c", "look"):
        metrics.saw(MACHINE, started(name), Now(100.03, 0.0), ())
    failed = ContainerFailed(id=1, container="c", attempt=1, reason="RunContainerError", message="")
    metrics.saw(MACHINE, failed, Now(101.0, 0.0), ())
    assert series(metrics, "kubelet_started_pods_total") == {"": "1"}
    assert series(metrics, "kubelet_started_containers_total") == {
        '{container_type="init_container"}': "1",
        '{container_type="container"}': "3",
        '{container_type="ephemeral_container"}': "1",
    }
    assert series(metrics, "kubelet_started_containers_errors_total") == {
        '{container_type="container",code="RunContainerError"}': "1"
    }
    seconds = series(metrics, "kubelet_pod_start_duration_seconds_bucket")
    assert (seconds['{le="0.025"}'], seconds['{le="0.05"}'], seconds['{le="+Inf"}']) == ("0", "1", "1")


def test_probes_until_their_pod_is_gone(metrics: Metrics) -> None:
    for result in ("Success", "Failure", "Success", "Unknown"):
        done = ProbeDone(id=1, container="c", attempt=0, probe="Readiness", result=result, message="")
        metrics.saw(MACHINE, done, Now(1.0, 0.0), ())
    whose = 'container="c",pod="web",namespace="shop",pod_uid="u1"'
    assert series(metrics, "prober_probe_total") == {
        f'{{probe_type="Readiness",result="successful",{whose}}}': "2",
        f'{{probe_type="Readiness",result="failed",{whose}}}': "1",
        f'{{probe_type="Readiness",result="unknown",{whose}}}': "1",
    }
    assert metrics.probes().count("\nprober_probe_total{") == 3 and "kubelet_" not in metrics.probes()
    metrics.removed("u1")
    assert series(metrics, "prober_probe_total") == {}


def test_what_runs() -> None:
    tasks: Any = {
        "u1": SimpleNamespace(running={"c": object()}, instances={("c", 0): False, ("c", 1): True}),
        "u2": SimpleNamespace(running={}, instances={("c", 0): False}),
    }
    metrics = Metrics(tasks, node="node-1", git_version="v1.36.0")
    assert series(metrics, "kubelet_running_pods") == {"": "1"}
    assert series(metrics, "kubelet_running_containers") == {
        '{container_state="running"}': "1",
        '{container_state="exited"}': "2",
    }


def test_of_the_process_and_the_node(metrics: Metrics) -> None:
    assert series(metrics, "kubelet_node_name") == {'{node="node-1"}': "1"}
    assert series(metrics, "kubernetes_build_info") == {'{git_version="v1.36.0"}': "1"}
    assert int(series(metrics, "process_open_fds")[""]) > 2
    assert int(series(metrics, "process_resident_memory_bytes")[""]) > 2**20
    assert float(series(metrics, "process_cpu_seconds_total")[""]) > 0


def test_requests_by_the_api_servers_names(metrics: Metrics) -> None:
    for verb in ("create", "list", "list", "watch", "other"):
        metrics.requested(verb, "pods", "200")
    assert series(metrics, "apiserver_request_total") == {
        f'{{verb="{verb}",resource="pods",code="200"}}': count
        for verb, count in (("POST", "1"), ("LIST", "2"), ("WATCH", "1"), ("OTHER", "1"))
    }


def test_of_the_process_itself(metrics: Metrics) -> None:
    found = {name: float(series(metrics, f"process_{name}")[""]) for name in PROCESS}
    assert time.time() - 86400 * 30 < found["start_time_seconds"] <= time.time() + 1
    assert 0 < found["resident_memory_bytes"] < found["virtual_memory_bytes"]
    assert 0 < found["open_fds"] <= found["max_fds"]


PROCESS = ("start_time_seconds", "resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds")
