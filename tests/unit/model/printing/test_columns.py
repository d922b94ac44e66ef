from __future__ import annotations

from typing import Any

import pytest

from nsrunner.model.printing.ages import parse_time
from nsrunner.model.printing.columns import pod_cells

T0 = "2026-01-01T00:00:00Z"
NOW = parse_time(T0)
assert NOW is not None

RUNNING = {"running": {"startedAt": T0}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def terminated(code: int, reason: str = "", signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "signal": signal, "finishedAt": T0}}


def container(
    name: str, state: dict[str, Any], *, ready: bool = False, restarts: int = 0, **more: Any
) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": ready, "restartCount": restarts, **more}


def pod(
    phase: str, containers: list[Any], inits: list[Any] = (), *, sidecars: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:  # type: ignore[assignment]  # a default that nobody changes
    conditions = more.pop("conditions", [])
    metadata = more.pop("metadata", {})
    return {
        "metadata": {"creationTimestamp": T0, **metadata},
        "spec": {
            "initContainers": [
                {"name": i["name"], **({"restartPolicy": "Always"} if i["name"] in sidecars else {})} for i in inits
            ],
            "containers": [{"name": c["name"]} for c in containers],
        },
        "status": {
            "phase": phase,
            "conditions": conditions,
            "initContainerStatuses": list(inits),
            "containerStatuses": containers,
            **more,
        },
    }


TRUE_INIT = {"type": "Initialized", "status": "True"}
TRUE_READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("given", "ready", "status"),
    [
        (pod("Pending", [container("a", waiting("ContainerCreating"))]), "0/1", "ContainerCreating"),
        (pod("Running", [container("a", RUNNING, ready=True)]), "1/1", "Running"),
        (pod("Succeeded", [container("a", terminated(0, "Completed"))]), "0/1", "Completed"),
        (pod("Failed", [container("a", terminated(3, "Error"))]), "0/1", "Error"),
        (pod("Failed", [container("a", terminated(3))]), "0/1", "ExitCode:3"),
        (pod("Failed", [container("a", terminated(137, "", 9))]), "0/1", "Signal:9"),
        (
            pod("Running", [container("a", waiting("CrashLoopBackOff")), container("b", RUNNING, ready=True)]),
            "1/2",
            "CrashLoopBackOff",
        ),
        (
            pod(
                "Running",
                [container("a", terminated(0, "Completed")), container("b", RUNNING, ready=True)],
                conditions=[TRUE_READY],
            ),
            "1/2",
            "Running",
        ),
        (
            pod("Running", [container("a", terminated(0, "Completed")), container("b", RUNNING, ready=True)]),
            "1/2",
            "NotReady",
        ),
        (
            pod("Failed", [container("a", terminated(0, "Completed")), container("b", terminated(1, "Error"))]),
            "0/2",
            "Error",
        ),
        (pod("Pending", [container("a", waiting("PodInitializing"))], [container("i", RUNNING)]), "0/1", "Init:0/1"),
        (
            pod(
                "Pending",
                [container("a", waiting("PodInitializing"))],
                [container("i", terminated(0)), container("j", waiting("PodInitializing"))],
            ),
            "0/1",
            "Init:1/2",
        ),
        (
            pod("Pending", [container("a", waiting("PodInitializing"))], [container("i", terminated(1, "Error"))]),
            "0/1",
            "Init:Error",
        ),
        (
            pod("Pending", [container("a", waiting("PodInitializing"))], [container("i", terminated(1))]),
            "0/1",
            "Init:ExitCode:1",
        ),
        (
            pod("Pending", [container("a", waiting("PodInitializing"))], [container("i", waiting("CrashLoopBackOff"))]),
            "0/1",
            "Init:CrashLoopBackOff",
        ),
        (
            pod(
                "Running",
                [container("a", RUNNING, ready=True)],
                [container("s", RUNNING, ready=True, started=True)],
                sidecars=("s",),
                conditions=[TRUE_INIT],
            ),
            "2/2",
            "Running",
        ),
        (pod("Failed", [], reason="DeadlineExceeded"), "0/0", "DeadlineExceeded"),
        (pod("Running", [container("a", RUNNING)], metadata={"deletionTimestamp": T0}), "0/1", "Terminating"),
        (
            pod("Succeeded", [container("a", terminated(0, "Completed"))], metadata={"deletionTimestamp": T0}),
            "0/1",
            "Completed",
        ),
        (
            pod("Running", [container("a", RUNNING)], metadata={"deletionTimestamp": T0}, reason="NodeLost"),
            "0/1",
            "Unknown",
        ),
        (
            pod("Pending", [], conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
            "0/0",
            "SchedulingGated",
        ),
        ({}, "0/0", "Unknown"),
    ],
)
def test_ready_and_status(given: dict[str, Any], ready: str, status: str) -> None:
    cells = pod_cells(given, NOW)
    assert (cells.ready, cells.status) == (ready, status)


def test_restarts_and_age() -> None:
    last = {"lastState": terminated(1, "Error")}
    given = pod("Running", [container("a", RUNNING, restarts=2, **last), container("b", RUNNING, restarts=1)])
    cells = pod_cells(given, NOW + 65)
    assert cells.restarts == "3 (65s ago)"
    assert cells.age == "65s"
    assert pod_cells(pod("Running", [container("a", RUNNING)]), NOW).restarts == "0"
    assert pod_cells({"metadata": {"creationTimestamp": "soon"}}, NOW).age == "<unknown>"


def test_restarts_of_init_containers_count_until_the_pod_is_initialized() -> None:
    init = container("i", terminated(0), restarts=4)
    assert (
        pod_cells(
            pod("Pending", [container("a", waiting("PodInitializing"))], [container("i", RUNNING, restarts=4)]), NOW
        ).restarts
        == "4"
    )
    assert pod_cells(pod("Running", [container("a", RUNNING, restarts=1)], [init]), NOW).restarts == "1"
    sidecar = pod(
        "Running", [container("a", RUNNING)], [container("s", RUNNING, restarts=2, started=True)], sidecars=("s",)
    )
    assert pod_cells(sidecar, NOW).restarts == "2"


@pytest.mark.parametrize("stamp", [None, 5, "", "yesterday"])
def test_no_time(stamp: object) -> None:
    assert parse_time(stamp) is None


def test_a_time_without_a_zone_is_utc() -> None:
    assert parse_time("2026-01-01T00:00:00") == NOW
