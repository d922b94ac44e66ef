"""The worked sequences of kubelet-semantics 30, as scenarios with exact times."""

from __future__ import annotations

import time
from functools import partial

import pytest

from nsrunner.lifecycle.commands import RunHook
from nsrunner.lifecycle.events import Event, HookDone, Now
from nsrunner.lifecycle.simulate import Endless, engine
from nsrunner.lifecycle.simulate.agenda import Agenda
from nsrunner.lifecycle.simulate.answers import of_hook
from nsrunner.lifecycle.simulate.scenario import HookStep
from nsrunner.lifecycle.simulate.signals import number_of
from nsrunner.lifecycle.simulate.world import START
from nsrunner.model.types.base import Duration
from unit.lifecycle.simulations import actions, conditions, events, phases, play, pod_of, probes, states

ONE = "{containers: [{name: c, image: host}]}"


@pytest.mark.parametrize(
    ("policy", "code", "ends", "phase"),
    [
        ("Always", 0, "/1", "Running"),
        ("Always", 1, "/1", "Running"),
        ("OnFailure", 0, "terminated Completed 0", "Succeeded"),
        ("OnFailure", 1, "/1", "Running"),
        ("Never", 0, "terminated Completed 0", "Succeeded"),
        ("Never", 1, "terminated Error 1", "Failed"),
    ],
)
def test_30_1_restart_policies(policy: str, code: int, ends: str, phase: str) -> None:
    spec = f"{{restartPolicy: {policy}, containers: [{{name: c, image: host}}]}}"
    seen = play(spec, f"{{until: 5s, containers: {{c: {{runs: [{{exit: {code}, after: 2s, times: 1}}]}}}}}}")
    assert ends in states(seen, "c")[-1]
    assert phases(seen)[-1].endswith(phase)


def test_30_2_a_crash_loop() -> None:
    seen = play(ONE, "{until: 25m, containers: {c: {runs: [{exit: 1, after: 1s}]}}}")
    assert states(seen, "c")[:12] == [
        "0 waiting ContainerCreating /0",
        "0 running ready /0",
        "1 terminated Error 1 /0",
        "1 running ready /1",
        "2 waiting CrashLoopBackOff /1",
        "12 running ready /2",
        "13 waiting CrashLoopBackOff /2",
        "33 running ready /3",
        "34 waiting CrashLoopBackOff /3",
        "74 running ready /4",
        "75 waiting CrashLoopBackOff /4",
        "155 running ready /5",
    ]
    starts = [line.split()[0] for line in states(seen, "c") if "running" in line]
    assert starts == ["0", "1", "12", "33", "74", "155", "316", "617", "918", "1219"]
    assert phases(seen) == ["0 Pending", "0 Running"]
    assert seen.timeline.why == "25m0s have passed"


def test_30_2_a_long_run_resets_the_delay() -> None:
    runs = "[{exit: 1, after: 1s, times: 3}, {exit: 1, after: 601s, times: 1}, {exit: 1, after: 1s, times: 2}]"
    seen = play(ONE, f"{{until: 1h, containers: {{c: {{runs: {runs}}}}}}}")
    starts = [float(line.split()[0]) for line in states(seen, "c") if "running" in line]
    # 0 and at once; 10 s and 20 s after an end; after a run of 601 s at once, then 10 s again.
    assert starts == [0, 1, 12, 33, 634, 645, 666]


def test_30_3_init_containers() -> None:
    spec = "{initContainers: [{name: a, image: host}, {name: b, image: host}], containers: [{name: c, image: host}]}"
    scenario = "{until: 10s, containers: {a: {runs: [{exit: 0, after: 2s}]}, b: {runs: [{exit: 0, after: 3s}]}}}"
    seen = play(spec, scenario)
    assert states(seen, "b") == [
        "0 waiting PodInitializing /0",
        "2 running /0",
        "5 terminated Completed 0 ready /0",
    ]
    assert states(seen, "c") == ["0 waiting PodInitializing /0", "5 running ready /0"]
    assert conditions(seen, "Initialized") == [
        "0 False ContainersNotInitialized containers with incomplete status: [a b]",
        "2 False ContainersNotInitialized containers with incomplete status: [b]",
        "5 True",
    ]
    assert phases(seen) == ["0 Pending", "5 Running"]


