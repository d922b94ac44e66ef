"""For the tests of simulations: a pod and a scenario as text, and what became of them as short lines."""

from __future__ import annotations

from nsrunner.lifecycle.simulate import Recorder, Recording, read_scenario, simulate
from nsrunner.lifecycle.simulate.timeline import (
    ActionSeen,
    ConditionSeen,
    ContainerSeen,
    EventSeen,
    PhaseSeen,
    ProbeSeen,
)
from nsrunner.model import load, raise_for_errors
from nsrunner.model.types import Pod

__all__ = ["actions", "conditions", "events", "phases", "play", "pod_of", "probes", "states"]


def pod_of(spec: str) -> Pod:
    """A pod ``web`` with this spec (YAML in flow style); each container gets an image."""
    documents = load(f"{{apiVersion: v1, kind: Pod, metadata: {{name: web, uid: u1}}, spec: {spec}}}".encode(), "pod")
    raise_for_errors(documents)
    pod = documents[0].object
    assert isinstance(pod, Pod)
    return pod


def play(spec: str, scenario: str) -> Recording:
    pod, recorder = pod_of(spec), Recorder()
    end, why = simulate(pod, read_scenario(scenario.encode(), "s.yaml", pod), recorder)
    return recorder.recording(why, end)


def states(recording: Recording, container: str) -> list[str]:
    """``3 terminated Error 1 /0``: time, state, reason, exit code, restart count."""
    return [
        " ".join(
            filter(
                None,
                (
                    f"{seen.time:g}",
                    seen.state,
                    seen.reason,
                    "" if seen.exit_code is None else str(seen.exit_code),
                    "ready" if seen.ready else "",
                    "stopping" if seen.stopping else "",
                    f"/{seen.restart_count}",
                ),
            )
        )
        for seen in recording.timeline.entries
        if isinstance(seen, ContainerSeen) and seen.container == container
    ]


def phases(recording: Recording) -> list[str]:
    return [f"{seen.time:g} {seen.phase}" for seen in recording.timeline.entries if isinstance(seen, PhaseSeen)]


def conditions(recording: Recording, kind: str) -> list[str]:
    return [
        " ".join(filter(None, (f"{seen.time:g}", seen.status, seen.reason, seen.message)))
        for seen in recording.timeline.entries
        if isinstance(seen, ConditionSeen) and seen.condition == kind
    ]


def events(recording: Recording, *reasons: str) -> list[str]:
    return [
        f"{seen.time:g} {seen.reason}: {seen.message}"
        for seen in recording.timeline.entries
        if isinstance(seen, EventSeen) and seen.reason in reasons
    ]


def probes(recording: Recording) -> list[str]:
    return [
        f"{seen.time:.1f} {seen.container} {seen.probe} {seen.result} {seen.message}"
        for seen in recording.timeline.entries
        if isinstance(seen, ProbeSeen)
    ]


def actions(recording: Recording) -> list[str]:
    return [
        f"{seen.time:g} {seen.action} {seen.detail}".rstrip()
        for seen in recording.timeline.entries
        if isinstance(seen, ActionSeen)
    ]
