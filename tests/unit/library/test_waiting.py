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
    PodCondition,
    PodReadinessGate,
    PodStatus,
)
from nsrunner.supervisor.events import KubeEvent

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


def condition_of(name: str, status: str, reason: str = "", message: str = "") -> PodCondition:
    return PodCondition(type=name, status=status, reason=reason or None, message=message or None)


def waiting(reason: str, message: str = "") -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message or None))


def warning(reason: str, message: str, *, last: float = 1, count: int = 1, path: str = "") -> KubeEvent:
    return KubeEvent(
        name="x", type="Warning", reason=reason, message=message, namespace="default", pod="web", uid="u",
        field_path=path, count=count, first=1, last=last,
    )  # fmt: skip


STANDS = condition_of("PodReadyToStartContainers", "True")
RUNNING = ContainerState(running=ContainerStateRunning())
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
        (
            container(ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))),
            "Running; container c is waiting: ContainerCreating",
        ),
        (container(ContainerState(running=ContainerStateRunning())), "Running; container c is not ready"),
        (container(ContainerState(running=ContainerStateRunning()), ready=True), "Running"),
        (container(ContainerState(terminated=ContainerStateTerminated(exit_code=0))), "Running"),
    ],
)
def test_describe(state: ContainerStatus, text: str) -> None:
    assert describe(PodStatus(phase="Running", container_statuses=(state,), conditions=(STANDS,))) == text


def test_describe_gives_the_pods_own_reason() -> None:
    assert describe(PodStatus(phase="Failed", reason="DeadlineExceeded", message="too long")) == (
        "Failed: DeadlineExceeded: too long"
    )


def test_describe_a_sandbox_that_is_not_there() -> None:
    status = PodStatus(phase="Pending", container_statuses=(container(waiting("ContainerCreating")),))
    assert describe(status) == "Pending; its sandbox is being created"
    known = (condition_of("PodReadyToStartContainers", "False"), condition_of("Ready", "False"))
    assert describe(msgspec.structs.replace(status, conditions=known)) == "Pending; its sandbox is being created"


def test_describe_names_the_init_container_that_all_others_wait_for() -> None:
    def init(name: str, state: ContainerState, *, done: bool = False) -> ContainerStatus:
        return msgspec.structs.replace(container(state, ready=done), name=name)

    done = init("a", ContainerState(terminated=ContainerStateTerminated(exit_code=0)), done=True)
    status = PodStatus(
        phase="Pending",
        conditions=(STANDS,),
        init_container_statuses=(done, init("b", RUNNING), init("c", waiting("PodInitializing"))),
        container_statuses=(container(waiting("PodInitializing")),),
    )
    assert describe(status) == "Pending; init container b is still running"
    status = msgspec.structs.replace(
        status, init_container_statuses=(done, init("b", waiting("PodInitializing")), init("c", RUNNING))
    )
    assert describe(status).startswith("Pending; init container b is waiting: PodInitializing")
    status = msgspec.structs.replace(status, init_container_statuses=(done,))
    assert describe(status) == "Pending; container c is waiting: PodInitializing"


def test_describe_says_what_readiness_gates_miss() -> None:
    ready = condition_of("Ready", "False", "ReadinessGatesNotReady", "the gate is closed")
    status = PodStatus(
        phase="Running", conditions=(STANDS, ready), container_statuses=(container(RUNNING, ready=True),)
    )
    assert describe(status) == "Running; the gate is closed"
    assert describe(status, ending=True) == "Running; container c is still running; the gate is closed"


@pytest.mark.parametrize(
    ("phase", "state", "events", "text"),
    [
        (
            "Pending",
            None,
            [
                warning("FailedMount", "old"),
                warning("FailedCreatePodSandBox", "Failed to create pod sandbox: no luck", last=3, count=2),
                warning("Failed", "Error: older", last=2, path="spec.containers{c}"),
            ],
            "Pending; its sandbox is being created; "
            "last warning: FailedCreatePodSandBox: Failed to create pod sandbox: no luck (2 times)",
        ),
        (
            "Pending",
            waiting("CreateContainerError", "no command specified"),
            [warning("Failed", "Error: no command specified", path="spec.containers{c}")],
            "Pending; container c is waiting: CreateContainerError: no command specified",
        ),
        (
            "Running",
            waiting("CrashLoopBackOff", "back-off 10s"),
            [warning("BackOff", "Back-off restarting", path="spec.containers{c}")],
            "Running; container c is waiting: CrashLoopBackOff: back-off 10s",
        ),
        (
            "Running",
            RUNNING,
            [warning("FailedMount", "long ago"), warning("Failed", "long ago", path="spec.containers{c}")],
            "Running; container c is not ready",
        ),
    ],
)
def test_describe_adds_the_newest_warning_that_matters(
    phase: str, state: ContainerState | None, events: list[KubeEvent], text: str
) -> None:
    statuses = () if state is None else (container(state),)
    conditions = () if state is None else (STANDS,)
    status = PodStatus(phase=phase, container_statuses=statuses, conditions=conditions)
    assert describe(status, events) == text
