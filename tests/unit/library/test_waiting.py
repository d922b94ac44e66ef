"""What can be waited for, and when it is hopeless."""

import msgspec
import pytest

from nsrunner.errors import UsageError
from nsrunner.library.documents import load_objects
from nsrunner.library.waiting import Goal, describe, parse_goal, reached, unreachable
from nsrunner.model.types import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
    PodReadinessGate,
    PodStatus,
)

MANIFEST = b"""
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: c, image: host, command: ["true"]}]
"""


@pytest.fixture
def pod() -> Pod:
    found = load_objects(MANIFEST, "web.yaml")[0]
    assert isinstance(found, Pod)
    spec = msgspec.structs.replace(found.spec, readiness_gates=(PodReadinessGate(condition_type="example.com/lb"),))
    return msgspec.structs.replace(found, spec=spec)


def phase(name: str) -> Goal:
    return Goal(kind="phase", name=name)


def condition(name: str, status: str = "True") -> Goal:
    return Goal(kind="condition", name=name, status=status)


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("Running", phase("Running")),
        ("phase=Failed", phase("Failed")),
        ("Ready", condition("Ready")),
        ("condition=Ready", condition("Ready")),
        ("Ready=false", condition("Ready", "False")),
        ("condition=ContainersReady=False", condition("ContainersReady", "False")),
        ("example.com/lb", condition("example.com/lb")),
    ],
)
def test_parse(text: str, goal: Goal, pod: Pod) -> None:
    assert parse_goal(text, pod) == goal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ready", 'cannot wait for "ready": did you mean "Ready"?'),
        ("Runing", 'cannot wait for "Runing": did you mean "Running"?'),
        ("phase=Ready", 'cannot wait for "phase=Ready": there is Pending, Running, Succeeded, Failed'),
        ("Ready=perhaps", 'wait for "Ready=perhaps": the status of a condition is True, False or Unknown'),
        ("condition=Running", "there is PodScheduled"),
        ("", "there is Pending"),
    ],
)
def test_nonsense_is_named(text: str, message: str, pod: Pod) -> None:
    with pytest.raises(UsageError) as caught:
        parse_goal(text, pod)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("goal", "phase", "conditions", "is_reached", "is_unreachable"),
    [
        (phase("Running"), "Pending", {}, False, False),
        (phase("Running"), "Running", {}, True, False),
        (phase("Running"), "Succeeded", {}, False, True),
        (phase("Pending"), "Running", {}, False, True),
        (phase("Succeeded"), "Failed", {}, False, True),
        (phase("Succeeded"), "Succeeded", {}, True, False),
        (condition("Ready"), "Running", {"Ready": "False"}, False, False),
        (condition("Ready"), "Running", {"Ready": "True"}, True, False),
        (condition("Ready"), "Failed", {"Ready": "False"}, False, True),
        (condition("Ready", "False"), "Failed", {"Ready": "False"}, True, False),
        (condition("Ready"), "Pending", {}, False, False),
    ],
)
def test_reached_and_unreachable(
    goal: Goal, phase: str, conditions: dict[str, str], is_reached: bool, is_unreachable: bool
) -> None:
    assert reached(goal, phase, conditions) == is_reached
    assert unreachable(goal, phase, conditions) == is_unreachable


def container(state: ContainerState, *, ready: bool = False, last: ContainerState | None = None) -> ContainerStatus:
    return ContainerStatus(
        name="c", state=state, last_state=last, ready=ready, restart_count=0, image="host", image_id=""
    )


CRASHED = ContainerState(terminated=ContainerStateTerminated(exit_code=3, reason="Error", message="no luck\n"))


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (container(CRASHED), "Running; container c terminated: Error (exit code 3): no luck"),
        (
            container(
                ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff", message="back-off 10s")),
                last=CRASHED,
            ),
            "Running; container c is waiting: CrashLoopBackOff: back-off 10s (last exit code 3)",
        ),
        (container(ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))), "Running"),
        (container(ContainerState(running=ContainerStateRunning())), "Running; container c is not ready"),
        (container(ContainerState(running=ContainerStateRunning()), ready=True), "Running"),
        (container(ContainerState(terminated=ContainerStateTerminated(exit_code=0))), "Running"),
    ],
)
def test_describe(state: ContainerStatus, text: str) -> None:
    assert describe(PodStatus(phase="Running", container_statuses=(state,))) == text


def test_describe_gives_the_pods_own_reason() -> None:
    assert describe(PodStatus(phase="Failed", reason="DeadlineExceeded", message="too long")) == (
        "Failed: DeadlineExceeded: too long"
    )