def test_30_3_an_image_that_comes_late() -> None:
    spec = "{initContainers: [{name: a, image: host}], containers: [{name: c, image: host}]}"
    scenario = "{until: 60s, containers: {a: {image: [{error: no such host, takes: 2s, times: 2}], runs: [{exit: 0}]}}}"
    seen = play(spec, scenario)
    assert [line.rsplit(" ", 1)[0] for line in states(seen, "a")] == [
        "0 waiting PodInitializing",
        "2 waiting ErrImagePull",
        "24 waiting ImagePullBackOff",
        "34 running",
        "34 terminated Completed 0 ready",
    ]


def test_30_4_a_sidecar_with_a_startup_probe() -> None:
    spec = (
        "{restartPolicy: Never, initContainers: [{name: s, image: host, restartPolicy: Always, startupProbe: "
        "{periodSeconds: 2, failureThreshold: 30, exec: {command: [a]}}}, {name: i, image: host}], "
        "containers: [{name: c, image: host}]}"
    )
    scenario = (
        "{until: finished, containers: {s: {probes: {startup: [{to: 7s, result: failure}]}, runs: [{stop: {after: 1s, "
        "exit: 0}}]}, i: {runs: [{exit: 0, after: 1s}]}, c: {runs: [{exit: 0, after: 5s}]}}}"
    )
    seen = play(spec, scenario)
    failed = probes(seen)
    assert len(failed) == 4
    assert all(line.endswith("s Startup Failure so says the scenario") for line in failed)
    started = next(float(line.split()[0]) for line in states(seen, "i") if "running" in line)
    assert 7 <= started < 9, "when the probe, tried every two seconds, first succeeds"
    ends = {name: next(float(s.split()[0]) for s in states(seen, name) if "terminated" in s) for name in "sic"}
    assert ends == pytest.approx({"i": started + 1, "c": started + 6, "s": started + 7}, abs=1e-3)
    assert phases(seen)[-1].endswith("Succeeded")
    assert seen.timeline.why == "the pod has finished: Succeeded"


def test_30_5_liveness() -> None:
    spec = (
        "{containers: [{name: c, image: host, livenessProbe: {periodSeconds: 10, failureThreshold: 3, exec: {command: "
        "[a]}}}], terminationGracePeriodSeconds: 30}"
    )
    scenario = "{until: 2m, containers: {c: {probes: {liveness: [{to: 1m, result: failure, message: dead}]}}}}"
    seen = play(spec, scenario)
    failures = [float(line.split()[0]) for line in events(seen, "Unhealthy")]
    first = failures[0]
    assert failures[:3] == pytest.approx([first, first + 10, first + 20], abs=1e-3)
    killing = events(seen, "Killing")[0]
    assert float(killing.split()[0]) == pytest.approx(first + 20, abs=1e-3)
    assert killing.endswith("Container c failed liveness probe, will be restarted")
    running = [line for line in states(seen, "c") if "running" in line and "stopping" not in line]
    assert float(running[1].split()[0]) == pytest.approx(first + 20, abs=1e-3), "dead at once, restarted at once"


