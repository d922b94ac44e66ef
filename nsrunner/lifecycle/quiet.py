"""What a running pod is told nearly always: that a probe's time has come, and that it says what it said before.

Nothing of that is published, and nobody waits for it: the tables would come, by a longer way, to the values that are
made here. Where there is any more to it, these functions say None and leave it to them.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nsrunner.lifecycle.commands import AnsweredCommand, RunProbe
from nsrunner.lifecycle.events import ProbeDone
from nsrunner.lifecycle.policy import ContainerPlan, PodPlan
from nsrunner.lifecycle.probe import Probes, deadline, is_tardy, rested
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
        if not _is_due(known.probes, now):
            continue
        after = _begun(known, known.probes, plan.containers[name], value.next_id + len(commands), now, commands)
        if after is None:
            return None
        containers = containers or dict(value.containers)
        containers[name] = replace(known, probes=after)
    if containers is None:
        return None
    return replace(value, containers=containers, next_id=value.next_id + len(commands)), commands


def goes_on(
    value: PodValue, plan: PodPlan, command: AnsweredCommand | None, event: ProbeDone, now: float
) -> tuple[PodValue, list[RunProbe]] | None:
    """A probe that has succeeded does so again; attempts of its container may be due by now, the next one of its own
    too. ``command`` is what the event answers."""
    if event.result != "Success" or event.message or value.state is not _ACTIVE or type(command) is not RunProbe:
        return None
    name, kind = command.container, command.probe
    if (name, command.attempt, kind) != (event.container, event.attempt, event.probe) or kind == "Startup":
        return None
    known = value.containers.get(name)
    if known is None or known.state is not _RUNNING:
        return None
    its_plan = plan.containers[name]
    probe, probe_plan = known.probes.get(kind), its_plan.probes.get(kind)
    if probe is None or probe_plan is None or probe.begun is None or not (probe.result == probe.outcome == "Success"):
        return None
    commands: list[RunProbe] = []
    due = rested(probe, kind, probe_plan, now)
    after: Probes = {**known.probes, kind: replace(probe, begun=None, due=due, run=probe.run + 1)}
    if _is_due(after, now):
        begun = _begun(known, after, its_plan, value.next_id, now, commands)
        if begun is None:
            return None
        after = begun
    containers = {**value.containers, name: replace(known, probes=after)}
    return replace(value, containers=containers, next_id=value.next_id + len(commands)), commands


def _is_due(probes: Probes, now: float) -> bool:
    due = deadline(probes)
    return due is not None and due <= now


def _begun(
    known: ContainerValue, probes: Probes, plan: ContainerPlan, number: int, now: float, commands: list[RunProbe]
) -> Probes | None:
    """The probes when those that are due have begun, in the order of the plan. None: it does not run, or one of them is
    to be left out."""
    if known.state is not _RUNNING or known.current is None:
        return None
    after = dict(probes)
    for kind, its_plan in plan.probes.items():
        probe = probes.get(kind)
        if probe is None or probe.due is None or probe.due > now:
            continue
        if is_tardy(probe, its_plan, now):
            return None
        after[kind] = replace(probe, due=None, begun=now)
        commands.append(RunProbe(id=number, container=plan.name, attempt=known.current.attempt, probe=kind))
        number += 1
    return after
