"""The recorded events give the recorded states."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nsrunner.errors import UsageError
from nsrunner.lifecycle.simulate.recording import Recording, difference, dump, parse, replay
from nsrunner.lifecycle.simulate.timeline import ContainerSeen
from unit.lifecycle.simulations import play, pod_of

SPEC = (
    "{readinessGates: [{conditionType: example.com/lb}], containers: [{name: c, image: host, resources: {limits: {cpu: "
    "500m}}, livenessProbe: {exec: {command: [a]}}, lifecycle: {preStop: {sleep: {seconds: 2}}}}]}"
)
SCENARIO = """
containers:
  c:
    runs: [{exit: 1, after: 3s, times: 3}]
    probes: {liveness: [{from: 60s, to: 110s, result: failure, message: "no"}]}
actions:
  - {at: 50s, setCondition: {type: example.com/lb, status: "True"}}
  - {at: 55s, addEphemeralContainer: {name: debugger, image: host, command: [sh]}}
  - {at: 70s, sandboxDies: true}
  - {at: 200s, delete: {gracePeriod: 30}}
"""


def recorded() -> Recording:
    return play(SPEC, SCENARIO)


def written(recording: Recording) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dump([recording])))
    return plain


def test_there_and_back() -> None:
    recording = recorded()
    [back] = parse(json.dumps(written(recording)).encode(), "r.json")
    assert back.inputs == recording.inputs
    assert back.timeline == recording.timeline
    assert back.settings == recording.settings


def test_the_recorded_events_give_the_recorded_states() -> None:
    [back] = parse(json.dumps(written(recorded())).encode(), "r.json")
    assert len(back.timeline.entries) > 50
    assert difference(back.timeline, replay(back)) is None


def test_a_difference_is_found() -> None:
    recording = recorded()
    plain = written(recording)
    entries = plain["pods"][0]["timeline"]["entries"]
    at = next(number for number, entry in enumerate(entries) if entry["type"] == "container")
    entries[at]["reason"] = "Nonsense"
    [changed] = parse(json.dumps(plain).encode(), "r.json")
    found = difference(changed.timeline, replay(changed))
    assert found is not None
    one, other = found
    assert isinstance(one, ContainerSeen) and isinstance(other, ContainerSeen)
    assert (one.reason, other.reason) == ("Nonsense", "ContainerCreating")
    del entries[at:]
    [shorter] = parse(json.dumps(plain).encode(), "r.json")
    assert difference(shorter.timeline, replay(shorter)) == (None, recording.timeline.entries[at])


def test_another_manifest() -> None:
    spec = "{restartPolicy: Never, containers: [{name: c, image: host}]}"
    recording = play(spec, "{containers: {c: {runs: [{exit: 0}]}}}")
    same = replay(recording, pod_of("{restartPolicy: Never, containers: [{name: c, image: other}]}"))
    assert same.entries[-1] == recording.timeline.entries[-1]
    with pytest.raises(UsageError, match=r"^recorded event \d+, after 0s, does not fit the pod: "):
        replay(recording, pod_of("{containers: [{name: d, image: host}]}"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "Pod"}, 'not a recording: it is "nsrunner.dev/v1" "Pod", not "nsrunner.dev/v1" "Recording"'),
        ({"pods": 5}, "not a recording: Expected `array`, got `int` - at `$.pods`"),
        ({"pods": [{"pod": {}, "timeline": {}}]}, "not a recording: Object missing required field"),
    ],
)
def test_what_is_no_recording(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(json.dumps(written(recorded()) | change).encode(), "r.json")
    assert str(caught.value).startswith(f"r.json: {expected}")


def test_damaged_inputs() -> None:
    for change, expected in (
        ({"event": "Nonsense"}, 'there is no event "Nonsense"'),
        ({"event": "ImageReady", "fields": {"id": "x"}}, "Expected `int`"),
        ({"event": "SpecChanged", "fields": {"pod": {"spec": 5}}}, "spec: Invalid value: 5: expected object"),
    ):
        plain = written(recorded())
        plain["pods"][0]["inputs"][3].update(change)
        with pytest.raises(UsageError, match="not a recording") as caught:
            parse(json.dumps(plain).encode(), "r.json")
        assert expected in str(caught.value)
    plain["pods"][0]["inputs"] = []
    with pytest.raises(UsageError, match="without inputs"):
        parse(json.dumps(plain).encode(), "r.json")


def test_not_json() -> None:
    with pytest.raises(UsageError, match=r"^r\.json: not a recording: JSON is malformed"):
        parse(b"hello", "r.json")
