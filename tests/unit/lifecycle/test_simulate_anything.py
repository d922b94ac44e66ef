"""Whatever a scenario says: the machine is told nothing that cannot happen, and a replay gives the same."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nsrunner.lifecycle.simulate import Recorder, difference, dump, parse, replay, simulate
from nsrunner.lifecycle.simulate.scenario import (
    Action,
    Condition,
    ContainerScript,
    Delete,
    HookScripts,
    HookStep,
    ImageStep,
    ProbeScripts,
    Run,
    SandboxStep,
    Scenario,
    Stop,
    Window,
)
from nsrunner.model.types import EphemeralContainer, Pod
from nsrunner.model.types.base import Duration
from unit.lifecycle.simulations import pod_of

PROBE = "{exec: {command: [a]}, periodSeconds: 3, failureThreshold: 2}"
HOOKS = "lifecycle: {postStart: {exec: {command: [a]}}, preStop: {sleep: {seconds: 4}}}"
PODS = [
    pod_of(
        f"{{restartPolicy: {policy}, terminationGracePeriodSeconds: 10, initContainers: "
        f"[{{name: s, image: host, restartPolicy: Always, startupProbe: {PROBE}, {HOOKS}}}, {{name: i, image: host}}], "
        f"containers: [{{name: a, image: host, startupProbe: {PROBE}, readinessProbe: {PROBE}, livenessProbe: {PROBE}, "
        f"{HOOKS}}}, {{name: b, image: host, livenessProbe: {PROBE}}}]}}"
    )
    for policy in ("Always", "OnFailure", "Never")
]

durations = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0, 11.0, 40.0]).map(Duration)
or_never = st.one_of(durations, st.just(Duration(float("inf"))))
times = st.none() | st.integers(1, 3)
errors = st.none() | st.just("broken")


def few(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


runs = st.one_of(
    st.builds(
        Run,
        exit=st.none() | st.sampled_from([0, 1, 137]),
        after=durations,
        takes=durations,
        stop=st.builds(Stop, after=or_never, exit=st.none() | st.just(0)),
        times=times,
    ),
    st.builds(
        Run,
        start_error=st.just("broken"),
        reason=st.none() | st.sampled_from(["RunContainerError", "CreateContainerError"]),
        takes=durations,
        times=times,
    ),
)
windows = st.builds(
    Window,
    from_=st.sampled_from([0.0, 5.0, 30.0]).map(Duration),
    to=st.sampled_from([10.0, 40.0, 90.0]).map(Duration),
    result=st.sampled_from(["success", "failure", "error"]),
    takes=or_never,
)
hooks = few(st.builds(HookStep, takes=st.none() | or_never, error=errors, times=times))
scripts = st.builds(
    ContainerScript,
    image=few(st.builds(ImageStep, takes=durations, error=errors, times=times)),
    runs=few(runs),
    probes=st.builds(ProbeScripts, startup=few(windows), readiness=few(windows), liveness=few(windows)),
    hooks=st.builds(HookScripts, post_start=hooks, pre_stop=hooks),
)
instants = st.sampled_from([0.0, 1.0, 7.0, 20.0, 60.0, 150.0]).map(Duration)
actions = st.one_of(
    st.builds(Action, at=instants, delete=st.builds(Delete, grace_period=st.none() | st.sampled_from([0, 1, 5]))),
    st.builds(Action, at=instants, sandbox_dies=st.just(True)),
    st.builds(Action, at=instants, set_condition=st.just(Condition(type="example.com/x", status="True"))),
)
ephemeral = st.builds(
    Action, at=instants, add_ephemeral_container=st.just(EphemeralContainer(name="debugger", image="host"))
)
scenarios = st.builds(
    Scenario,
    until=st.sampled_from(["5m", "finished", 90]),
    sandbox=few(st.builds(SandboxStep, takes=durations, error=errors, times=st.integers(1, 2))),
    containers=st.dictionaries(st.sampled_from(["s", "i", "a", "b"]), scripts, max_size=4),
    actions=st.tuples(few(actions), st.lists(ephemeral, max_size=1).map(tuple)).map(lambda both: (*both[0], *both[1])),
)


@settings(deadline=None)
@given(st.sampled_from(PODS), scenarios)
def test_anything_may_happen(pod: Pod, scenario: Scenario) -> None:
    recorder = Recorder()
    if scenario.until == "finished":
        actions = (*scenario.actions, Action(at=Duration(300.0), delete=Delete()))
        scenario = Scenario(until="finished", sandbox=scenario.sandbox, containers=scenario.containers, actions=actions)
    end, why = simulate(pod, scenario, recorder)
    recording = recorder.recording(why, end)
    assert all(one.time <= other.time for one, other in pairwise(recording.timeline.entries))
    [back] = parse(json.dumps(dump([recording])).encode(), "r.json")
    assert difference(recording.timeline, replay(back)) is None
    if scenario.until == "finished":
        assert why.startswith(("the pod is removed", "the pod has finished"))
