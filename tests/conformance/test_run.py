"""The runner of the cases is right: what must pass passes, and what must fail fails for the right reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.cases import Case, lint, load_all
from conformance.clients import CommandClient, Result
from conformance.run import run
from conformance.scripted import T0, T1, T2, T13, T40, Constant, Scripted, Time, status
from conformance.watcher import Pace


def ended(code: int = 0, a: str = T0, b: str = T1) -> dict[str, Any]:
    reason = "Error" if code else "Completed"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": a, "finishedAt": b}}


def pod(metadata: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    return {"metadata": metadata or {}, "status": status(**given)}


RUNNING = {"state": {"running": {"startedAt": T0}}, "ready": True}
DONE = pod(phase="Succeeded", c={"main": {"state": ended()}})
FAILED = pod(phase="Failed", c={"main": {"state": ended(1)}})
PENDING = pod(phase="Pending", c={"main": {"state": {"waiting": {"reason": "ContainerCreating"}}}})
UP = pod(c={"main": RUNNING}, conditions={"Ready": {"status": "True", "lastTransitionTime": T2}})
ENDING = pod({"deletionTimestamp": T40}, c={"main": RUNNING})
WELL = ((0, PENDING), (0.4, DONE))
SUCCEEDS: dict[str, Any] = {"until": {"phase": "Succeeded"}}
RUNS: dict[str, Any] = {"until": {"phase": "Running"}}


def case(expect: dict[str, Any], containers: tuple[str, ...] = ("main",), init: tuple[str, ...] = ()) -> Case:
    named = [{"name": name, "image": "busybox"} for name in containers]
    spec = {"containers": named, "initContainers": [{"name": name, "image": "busybox"} for name in init]}
    pods = {"web": {"kind": "Pod", "metadata": {"name": "web"}, "spec": spec}}
    return Case("web", Path("/"), "", pods, {"title": "t", "category": "c", "timeout": 3, **expect})


def error_of(expect: dict[str, Any], timeline: Any = WELL, init: tuple[str, ...] = (), **scripted: Any) -> str:
    """Why the case failed; empty when it passed."""
    time = Time()
    outcome = run(case(expect, init=init), Scripted(timeline, time=time, **scripted), time.pace())
    assert outcome.error or outcome.checks
    return outcome.error


def test_waiting_and_matching() -> None:
    then = {"c:main.state.terminated.exitCode": 0, "c:main.restartCount": 0, "c:main.ready": False}
    assert error_of({**SUCCEEDS, "then": then}) == ""
    assert error_of(SUCCEEDS, [(0, FAILED)]) == 'timed out waiting: phase: want "Succeeded", got "Failed"'
    assert error_of(SUCCEEDS, []) == "timed out waiting: pod not found"
    assert "the pod disappeared while waiting" in error_of(SUCCEEDS, [(0, PENDING), (0.7, None)])
    assert "not JSON" in error_of(SUCCEEDS, raw="oops")
    assert "not that Pod" in error_of(SUCCEEDS, [(0, {**DONE, "metadata": {"name": "other"}})])
    assert error_of(SUCCEEDS, apply=Result(1, "", "nope")) == "apply: exit 1: nope"


def test_matchers() -> None:
    found = pod(phase="Succeeded", c={"main": {}}, n=3, s="back-off 10s", list=[1, 2], e="", null=None, text="0")
    right = {
        "status.n": {"ge": 3, "lt": 4, "gt": 2, "le": 3, "ne": 0, "eq": 3, "in": [3, "x"]},
        "status.s": {"re": "back-off", "not_re": "x", "contains": "10s"},
        "status.list": {"len": 2},
        "status['list'][-1]": 2,
        "status.e": {"empty": True},
        "status.none": {"exists": False},
        "status.null": {"empty": True},
    }
    assert error_of({**SUCCEEDS, "then": right}, [(0, found)]) == ""
    wrong = {
        "status.nosuch": {"ne": "Evicted"},
        "status.null": {"ne": "x"},
        "status.text": 0,
        "phase": {"exists": False},
        "status.s": {"ge": 1},
        "status.list[2]": 2,
        "status.n": {"ge": 3, "lt": 3},
    }
    for path, matcher in wrong.items():
        assert error_of({**SUCCEEDS, "then": {path: matcher}}, [(0, found)]).startswith(f"{path}: want ")
    assert error_of({**SUCCEEDS, "then": {"c:main.ready": 0}}, [(0, found)]) == "c:main.ready: want 0, got false"


def test_never_and_hold() -> None:
    restarted = pod(c={"main": {**RUNNING, "restartCount": 1}})
    never = {"never": [{"c:main.restartCount": {"ge": 1}}]}
    assert error_of({**SUCCEEDS, "never": [{"phase": "Failed"}, *never["never"]]}) == ""
    runs = {**SUCCEEDS, "never": [{"c:main.state.running": {"exists": True}}]}
    assert "never-condition held" in error_of(runs, [(0, UP), (0.8, DONE)])
    assert "never-condition held" in error_of({**RUNS, **never, "hold": 2}, [(0, UP), (1, restarted)])
    assert "vacuous" in error_of({**SUCCEEDS, **never}, [(0, pod(phase="Succeeded"))])
    held = {**RUNS, "hold": 2, "never": [{"phase": "Failed"}]}
    assert "disappeared while it was to be observed" in error_of(held, [(0, UP), (0.6, None)])


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"match": ["^one$", "three"], "not": "four", "in_order": ["one", "two"], "count": {"^t": 2}}, ""),
        ({"equals": "one\ntwo\nthree\n"}, ""),
        ({"match": "four"}, "no match for"),
        ({"match": "one", "not": "two"}, "unwanted match"),
        ({"in_order": ["two", "one"]}, "not found in order"),
        ({"count": {"^t": 3}}, "occurs 2 times"),
        ({"equals": "one\n"}, "want exactly"),
    ],
)
def test_logs(wanted: dict[str, Any], error: str) -> None:
    expect = {**SUCCEEDS, "logs": [{"container": "main", **wanted}]}
    said = error_of(expect, logs={"main": "one\ntwo\nthree\n"})
    assert error in said and bool(error) == bool(said)
    assert "exit 1: no such container" in error_of(expect)


def test_order_of_times() -> None:
    first, second = {"state": ended(a=T0, b=T1)}, {"state": ended(a=T2, b=T13)}
    main = {"main": {"state": ended(a=T13, b=T40)}}
    timeline = [(0, pod(phase="Succeeded", i={"first": first, "second": second}, c=main))]
    a, b = "i:first.state.terminated.finishedAt", "i:second.state.terminated.startedAt"
    late = "c:main.state.terminated.startedAt"
    for order, error in (
        ({"a": a, "b": b, "max": 3}, ""),
        ({"a": "run:first#0.startedAt", "b": "run:main#0.finishedAt", "min": 40}, ""),
        ({"a": b, "b": a}, "is -1.0s from"),
        ({"a": a, "b": late, "max": 5}, "want <= 5s"),
        ({"a": "cond:Ready.lastTransitionTime", "b": late}, "missing, cannot compare"),
        ({"a": "run:main#1.startedAt", "b": late}, "that run was never observed"),
    ):
        said = error_of({**SUCCEEDS, "order": [order]}, timeline, ("first", "second"))
        assert error in said and bool(error) == bool(said)


def test_restarts() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    timeline = [
        (0, pod(c={"main": {"state": ended(1, T0, T1)}})),
        (0.5, pod(c={"main": {"restartCount": 1, "state": waiting, "lastState": ended(1, T1, T2)}})),
        (1, pod(c={"main": {"restartCount": 2, "state": RUNNING["state"], "lastState": ended(1, T1, T2)}})),
    ]
    timeline[2][1]["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": T13}}
    until = {"until": {"c:main.restartCount": {"ge": 2}}}
    for gaps, error in (
        ([[0, 5], [10, 25]], ""),
        ([[0, 5], [20, 35]], "came 11s after"),
        ([[0, 5], [0, 5]], "came 11s after"),
    ):
        said = error_of({**until, "restarts": [{"container": "main", "gaps": gaps}]}, timeline)
        assert error in said and bool(error) == bool(said)
    unseen = error_of({**until, "restarts": [{"container": "main", "gaps": [[0, 5]]}]}, timeline[2:])
    assert "was not observed" in unseen


def test_events() -> None:
    def event(reason: str, uid: str = "u1", count: int = 1) -> dict[str, Any]:
        about = {"kind": "Pod", "name": "web", "uid": uid}
        return {"type": "Warning", "reason": reason, "message": reason, "count": count, "involvedObject": about}

    back_off = {"reason": "BackOff", "type": "Warning", "message": "Back"}
    for wanted, events, error in (
        ({**back_off, "min": 3}, [event("BackOff", count=3)], ""),
        ({"reason": "Unhealthy", "absent": True}, [event("BackOff")], ""),
        (back_off, [event("Started")], "not seen (have ['Warning/Started'])"),
        (back_off, [event("BackOff", uid="earlier")], "not seen"),
        ({**back_off, "min": 4}, [event("BackOff", count=3)], "not seen"),
        ({**back_off, "type": "Normal"}, [event("BackOff")], "not seen"),
        ({"reason": "Unhealthy", "absent": True}, [event("Unhealthy")], "unwanted event"),
        ({"reason": "Unhealthy", "absent": True}, [], "absence proves nothing"),
    ):
        said = error_of({**SUCCEEDS, "events": [wanted]}, events=events)
        assert error in said and bool(error) == bool(said)


def test_exec() -> None:
    commands = (("exit 42", Result(42, "", "exit code 42")), ("echo", Result(0, "hello\n", "")))
    command = {"do": "exec", "container": "main", "command": ["echo"]}
    exits = {**command, "command": ["exit 42"]}
    for action, error in (
        ({**command, "stdout": r"\Ahello\n\Z", "not_stdout": "bye", "repeat": 3}, ""),
        ({**exits, "exit": 42, "stderr": "42"}, ""),
        (exits, "exit 42, want 0"),
        ({**command, "exit": 42}, "exit 0, want 42"),
        ({**command, "stdout": "^bye$", "retry": 1}, "does not match"),
        ({**command, "not_stdout": "hello"}, "matches 'hello'"),
        ({**command, "until": {"cond:Ready.status": "False"}}, "action 1 (exec): timed out waiting: cond:Ready.status"),
    ):
        said = error_of({**RUNS, "actions": [action]}, [(0, UP)], exec=commands)
        assert error in said and bool(error) == bool(said)


def test_delete() -> None:
    slowly = ((0, ENDING), (1.2, None))
    until = {"metadata.deletionTimestamp": {"exists": True}}
    for action, deleted, error in (
        ({"grace": 3, "until": until, "gone": {"min": 1, "max": 4}}, slowly, ""),
        ({"gone": {"min": 3, "max": 9}}, ((0, None),), "not before 3s"),
        ({"gone": {"max": 1}}, slowly, "still there"),
        ({"gone": {"max": 4}, "never": [{"phase": "Succeeded"}]}, ((0, DONE), (1, None)), "held while terminating"),
    ):
        said = error_of({**RUNS, "actions": [{"do": "delete", **action}]}, [(0, UP)], deleted=deleted)
        assert error in said and bool(error) == bool(said)
    assert "could not be removed: web" in error_of(RUNS, [(0, UP)], deleted=[(0, ENDING)])


def test_rejection() -> None:
    refused = Result(1, "", 'The Pod "web" is invalid: spec.containers[0].image: Required value\n')
    crashed = Result(1, "", "Traceback (most recent call last)\nspec.containers[0].image")
    for reject, client, error in (
        ({"mentions": [r"spec\.containers\[0\]\.image", "Required"]}, {"apply": refused}, ""),
        ({"mentions": ["image"]}, {}, "was accepted"),
        ({"mentions": [r"spec\.restartPolicy"]}, {"apply": refused}, "does not mention"),
        ({"mentions": ["image"], "not": ["Required"]}, {"apply": refused}, "the error mentions"),
        ({"mentions": ["image"]}, {"apply": refused, "stored": True}, "yet pod web exists"),
        ({"mentions": ["image"]}, {"apply": crashed}, "the client crashed"),
    ):
        said = error_of({"reject": reject}, **client)
        assert error in said and bool(error) == bool(said)


@pytest.mark.parametrize(
    ("expect", "error"),
    [
        ({}, "needs until.*asserts nothing"),
        ({**SUCCEEDS, "thn": {"phase": "x"}}, "unknown keys"),
        ({**SUCCEEDS, "then": {}}, "non-empty object"),
        ({**SUCCEEDS, "then": {"c:mian.ready": True}}, "no container 'mian'"),
        ({**SUCCEEDS, "then": {"c:main.ready": {"equal": True}}}, "bad matcher"),
        ({**SUCCEEDS, "then": {"phase": {"re": "("}}}, "unterminated"),
        ({**SUCCEEDS, "then": {"status.conditions[x]": 1}}, "cannot read"),
        ({"never": [{"phase": "Failed"}]}, "needs until"),
        ({**SUCCEEDS, "hold": 1}, "means nothing"),
        ({**SUCCEEDS, "logs": [{"container": "main", "not": "x"}]}, "asserts nothing positive"),
        ({**SUCCEEDS, "logs": [{"container": "no", "match": "x"}]}, "no such container"),
        ({**SUCCEEDS, "order": [{"a": "phase"}]}, "needs .'a', 'b'"),
        ({"reject": {"mentions": []}}, "non-empty 'mentions'"),
        ({"reject": {"mentions": ["x"]}, "until": {"phase": "x"}}, "excludes"),
        ({**SUCCEEDS, "actions": [{"do": "observe"}]}, "asserts nothing"),
        ({**SUCCEEDS, "actions": [{"do": "dance"}]}, "unknown do"),
        ({**SUCCEEDS, "actions": [{"do": "apply", "file": "none.yaml"}]}, "no file"),
    ],
)
def test_what_must_not_count_as_a_case(expect: dict[str, Any], error: str) -> None:
    assert re.search(f"bad case: .*{error}", error_of(expect))


def test_a_client_that_cannot_be_run() -> None:
    outcome = run(case(SUCCEEDS), CommandClient(["/no/such/client"]), Pace(poll=0.01))
    assert "cannot run the client" in outcome.error


CASES = load_all()


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_a_case_is_usable_and_does_not_pass_by_itself(each: Case) -> None:
    assert lint(each) == []
    for phase in ("Succeeded", "Running", "Failed", "refuse"):
        outcome = run(each, Constant(phase), Time().pace(poll=1.0))
        assert outcome.error, f"passes against a client that always says {phase}"


def test_names_are_of_one_case_each() -> None:
    names = [name for each in CASES for name in each.pods]
    assert len(names) == len(set(names))
