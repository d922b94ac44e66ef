"""What may change of a pod that exists (kubelet-semantics 2.5)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from nsrunner.errors import ManifestError
from nsrunner.model.change import updated
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import EphemeralContainer, Pod, Toleration
from nsrunner.model.validate.update import check_update
from unit.model.conftest import MakePod


@pytest.fixture
def pod(make_pod: MakePod) -> Pod:
    return make_pod(
        initContainers=[{"name": "setup", "image": "x"}], volumes=[{"name": "v"}], terminationGracePeriodSeconds=7
    )


def problems(call: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        call()
    return [str(error) for error in caught.value.errors]


def changed(pod: Pod, **spec: Any) -> Pod:
    return structs.replace(pod, spec=structs.replace(pod.spec, **spec))


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


def of_update(old: Pod, new: Pod) -> list[str]:
    report = Report()
    check_update(old, new, ROOT, report)
    return [str(error) for error in report.close()]


def test_24_ephemeral_containers_are_not_this_updates_business(pod: Pod) -> None:
    debug = EphemeralContainer(name="debug", image="busybox")
    assert of_update(pod, changed(pod, ephemeral_containers=(debug,))) == []
    assert of_update(changed(pod, ephemeral_containers=(debug,)), pod) == []


def test_2_5_each_image_is_named_by_its_place(pod: Pod) -> None:
    (main,), (setup,) = pod.spec.containers, pod.spec.init_containers
    new = changed(
        pod,
        containers=(structs.replace(main, image=""),),
        init_containers=(structs.replace(setup, image="y "),),
    )
    assert of_update(pod, new) == [
        "spec.containers[0].image: Required value",
        'spec.initContainers[0].image: Invalid value: "y ": must not have leading or trailing whitespace',
    ]


def test_2_5_tolerations_do_not_go_or_change_their_order(pod: Pod) -> None:
    one, two = Toleration(key="a", operator="Exists"), Toleration(key="b", operator="Exists")
    old = changed(pod, tolerations=(one, two))
    for after in ((one,), (two, one), ()):
        (problem,) = of_update(old, changed(pod, tolerations=after))
        assert problem.startswith("spec: Forbidden: pod updates may not change fields other than")


def test_2_5_the_namespace_and_uid_are_immutable(pod: Pod) -> None:
    meta = structs.replace(pod.metadata, uid="other")
    assert of_update(pod, structs.replace(pod, metadata=meta)) == [
        'metadata.uid: Invalid value: "other": field is immutable'
    ]
