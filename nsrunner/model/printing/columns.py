"""The cells of a table of pods, computed as the API server does (kubelet-semantics 17, ``printers/internalversion``).

Works on the JSON form of a Pod, so that ``ps`` needs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nsrunner.model.printing.ages import age, age_of, parse_time

__all__ = ["PodCells", "pod_cells"]

Json = Mapping[str, Any]


class PodCells(NamedTuple):
    ready: str
    """``1/2``"""
    status: str
    restarts: str
    """``3 (20s ago)``"""
    age: str


class _Restarts:
    """Sum of restarts, and when the newest of them was."""

    def __init__(self) -> None:
        self.count = 0
        self.newest: float | None = None

    def add(self, status: Json) -> None:
        self.count += int(status.get("restartCount") or 0)
        finished = parse_time(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
        if finished is not None and (self.newest is None or finished > self.newest):
            self.newest = finished

    def text(self, now: float) -> str:
        if self.count and self.newest is not None:
            return f"{self.count} ({age(now - self.newest)} ago)"
        return str(self.count)


class _InitScan:
    def __init__(self) -> None:
        self.status = ""
        self.stopped = False
        self.ready_sidecars = 0


def pod_cells(pod: Json, now: float) -> PodCells:
    """READY, STATUS, RESTARTS and AGE of a Pod at ``now`` (seconds since the epoch)."""
    spec, status, metadata = pod.get("spec") or {}, pod.get("status") or {}, pod.get("metadata") or {}
    conditions = {condition.get("type"): condition for condition in status.get("conditions") or ()}
    init_specs: Sequence[Json] = spec.get("initContainers") or ()
    sidecars = {init["name"] for init in init_specs if init.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)

    restarts, sidecar_restarts = _Restarts(), _Restarts()
    init = _scan_init(status, sidecars, len(init_specs), restarts, sidecar_restarts)
    reason = init.status or status.get("reason") or status.get("phase") or "Unknown"
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated" and not init.status:
        reason = "SchedulingGated"
    ready = init.ready_sidecars
    if not init.stopped or _is_true(conditions, "Initialized"):
        restarts = sidecar_restarts
        reason, regular_ready = _scan_regular(status, reason, _is_true(conditions, "Ready"), restarts)
        ready += regular_ready
    if metadata.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return PodCells(
        ready=f"{ready}/{total}",
        status=reason,
        restarts=restarts.text(now),
        age=age_of(pod, now),
    )


def _is_true(conditions: Mapping[Any, Json], name: str) -> bool:
    return (conditions.get(name) or {}).get("status") == "True"


def _exit_reason(terminated: Json) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode') or 0}"


def _scan_init(
    status: Json, sidecars: set[str], total: int, restarts: _Restarts, sidecar_restarts: _Restarts
) -> _InitScan:
    scan = _InitScan()
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        state = container.get("state") or {}
        is_sidecar = container.get("name") in sidecars
        restarts.add(container)
        if is_sidecar:
            sidecar_restarts.add(container)
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if is_sidecar and container.get("started"):
            scan.ready_sidecars += bool(container.get("ready"))
            continue
        if terminated is not None:
            scan.status = f"Init:{_exit_reason(terminated)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            scan.status = f"Init:{waiting['reason']}"
        else:
            scan.status = f"Init:{index}/{total}"
        scan.stopped = True
        break
    return scan


def _scan_regular(status: Json, reason: str, pod_ready: bool, restarts: _Restarts) -> tuple[str, int]:
    running, ready, failed = False, 0, ""
    for container in reversed(status.get("containerStatuses") or ()):
        state = container.get("state") or {}
        restarts.add(container)
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            reason = _exit_reason(state["terminated"])
            if state["terminated"].get("exitCode"):
                failed = reason
        elif container.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    if reason == "Completed":
        if running and pod_ready:
            reason = "Running"
        elif failed:
            reason = failed
        elif running:
            reason = "NotReady"
    return reason, ready