@pytest.mark.parametrize(
    ("hook", "script", "grace", "expected"),
    [
        ("", "{runs: [{stop: {after: 3s, exit: 0}}]}", 30, ("13", 0)),
        ("", "{runs: [{stop: {after: never}}]}", 30, ("40", 137)),
        ("lifecycle: {preStop: {sleep: {seconds: 20}}}, ", "{runs: [{stop: {after: never}}]}", 30, ("40", 137)),
        ("lifecycle: {preStop: {sleep: {seconds: 20}}}, ", "{}", 30, ("30", 143)),
        (
            "lifecycle: {preStop: {exec: {command: [a]}}}, ",
            "{hooks: {preStop: [{takes: never}]}, runs: [{stop: {after: never}}]}",
            30,
            ("42", 137),
        ),
        (
            "lifecycle: {preStop: {exec: {command: [a]}}}, ",
            "{hooks: {preStop: [{takes: 0.4s, error: broken}]}, runs: [{stop: {after: never}}]}",
            30,
            ("40.4", 137),
        ),
        ("", "{runs: [{stop: {after: never}}]}", 1, ("12", 137)),
    ],
)
def test_30_6_deletion(hook: str, script: str, grace: int, expected: tuple[str, int]) -> None:
    spec = f"{{containers: [{{name: c, {hook}image: host}}]}}"
    seen = play(spec, f"{{containers: {{c: {script}}}, actions: [{{at: 10s, delete: {{gracePeriod: {grace}}}}}]}}")
    end = next(line for line in states(seen, "c") if "terminated" in line)
    assert (end.split()[0], int(end.split()[3])) == expected
    assert [line.split()[0] for line in events(seen, "Killing")] == ["10"]
    assert seen.timeline.why == "the pod is removed"


def test_30_6_sidecars_go_last() -> None:
    hook = "lifecycle: {preStop: {sleep: {seconds: 2}}}"
    sidecars = ", ".join(f"{{name: {name}, image: host, restartPolicy: Always, {hook}}}" for name in ("s1", "s2"))
    spec = f"{{initContainers: [{sidecars}], containers: [{{name: m, image: host, {hook}}}]}}"
    for needs, expected in (
        ("5s", {"m": "17", "s2": "18", "s1": "19"}),
        ("never", {"m": "40", "s2": "41", "s1": "41"}),
    ):
        scripts = f"m: {{runs: [{{stop: {{after: {needs}}}}}]}}, " + ", ".join(
            f"{name}: {{runs: [{{stop: {{after: 1s}}}}]}}" for name in ("s1", "s2")
        )
        seen = play(spec, f"{{containers: {{{scripts}}}, actions: [{{at: 10s, delete: {{gracePeriod: 30}}}}]}}")
        ends = {name: next(s.split()[0] for s in states(seen, name) if "terminated" in s) for name in expected}
        assert ends == expected


def test_30_7_readiness_that_fails_for_a_while() -> None:
    spec = (
        "{containers: [{name: api, image: host, readinessProbe: {periodSeconds: 5, failureThreshold: 2, "
        "successThreshold: 2, exec: {command: [a]}}}]}"
    )
    seen = play(spec, "{until: 2m, containers: {api: {probes: {readiness: [{from: 20s, to: 50s, result: failure}]}}}}")
    failed = [float(line.split()[0]) for line in probes(seen)]
    assert len(failed) == 6 and failed[0] >= 20 and failed[-1] < 50
    ready = [line.split()[:2] for line in conditions(seen, "Ready")]
    assert [status for _, status in ready] == ["False", "True", "False", "True"]
    assert float(ready[2][0]) == pytest.approx(failed[1], abs=0.1), "failureThreshold in a row"
    assert float(ready[3][0]) == pytest.approx(failed[-1] + 10, abs=0.1), "successThreshold in a row"


def test_30_8_the_life_of_a_plain_pod() -> None:
    spec = "{restartPolicy: Never, containers: [{name: c, image: host}]}"
    script = "{image: [{takes: 2s}], runs: [{exit: 0, after: 5s}]}"
    scenario = f"{{until: finished, sandbox: [{{takes: 1s}}], containers: {{c: {script}}}}}"
    seen = play(spec, scenario)
    assert conditions(seen, "PodReadyToStartContainers") == ["0 False", "1 True", "8 False"]
    assert conditions(seen, "Initialized") == ["0 True", "8 True PodCompleted"]
    assert [line.split()[:3] for line in conditions(seen, "Ready")] == [
        ["0", "False", "ContainersNotReady"],
        ["3", "True"],
        ["8", "False", "ContainersNotReady"],
        ["8", "False", "PodCompleted"],
    ]
    assert phases(seen) == ["0 Pending", "3 Running", "8 Succeeded"]


