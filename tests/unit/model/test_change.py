"""Changes of a pod that exists (kubelet-semantics 2.5, 24)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from nsrunner.errors import ManifestError
from nsrunner.model.change import updated, with_ephemeral
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import (
    ContainerPort,
    ContainerResizePolicy,
    ContainerRestartRule,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    Pod,
    Probe,
    ResourceRequirements,
    Toleration,
    VolumeMount,
)
from nsrunner.model.types.base import json_name
from unit.model.conftest import MakePod

DEBUG = EphemeralContainer(name="debug", image="busybox")
AT = "spec.ephemeralContainers[0]"
NOT_HERE = "Forbidden: cannot be set for an Ephemeral Container"


def problems(call: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        call()
    return [str(error) for error in caught.value.errors]


@pytest.fixture
def pod(make_pod: MakePod) -> Pod:
    made = make_pod(
        initContainers=[{"name": "setup", "image": "x"}], volumes=[{"name": "v"}], terminationGracePeriodSeconds=7
    )
    return structs.replace(made, metadata=structs.replace(made.metadata, uid="u1", generation=4))


# Ephemeral containers.


def test_24_an_ephemeral_container_is_added(pod: Pod) -> None:
    mount = VolumeMount(name="v", mount_path="/v")
    target = structs.replace(DEBUG, target_container_name="main", volume_mounts=(mount,), stdin=True, tty=True)
    after = with_ephemeral(pod, target)
    (added,) = after.spec.ephemeral_containers
    assert (added.name, added.target_container_name, added.termination_message_path) == (
        "debug",
        "main",
        "/dev/termination-log",
    )
    assert after.metadata.generation == 5
    assert structs.replace(after.spec, ephemeral_containers=()) == pod.spec
    again = with_ephemeral(after, structs.replace(DEBUG, name="second", target_container_name="setup"))
    assert [container.name for container in again.spec.ephemeral_containers] == ["debug", "second"]
    assert again.metadata.generation == 6


PROBE = Probe(exec=ExecAction(command=("x",)))


@pytest.mark.parametrize(
    ("field", "value", "also"),
    [
        ("ports", (ContainerPort(container_port=1),), []),
        ("resources", ResourceRequirements(limits={"cpu": Quantity("1")}), []),
        ("liveness_probe", PROBE, []),
        ("readiness_probe", PROBE, []),
        ("startup_probe", PROBE, []),
        ("lifecycle", Lifecycle(), []),
        ("restart_policy", "Always", []),
        (
            "restart_policy_rules",
            (ContainerRestartRule(action="Restart"),),
            [
                f"{AT}.restartPolicy: Required value: must specify restartPolicy when restart rules are used",
                f"{AT}.restartPolicyRules[0].exitCodes: Required value: must be specified",
            ],
        ),
        ("resize_policy", (ContainerResizePolicy(resource_name="cpu", restart_policy="NotRequired"),), []),
    ],
)
def test_24_what_an_ephemeral_container_cannot_have(pod: Pod, field: str, value: Any, also: list[str]) -> None:
    bad = structs.replace(DEBUG, **{field: value})
    assert problems(lambda: with_ephemeral(pod, bad)) == [*also, f"{AT}.{json_name(field)}: {NOT_HERE}"]


def test_24_no_sub_paths(pod: Pod) -> None:
    mounts = (
        VolumeMount(name="v", mount_path="/a", sub_path="x"),
        VolumeMount(name="v", mount_path="/b", sub_path_expr="$(Y)"),
    )
    assert problems(lambda: with_ephemeral(pod, structs.replace(DEBUG, volume_mounts=mounts))) == [
        f"{AT}.volumeMounts[0].subPath: {NOT_HERE}",
        f"{AT}.volumeMounts[1].subPathExpr: {NOT_HERE}",
    ]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (structs.replace(DEBUG, name="main"), f'{AT}.name: Duplicate value: "main"'),
        (structs.replace(DEBUG, name="setup"), f'{AT}.name: Duplicate value: "setup"'),
        (structs.replace(DEBUG, image=""), f"{AT}.image: Required value"),
        (structs.replace(DEBUG, target_container_name="nobody"), f'{AT}.targetContainerName: Not found: "nobody"'),
        (structs.replace(DEBUG, target_container_name="debug"), f'{AT}.targetContainerName: Not found: "debug"'),
    ],
)
def test_24_names(pod: Pod, container: EphemeralContainer, expected: str) -> None:
    assert problems(lambda: with_ephemeral(pod, container)) == [expected]


def test_24_a_second_one_of_the_same_name(pod: Pod) -> None:
    after = with_ephemeral(pod, DEBUG)
    assert problems(lambda: with_ephemeral(after, DEBUG)) == [
        'spec.ephemeralContainers[1].name: Duplicate value: "debug"'
    ]


# Other updates.


def changed(pod: Pod, **spec: Any) -> Pod:
    return structs.replace(pod, spec=structs.replace(pod.spec, **spec))


def test_2_5_images_may_change(pod: Pod) -> None:
    (main,), (setup,) = pod.spec.containers, pod.spec.init_containers
    new = changed(
        pod,
        containers=(structs.replace(main, image="busybox:2"),),
        init_containers=(structs.replace(setup, image="y"),),
    )
    after = updated(pod, new)
    assert (after.spec.containers[0].image, after.spec.init_containers[0].image) == ("busybox:2", "y")
    assert after.metadata.generation == 5


def test_2_5_nothing_changed_is_the_same_generation(pod: Pod) -> None:
    assert updated(pod, pod) == pod


def test_2_5_ephemeral_containers_and_status_are_left_alone(pod: Pod) -> None:
    with_debug = with_ephemeral(pod, DEBUG)
    assert updated(with_debug, pod).spec == with_debug.spec


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (None, 100, ""),
        (100, 100, ""),
        (100, 50, ""),
        (100, 0, ""),
        (100, 101, "Invalid value: 101: must be less than or equal to previous value"),
        (100, None, "Invalid value: null: must not update from a positive integer to nil value"),
        (None, -1, "Invalid value: -1: must be between 0 and 2147483647, inclusive"),
    ],
)
def test_2_5_the_deadline_may_be_set_or_lowered(pod: Pod, before: int | None, after: int | None, problem: str) -> None:
    old = changed(pod, active_deadline_seconds=before)
    new = changed(pod, active_deadline_seconds=after)
    if problem:
        assert problems(lambda: updated(old, new)) == [f"spec.activeDeadlineSeconds: {problem}"]
    else:
        assert updated(old, new).spec.active_deadline_seconds == after


def test_2_5_tolerations_may_be_added(pod: Pod) -> None:
    one, two = Toleration(key="a", operator="Exists"), Toleration(key="b", operator="Exists")
    old = changed(pod, tolerations=(one,))
    assert updated(old, changed(pod, tolerations=(one, two))).spec.tolerations == (one, two)
    assert problems(lambda: updated(old, changed(pod, tolerations=(two,))))[0].startswith(
        "spec: Forbidden: pod updates"
    )


def test_2_5_a_negative_grace_period_may_be_mended(pod: Pod) -> None:
    old = changed(pod, termination_grace_period_seconds=-5)
    assert updated(old, changed(pod, termination_grace_period_seconds=1)).spec.termination_grace_period_seconds == 1
    assert len(problems(lambda: updated(old, changed(pod, termination_grace_period_seconds=2)))) == 1
    assert len(problems(lambda: updated(pod, changed(pod, termination_grace_period_seconds=1)))) == 1


def test_2_5_all_else_may_not(pod: Pod) -> None:
    (main,) = pod.spec.containers
    new = changed(pod, containers=(structs.replace(main, command=("sh",)),))
    assert problems(lambda: updated(pod, new)) == [
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    ]
    renamed = changed(pod, containers=(structs.replace(main, name="other"),))
    assert len(problems(lambda: updated(pod, renamed))) == 1
    assert len(problems(lambda: updated(pod, changed(pod, host_network=True)))) == 1


def test_2_5_containers_come_and_go_only_with_the_pod(pod: Pod) -> None:
    assert problems(lambda: updated(pod, changed(pod, init_containers=()))) == [
        "spec.initContainers: Forbidden: pod updates may not add or remove containers"
    ]
    two = (*pod.spec.containers, structs.replace(pod.spec.containers[0], name="two"))
    assert problems(lambda: updated(pod, changed(pod, containers=two))) == [
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    ]


def test_2_5_an_image_that_is_none(pod: Pod) -> None:
    (main,) = pod.spec.containers
    for image, problem in (
        ("", "Required value"),
        (" x", 'Invalid value: " x": must not have leading or trailing whitespace'),
    ):
        new = changed(pod, containers=(structs.replace(main, image=image),))
        assert problems(lambda new=new: updated(pod, new)) == [f"spec.containers[0].image: {problem}"]


def test_2_5_labels_and_annotations_may_change_but_not_whose_they_are(pod: Pod) -> None:
    meta = structs.replace(pod.metadata, labels={"a": "b"}, annotations={"nsrunner.dev/restart-backoff-initial": "1s"})
    after = updated(pod, structs.replace(pod, metadata=meta))
    assert (after.metadata.labels, after.metadata.generation) == ({"a": "b"}, 4)
    other = structs.replace(pod.metadata, name="db", namespace="n", uid="u2", annotations={"nsrunner.dev/x": "1"})
    found = problems(lambda: updated(pod, structs.replace(pod, metadata=other)))
    assert found[:3] == [
        'metadata.name: Invalid value: "db": field is immutable',
        'metadata.namespace: Invalid value: "n": field is immutable',
        'metadata.uid: Invalid value: "u2": field is immutable',
    ]
    assert len(found) == 4 and "no annotation of nsrunner" in found[3]
