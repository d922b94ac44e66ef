"""Scenario files: each mistake is told with its field, what was wrong and what would be right."""

from __future__ import annotations

import pytest

from nsrunner.errors import ManifestError
from nsrunner.lifecycle.simulate import read_scenario
from nsrunner.lifecycle.simulate.scenario import Run
from nsrunner.lifecycle.simulate.scenario_file import end_of
from nsrunner.lifecycle.simulate.turns import Turns
from unit.lifecycle.simulations import pod_of

POD = pod_of(
    "{containers: [{name: web, image: host, readinessProbe: {exec: {command: [a]}}, "
    "lifecycle: {preStop: {sleep: {seconds: 3}}}}, {name: api, image: host}]}"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "Invalid value: expected object, got array"),
        ("{", "Syntax error"),
        ("---\n{}\n---\n{until: 1s}", "Too many: 2: a scenario is one document"),
        ("{utnil: 1h}", 'utnil: Unknown field (did you mean "until"?)'),
        ("{until: soon}", 'until: Invalid value: "soon": expected a duration such as 1h30m, or "finished"'),
        ("{until: 0s}", 'until: Invalid value: "0s": must be greater than 0'),
        (
            "{containers: {Web: {}}}",
            'containers[Web]: Not found: "Web": no such container in the pod (did you mean "web"?)',
        ),
        (
            "{containers: {db: {}}}",
            'containers[db]: Not found: "db": no such container in the pod (the pod has web, api)',
        ),
        (
            "{containers: {web: {runs: [{exit: 1, aftr: 3s}]}}}",
            'containers[web].runs[0].aftr: Unknown field (did you mean "after"?)',
        ),
        (
            "{containers: {web: {runs: [{exit: 1, after: 3x}]}}}",
            'containers[web].runs[0].after: Invalid value: "3x": expected a duration (such as 90s, 1h30m or 500ms)',
        ),
        (
            "{containers: {web: {runs: [{exit: 1, after: [3]}]}}}",
            "containers[web].runs[0].after: Invalid value: expected duration, got array",
        ),
        (
            "{containers: {web: {runs: [{exit: 1, after: never}]}}}",
            'containers[web].runs[0].after: Invalid value: "never": must come to an end',
        ),
        (
            "{containers: {web: {runs: [{exit: 256}]}}}",
            "containers[web].runs[0].exit: Invalid value: 256: must be between 0 and 255",
        ),
        (
            "{containers: {web: {runs: [{after: 3s}]}}}",
            "containers[web].runs[0].exit: Required value: the code with which it ends after that time",
        ),
        (
            "{containers: {web: {runs: [{exit: 1, startError: no file}]}}}",
            "containers[web].runs[0].exit: Forbidden: what cannot be started (startError) does not exit",
        ),
        (
            "{containers: {web: {runs: [{exit: 1, times: 0}]}}}",
            "containers[web].runs[0].times: Invalid value: 0: must be at least 1",
        ),
        (
            "{containers: {web: {image: [{error: gone, reason: ErrImagePul}]}}}",
            'containers[web].image[0].reason: Unsupported value: "ErrImagePul": supported values: '
            '"ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "InvalidImageName" '
            '(did you mean "ErrImagePull"?)',
        ),
        (
            "{containers: {web: {image: [{reason: ErrImagePull}]}}}",
            "containers[web].image[0].error: Required value: a reason goes with an error",
        ),
        (
            "{containers: {web: {probes: {liveness: [{result: failure}]}}}}",
            'containers[web].probes.liveness: Forbidden: container "web" has no livenessProbe',
        ),
        (
            "{containers: {web: {probes: {readiness: [{result: fail}]}}}}",
            'containers[web].probes.readiness[0].result: Unsupported value: "fail": supported values: '
            '"error", "failure", "success" (did you mean "failure"?)',
        ),
        (
            "{containers: {web: {probes: {readiness: [{from: 5s, to: 5s, result: failure}]}}}}",
            'containers[web].probes.readiness[0].to: Invalid value: "5s": must be later than from',
        ),
        (
            "{containers: {web: {probes: {readiness: [{from: 5s}]}}}}",
            "containers[web].probes.readiness[0].result: Required value",
        ),
        (
            "{containers: {web: {hooks: {postStart: [{takes: 1s}]}}}}",
            'containers[web].hooks.postStart: Forbidden: container "web" has no lifecycle.postStart',
        ),
        (
            "{actions: [{at: 5s}]}",
            "actions[0]: Invalid value: exactly one of delete, sandboxDies, setCondition, addEphemeralContainer",
        ),
        (
            "{until: 1m, actions: [{at: 5m, delete: {}}]}",
            'actions[0].at: Invalid value: "300s": the simulation ends before that (raise until)',
        ),
        (
            "{actions: [{at: 5s, delete: {gracePeriod: -1}}]}",
            "actions[0].delete.gracePeriod: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "{actions: [{at: 5s, setCondition: {type: Ready, status: Yep}}]}",
            'actions[0].setCondition.status: Unsupported value: "Yep": supported values: "False", "True", "Unknown"',
        ),
        (
            "{actions: [{at: 5s, setCondition: {type: Ready, status: Unknown}}]}",
            'actions[0].setCondition.type: Forbidden: "Ready" is decided by the pod itself',
        ),
        (
            "{actions: [{at: 5s, addEphemeralContainer: {name: web, image: host}}]}",
            "actions[0].addEphemeralContainer.name: Duplicate value",
        ),
        ("{sandbox: [{error: no luck, reason: Bad}]}", 'sandbox[0].reason: Unsupported value: "Bad"'),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_scenario(text.encode(), "s.yaml", POD)
    assert str(caught.value).startswith("s.yaml: Scenario is invalid:")
    assert any(str(error).startswith(expected) for error in caught.value.errors), caught.value


def test_everything_wrong_comes_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        read_scenario(b"{until: soon, containers: {db: {}}, actions: [{at: 5s}]}", "s.yaml", POD)
    assert [error.field for error in caught.value.errors] == ["until", "containers[db]", "actions[0]"]


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("", (3600, False)),
        ("until: 90m", (5400, False)),
        ("until: 90", (90, False)),
        ("until: finished", (86400, True)),
    ],
)
def test_until(until: str, expected: tuple[float, bool]) -> None:
    assert end_of(read_scenario(f"{{{until}}}".encode(), "s.yaml", POD)) == expected


def test_an_added_container_may_have_a_script() -> None:
    text = (
        b"{containers: {dbg: {runs: [{exit: 0}]}}, actions: [{at: 1, addEphemeralContainer: {name: dbg, image: host}}]}"
    )
    assert read_scenario(text, "s.yaml", POD).containers["dbg"].runs[0].exit == 0


def test_steps_take_turns() -> None:
    def codes(*steps: Run) -> list[int | None]:
        turns = Turns(steps, Run())
        return [turns.next().exit for _ in range(5)]

    assert codes() == [None] * 5
    assert codes(Run(exit=1)) == [1] * 5, "the last one goes on"
    assert codes(Run(exit=1), Run(exit=2)) == [1, 2, 2, 2, 2]
    assert codes(Run(exit=1, times=3)) == [1, 1, 1, None, None]
    assert codes(Run(exit=1, times=2), Run(exit=2, times=1), Run()) == [1, 1, 2, None, None]
