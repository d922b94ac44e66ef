"""Ephemeral containers that come to a pod (kubelet-semantics 24)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from nsrunner.errors import ManifestError
from nsrunner.model.change import with_ephemeral
from nsrunner.model.path import ROOT
from nsrunner.model.quantity import Quantity
from nsrunner.model.report import Report
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
    VolumeMount,
)
from nsrunner.model.types.base import json_name
from nsrunner.model.validate.ephemeral import check_ephemeral_update
from unit.model.conftest import MakePod

DEBUG = EphemeralContainer(name="debug", image="busybox")
AT = "spec.ephemeralContainers[0]"
NOT_HERE = "Forbidden: cannot be set for an Ephemeral Container"


@pytest.fixture
def pod(make_pod: MakePod) -> Pod:
    return make_pod(initContainers=[{"name": "setup", "image": "x"}], volumes=[{"name": "v"}])


def problems(call: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        call()
    return [str(error) for error in caught.value.errors]


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


def of_update(before: tuple[EphemeralContainer, ...], after: tuple[EphemeralContainer, ...], pod: Pod) -> list[str]:
    old, new = (
        structs.replace(pod, spec=structs.replace(pod.spec, ephemeral_containers=each)) for each in (before, after)
    )
    report = Report()
    check_ephemeral_update(old, new, ROOT, report)
    return [str(error) for error in report.close()]


def test_24_those_that_are_there_stay_as_they_are(pod: Pod) -> None:
    (debug,) = with_ephemeral(pod, DEBUG).spec.ephemeral_containers
    second = structs.replace(debug, name="second")
    assert of_update((debug,), (second, debug), pod) == [], "the order is nobody's business"
    assert of_update((debug, second), (second,), pod) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed'
    ]
    assert of_update((debug,), (structs.replace(debug, image="other"),), pod) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed'
    ]
