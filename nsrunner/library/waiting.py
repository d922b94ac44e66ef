"""What can be waited for, when it is reached, and when it no longer can be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from nsrunner.errors import UsageError
from nsrunner.model.types import ContainerStatus, Pod, PodStatus
from nsrunner.supervisor.events import KubeEvent

__all__ = ["Goal", "describe", "parse_goal", "reached", "unreachable"]

_PHASES = ("Pending", "Running", "Succeeded", "Failed")
_TERMINAL = ("Succeeded", "Failed")
_BEFORE_START = ("ContainerCreating", "PodInitializing")
_CONDITIONS = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


class Goal(Struct, frozen=True, kw_only=True):
    kind: Literal["phase", "condition"]
    name: str
    status: str = "True"
    """Of a condition."""

    def __str__(self) -> str:
        if self.kind == "phase":
            return f"phase {self.name}"
        return f"condition {self.name}" if self.status == "True" else f"condition {self.name}={self.status}"


def parse_goal(text: str, pod: Pod) -> Goal:
    """``Ready``, ``Succeeded``, or with kubectl's prefixes: ``condition=Ready``, ``condition=Ready=False``,
    ``phase=Running``. Conditions are Kubernetes's own and the pod's readiness gates. Raises UsageError."""
    gates = tuple(gate.condition_type for gate in pod.spec.readiness_gates)
    conditions = (*_CONDITIONS, *gates)
    prefix, equals, rest = text.partition("=")
    name, status, kinds = text, "True", ("phase", "condition")
    if equals and prefix in kinds:
        kinds = (prefix,) * 2
        name = rest
    if kinds[0] == "condition" or (equals and prefix not in kinds):
        name, _, wanted = name.partition("=")
        status = wanted or "True"
    if "phase" in kinds and name in _PHASES:
        return Goal(kind="phase", name=name)
    if "condition" in kinds and name in conditions:
        if status.capitalize() not in ("True", "False", "Unknown"):
            raise UsageError(f'wait for "{text}": the status of a condition is True, False or Unknown')
        return Goal(kind="condition", name=name, status=status.capitalize())
    known = ([*_PHASES] if "phase" in kinds else []) + ([*conditions] if "condition" in kinds else [])
    import difflib  # for this one message

    close = difflib.get_close_matches(name.capitalize(), known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"there is {', '.join(known)}"
    raise UsageError(f'cannot wait for "{text}": {hint}')


def reached(goal: Goal, phase: str, conditions: Mapping[str, str]) -> bool:
    """``conditions`` are the present ones, type to status."""
    if goal.kind == "phase":
        return phase == goal.name
    return conditions.get(goal.name) == goal.status


def unreachable(goal: Goal, phase: str, conditions: Mapping[str, str]) -> bool:
    """It is not so, and will never be again: a pod's phase only goes forward, and an ended pod stays as it is."""
    if reached(goal, phase, conditions):
        return False
    return phase in _TERMINAL or (goal.kind == "phase" and goal.name == "Pending" and phase == "Running")


def describe(status: PodStatus, events: Iterable[KubeEvent] = (), *, ending: bool = False) -> str:
    """Why a pod is as it is, in one sentence: ``Running; container web is waiting: CrashLoopBackOff: back-off ...``.

    ``events`` are the pod's: the newest Warning about what is not as it should be is part of the answer. With
    ``ending`` containers that still run are named: their end is what is waited for.
    """
    phase = ": ".join(part for part in (status.phase, status.reason, status.message) if part)
    text = "; ".join([phase, *_missing(status, ending)])
    warning = _warning(status, events)
    if warning is not None and warning.message.removeprefix("Error: ") not in text:
        times = f" ({warning.count} times)" if warning.count > 1 else ""
        text += f"; last warning: {warning.reason}: {warning.message}{times}"
    return text


def _missing(status: PodStatus, ending: bool) -> Iterator[str]:
    """What stands between the pod and its being ready, in the order in which a pod starts."""
    conditions = {condition.type: condition for condition in status.conditions}
    sandbox = conditions.get("PodReadyToStartContainers")
    starting = status.phase not in _TERMINAL
    if starting and (sandbox is None or sandbox.status != "True"):
        yield "its sandbox is being created"
        starting = False  # that containers wait goes without saying
    initializing = False
    for each in status.init_container_statuses:
        # Those after the first one wait for it.
        if text := _trouble(each, starting and not initializing, running="is still running"):
            initializing = True
            yield f"init container {each.name} {text}"
    for each in status.container_statuses:
        running = "is still running" if ending else "" if each.ready else "is not ready"
        if text := _trouble(each, starting and not initializing, running=running):
            yield f"container {each.name} {text}"
    ready = conditions.get("Ready")
    if ready is not None and ready.reason == "ReadinessGatesNotReady" and ready.message:
        yield ready.message


def _trouble(status: ContainerStatus, starting: bool, *, running: str) -> str:
    """What keeps a container from being fine; empty when nothing does. ``starting``: that it only waits for its turn
    to start is worth telling. ``running``: what to say when it runs."""
    state = status.state
    if state is None:
        return ""
    if state.running is not None:
        return running
    text = ""
    if state.waiting is not None and (starting or state.waiting.reason not in _BEFORE_START):
        text = f"is waiting: {state.waiting.reason or ''}"
        if state.waiting.message:
            text += f": {state.waiting.message}"
        if status.last_state is not None and status.last_state.terminated is not None:
            text += f" (last exit code {status.last_state.terminated.exit_code})"
    elif state.terminated is not None and state.terminated.exit_code != 0:
        text = f"terminated: {state.terminated.reason or 'Error'} (exit code {state.terminated.exit_code})"
        if state.terminated.message:
            text += f": {state.terminated.message.strip()}"
    return text


def _warning(status: PodStatus, events: Iterable[KubeEvent]) -> KubeEvent | None:
    """The newest Warning about the pod, unless it runs, or about a container that does not: others are history."""
    running = {
        each.name
        for each in (*status.init_container_statuses, *status.container_statuses)
        if each.state is not None and each.state.running is not None
    }
    relevant = (
        event
        for event in events
        if event.type == "Warning"
        and event.reason != "BackOff"  # the container's state says it better
        and (event.container not in running if event.container else status.phase != "Running")
    )
    return max(relevant, key=lambda event: event.last, default=None)
