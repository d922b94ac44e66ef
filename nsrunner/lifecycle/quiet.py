"""What a running pod is told nearly always: that a probe's time has come, and that it says what it said before.

Nothing of that is published, and nobody waits for it: the tables would come, by a longer way, to the values that are
made here. Where there is any more to it, these functions say None and leave it to them.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle.commands import AnsweredCommand, ProbeName, RunProbe
from nsrunner.lifecycle.events import ProbeDone
from nsrunner.lifecycle.policy import ContainerPlan, PodPlan
from nsrunner.lifecycle.probe import is_tardy, rested
from nsrunner.lifecycle.value import ContainerState, ContainerValue, PodState, PodValue

__all__ = ["attempts_begin", "goes_on"]

_ACTIVE: Final = PodState.ACTIVE
_RUNNING: Final = ContainerState.RUNNING


def attempts_begin(value: PodValue, plan: PodPlan, now: float) -> tuple[PodValue, list[RunProbe]] | None:
    """A Tick for probes and for nothing else."""
    if value.state is not _ACTIVE or plan.active_deadline is not None:
        return None
    commands: list[RunProbe] = []
    containers = None
    for name, known in value.containers.items():
        if known.due is not None and known.due <= now:
            return None
        probes = None
        for probe in known.probes.values():
            if probe.due is None or probe.due > now:
                continue
            if known.state is not _RUNNING or known.current is None:
                return None
            probes = probes or _due(known, plan.containers[name], now)
            if probes is None:
                return None
        if probes:
            assert known.current is not None
            containers = containers or dict(value.containers)
            after = dict(known.probes)
            for kind in probes:
                after[kind] = replace(after[kind], due=None, begun=now)
                number = value.next_id + len(commands)
                commands.append(RunProbe(id=number, container=name, attempt=known.current.attempt, probe=kind))
            containers[name] = replace(known, probes=after)
    if containers is None:
        return None
    return replace(value, containers=containers, next_id=value.next_id + len(commands)), commands


def _due(known: ContainerValue, plan: ContainerPlan, now: float) -> list[ProbeName] | None:
    """In the order of the plan. None: one of them is to be left out."""
    due: list[ProbeName] = []
    for kind, its_plan in plan.probes.items():
        probe = known.probes.get(kind)
        if probe is not None and probe.due is not None and probe.due <= now:
            if is_tardy(probe, its_plan, now):
                return None
            due.append(kind)
    return due


def goes_on(
    value: PodValue, plan: PodPlan, command: AnsweredCommand | None, event: ProbeDone, now: float
) -> PodValue | None:
    """A probe that has succeeded does so again. ``command`` is what the event answers."""
    if event.result != "Success" or event.message or value.state is not _ACTIVE or type(command) is not RunProbe:
        return None
    name, kind = command.container, command.probe
    if (name, command.attempt, kind) != (event.container, event.attempt, event.probe) or kind == "Startup":
        return None
    known = value.containers.get(name)
    if known is None or known.state is not _RUNNING:
        return None
    probe, its_plan = known.probes.get(kind), plan.containers[name].probes.get(kind)
    if probe is None or its_plan is None or probe.begun is None or not (probe.result == probe.outcome == "Success"):
        return None
    due = rested(probe, kind, its_plan, now)
    if due <= now:
        return None
    for other in known.probes.values():
        if other.due is not None and other.due <= now:
            return None
    after = replace(probe, begun=None, due=due, run=probe.run + 1)
    known = replace(known, probes={**known.probes, kind: after})
    return replace(value, containers={**value.containers, name: known})