def test_what_others_do_to_the_pod() -> None:
    spec = "{readinessGates: [{conditionType: example.com/lb}], containers: [{name: c, image: host}]}"
    scenario = """
until: 2m
actions:
  - at: 10s
    setCondition: {type: example.com/lb, status: "True"}
  - at: 20s
    addEphemeralContainer: {name: debugger, image: host, command: [sh]}
  - at: 30s
    sandboxDies: true
containers:
  debugger: {runs: [{exit: 0, after: 5s}]}
"""
    seen = play(spec, scenario)
    assert [line.split()[:3] for line in conditions(seen, "Ready")][1:4] == [
        ["0", "False", "ReadinessGatesNotReady"],
        ["10", "True"],
        ["30", "False", "ContainersNotReady"],
    ]
    assert actions(seen) == [
        "10 set condition example.com/lb=True",
        "20 change pod ephemeral containers: debugger",
        "30 sandbox died attempt 0",
    ]
    assert states(seen, "debugger")[-2:] == ["20 running /0", "25 terminated Completed 0 /0"]
    assert states(seen, "c")[-1].split()[1:] == ["running", "ready", "/1"]
    assert seen.timeline.containers == ("c", "debugger")


def test_slow_probes_time_out_and_probers_fail() -> None:
    spec = "{containers: [{name: c, image: host, livenessProbe: {timeoutSeconds: 2, exec: {command: [a]}}}]}"
    windows = "[{from: 0s, to: 12s, result: success, takes: 5s}, {from: 12s, to: 30s, result: error, message: broken}]"
    seen = play(spec, f"{{until: 1m, containers: {{c: {{probes: {{liveness: {windows}}}}}}}}}")
    assert [line.split(" ", 1)[1] for line in probes(seen)] == [
        "c Liveness Failure timed out after 2s",
        *["c Liveness Unknown broken"] * 2,
    ]
    assert states(seen, "c")[-1] == "0 running ready /0"


def test_starts_that_fail() -> None:
    no_secret = "{startError: 'secret \"x\" not found', reason: CreateContainerConfigError, times: 1}"
    runs = f"[{{startError: no such file, times: 1}}, {no_secret}]"
    seen = play(ONE, f"{{until: 1m, containers: {{c: {{runs: {runs}}}}}}}")
    assert [line.split()[:3] for line in states(seen, "c")][1:] == [
        ["0", "waiting", "RunContainerError"],
        ["0", "waiting", "CreateContainerConfigError"],
        ["10", "running", "ready"],
    ]


def test_a_sandbox_that_fails() -> None:
    seen = play(ONE, "{until: 1m, sandbox: [{error: no luck, takes: 1s, times: 2}]}")
    assert [line.split()[0] for line in events(seen, "FailedCreatePodSandBox")] == ["1", "12"]
    assert states(seen, "c")[-1] == "22 running ready /0"


def test_nothing_more_to_come_is_an_end() -> None:
    seen = play(ONE, "{until: 24h}")
    assert (seen.timeline.why, seen.timeline.end) == ("nothing more happens to the pod: Running", 0)


def test_time_that_does_not_pass_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_MOST", 3)
    with pytest.raises(Endless, match=r"^at 0s things happen again and again \(ContainerStarted\) and no time passes"):
        play(ONE, "{containers: {c: {runs: [{exit: 7}]}}}")


