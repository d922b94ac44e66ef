"""Changes of a pod that exists (kubelet-semantics 2.5, 24)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from nsrunner.errors import ManifestError
from nsrunner.model.change import updated, with_ephemeral
from nsrunner.model.types import (
    EphemeralContainer,
    Pod,
    VolumeMount,
)
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
