"""Saving and restoring: identical, or refused. The property over all interleavings is in test_interleavings."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.lifecycle import BadValue, PodMachine, Settings
from nsrunner.lifecycle.backoff import CrashBackOff, PullBackOff
from nsrunner.lifecycle.commands import AnsweredCommand
from nsrunner.lifecycle.events import Now, User
from nsrunner.lifecycle.probe import ProbeValue
from nsrunner.lifecycle.value import (
    VERSION,
    Condition,
    ContainerState,
    ContainerValue,
    Deletion,
    Instance,
    PodState,
    PodValue,
    Then,
    from_dict,
    to_dict,
)
from unit.lifecycle.play import Play, make_pod

times = st.floats(0, 1e12)
texts = st.text(max_size=10)
counts = st.integers(0, 2**40)
instants = st.builds(Now, mono=times, wall=times)
instances = st.builds(
    Instance,
    attempt=counts,
    container_id=texts,
    started=instants,
    finished=st.none() | instants,
    exit_code=st.integers(0, 255),
    reason=texts,
    message=texts,
    image_id=texts,
    user=st.none() | st.builds(User, uid=counts, gid=counts, groups=st.lists(counts, max_size=2).map(tuple)),
    unseen=st.booleans(),
    removed=st.booleans(),
    reset=st.booleans(),
    stale=st.booleans(),
)
probes = st.builds(
    ProbeValue,
    result=st.sampled_from(["Success", "Failure", "Unknown"]),
    started=times,
    outcome=st.sampled_from(["", "Success", "Failure"]),
    run=counts,
    due=st.none() | times,
    begun=st.none() | times,
)
containers = st.builds(
    ContainerValue,
    state=st.sampled_from(ContainerState),
    next_attempt=counts,
    current=st.none() | instances,
    previous=st.none() | instances,
    early=st.none() | instances,
    backoff=st.none() | st.builds(CrashBackOff, key=texts, delay=times, updated=times),
    reason=texts,
    message=texts,
    due=st.none() | times,
    retry_at=st.none() | times,
    until=st.none() | times,
    since=st.none() | times,
    then=st.sampled_from(Then),
    killed=st.booleans(),
    probes=st.dictionaries(texts, probes, max_size=2),
    image_id=texts,
)
conditions = st.lists(
    st.builds(Condition, type=texts, status=texts, since=times, reason=texts, message=texts), max_size=3
).map(tuple)
values = st.builds(
    PodValue,
    state=st.sampled_from(PodState),
    containers=st.dictionaries(texts, containers, max_size=3),
    queue=st.lists(texts, max_size=3).map(tuple),
    sandbox=st.integers(-1, 9),
    sandbox_died=st.none() | times,
    pod_ip=texts,
    due=st.none() | times,
    added=st.none() | instants,
    grace=st.none() | counts,
    deletion=st.none() | st.builds(Deletion, asked=times, grace=counts),
    rejected=st.booleans(),
    restarting=st.booleans(),
    phase=texts,
    reason=texts,
    message=texts,
    conditions=conditions,
    foreign=conditions,
    pulls=st.dictionaries(texts, st.builds(PullBackOff, delay=times, failed=times, error=texts), max_size=2),
    next_id=counts,
)
commands = st.lists(st.one_of([st.from_type(kind) for kind in get_args(AnsweredCommand)]), max_size=5).map(
    lambda found: {command.id: command for command in found}
)


@given(value=values, inflight=commands)
def test_a_value_survives_json(value: PodValue, inflight: dict[int, AnsweredCommand]) -> None:
    saved = json.loads(json.dumps(to_dict(value, inflight)))
    assert from_dict(saved) == (value, inflight)


def saved_machine() -> tuple[PodMachine, dict[str, Any]]:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    return play.machine, json.loads(json.dumps(play.machine.save()))


def test_a_restored_machine_is_identical_and_goes_on() -> None:
    machine, saved = saved_machine()
    play = Play(machine.pod)
    play.machine = PodMachine.restore(machine.pod, saved)
    assert play.machine.value == machine.value
    assert play.machine.unanswered == machine.unanswered
    assert play.exit("i", 0) == ["image c"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda saved: saved.update(version=VERSION + 1),
        lambda saved: saved.update(version=str(VERSION)),
        lambda saved: saved.pop("version"),
        lambda saved: saved.pop("pod"),
        lambda saved: saved.pop("inflight"),
        lambda saved: saved.update(inflight=7),
        lambda saved: saved.update(inflight=["x"]),
        lambda saved: saved.update(inflight=[{"command": "Unheard", "id": 1}]),
        lambda saved: saved.update(inflight=[{"command": "RemovePod"}]),
        lambda saved: saved.update(inflight=[{"id": 1}]),
        lambda saved: saved["pod"].update(state="Sideways"),
        lambda saved: saved["pod"].update(next_id="one"),
        lambda saved: saved["pod"]["containers"].pop("c"),
        lambda saved: saved.update(uid="u2"),
        lambda saved: saved.pop("uid"),
    ],
)
def test_what_is_damaged_or_of_another_pod_is_refused(damage: Any) -> None:
    machine, saved = saved_machine()
    damage(saved)
    with pytest.raises(BadValue) as caught:
        PodMachine.restore(machine.pod, saved)
    assert str(caught.value).startswith(("damaged: ", "of another pod than u1", "saved by another version"))


def test_a_restored_machine_has_the_nodes_settings() -> None:
    machine, saved = saved_machine()
    restored = PodMachine.restore(machine.pod, saved, Settings(host_ips=("10.0.0.1",)))
    assert restored.settings.host_ips == ("10.0.0.1",)
    assert restored.status().host_ip == "10.0.0.1"


def test_what_an_older_build_saved_is_refused_by_its_version_whatever_is_in_it() -> None:
    machine, saved = saved_machine()
    container = {"state": "Aborting", "next_attempt": 1, "kill_at": 7.5}
    old = {
        "uid": saved["uid"],
        "version": 1,
        "pod": {"state": "Running", "containers": {"c": container}, "next_id": 3},
        "inflight": [{"command": "SignalContainer", "id": 2, "container": "c", "attempt": 0, "signal": 15}],
    }
    with pytest.raises(BadValue) as caught:
        PodMachine.restore(machine.pod, old)
    assert str(caught.value) == "saved by another version of nsrunner: it is of format 1, not 3"


def test_not_a_mapping() -> None:
    machine, _ = saved_machine()
    saved: Any = []
    with pytest.raises(BadValue):
        PodMachine.restore(machine.pod, saved)