def test_an_hour_of_a_crash_loop_takes_a_fifth_of_a_second_at_most() -> None:
    probe = "{exec: {command: [a]}}"
    all_three = ", ".join(f"{kind}Probe: {probe}" for kind in ("startup", "liveness", "readiness"))
    spec = f"{{containers: [{{name: c, image: host, {all_three}}}]}}"
    took = []
    for _ in range(3):  # the machine may have other things to do
        begun = time.process_time()
        seen = play(spec, "{until: 1h, containers: {c: {runs: [{exit: 1, after: 60s}]}}}")
        took.append(time.process_time() - begun)
    assert min(took) < 0.2
    assert len([line for line in states(seen, "c") if "CrashLoopBackOff" in line]) >= 10


@pytest.mark.parametrize(("name", "number"), [("TERM", 15), ("USR1", 10), ("RTMIN+3", 37), ("NONSENSE", 15)])
def test_a_program_dies_of_its_stop_signal(name: str, number: int) -> None:
    assert number_of(name) == number


def test_at_equal_times_the_agenda_keeps_the_order() -> None:
    agenda, seen = Agenda(), list[str]()
    for time_, name in ((2.0, "c"), (1.0, "a"), (2.0, "d"), (1.0, "b")):
        agenda.add(time_, partial(_note, seen, name))
    while agenda.next_time() is not None:
        agenda.pop()
    assert seen == ["a", "b", "c", "d"]


def _note(seen: list[str], name: str, _: float) -> list[Event]:
    seen.append(name)
    return []


def test_a_simulation_is_the_same_every_time() -> None:
    first, second = (play(ONE, "{until: 1m, containers: {c: {runs: [{exit: 1, after: 1s}]}}}") for _ in range(2))
    assert first.inputs == second.inputs
    assert first.inputs[0].now == Now(0.0, START)


def test_init_containers_of_which_nothing_is_said_succeed() -> None:
    spec = (
        "{initContainers: [{name: s, image: host, restartPolicy: Always}, {name: i, image: host}], "
        "containers: [{name: c, image: host}]}"
    )
    seen = play(spec, "{until: 1m, containers: {i: {runs: [{exit: 1, times: 1}]}}}")
    assert [line.split()[1] for line in states(seen, "i")][-1] == "terminated"
    assert states(seen, "i")[-1].endswith("terminated Completed 0 ready /1")
    assert states(seen, "s")[-1] == "0 running ready /0"
    assert states(seen, "c")[-1] == "0 running ready /0"


@pytest.mark.parametrize(("policy", "restarted"), [("IfNotPresent", "9"), ("Always", "15")])
def test_an_image_is_pulled_once_or_always(policy: str, restarted: str) -> None:
    spec = f"{{containers: [{{name: c, image: app, imagePullPolicy: {policy}}}]}}"
    seen = play(spec, "{until: 1m, containers: {c: {image: [{takes: 6s}], runs: [{exit: 1, after: 3s, times: 1}]}}}")
    assert [line.split()[0] for line in states(seen, "c") if "running" in line] == ["6", restarted]
    assert events(seen, "Pulled")[0] == '6 Pulled: Successfully pulled image "app" in 6s (6s including waiting)'


@pytest.mark.parametrize(
    ("handler", "step", "takes", "error"),
    [
        ("{sleep: {seconds: 7}}", HookStep(), 7, ""),
        ("{sleep: {seconds: 7}}", HookStep(takes=Duration(2)), 2, ""),
        ("{exec: {command: [a]}}", HookStep(error="broken"), 0, "broken"),
        ("{tcpSocket: {port: 1}}", HookStep(), 0, "tcpSocket handlers cannot be run"),
    ],
)
def test_hooks(handler: str, step: HookStep, takes: float, error: str) -> None:
    pod = pod_of(f"{{containers: [{{name: c, image: host, lifecycle: {{postStart: {handler}}}}}]}}")
    answer = of_hook(RunHook(id=1, container="c", attempt=0, hook="PostStart"), pod.spec.containers[0], step)
    assert answer == (takes, HookDone(id=1, container="c", attempt=0, hook="PostStart", error=error))
