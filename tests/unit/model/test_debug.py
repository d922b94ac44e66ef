"""Copies of pods to look into."""

from __future__ import annotations

import pytest
from msgspec import structs

from nsrunner.errors import ManifestError
from nsrunner.model.change import with_ephemeral
from nsrunner.model.debug import debug_copy
from nsrunner.model.types import Container, EphemeralContainer, Pod, PodCondition, PodStatus
from unit.model.conftest import MakePod

PROBE = {"exec": {"command": ["x"]}}


@pytest.fixture
def pod(make_pod: MakePod) -> Pod:
    made = make_pod(
        containers=[
            {
                "name": name,
                "image": "shop:1",
                "command": ["serve"],
                "args": ["-v"],
                "livenessProbe": PROBE,
                "readinessProbe": PROBE,
                "startupProbe": PROBE,
            }
            for name in ("web", "db")
        ],
        initContainers=[{"name": "proxy", "image": "x", "restartPolicy": "Always", "startupProbe": PROBE}],
        nodeName="node",
    )
    meta = structs.replace(
        made.metadata,
        uid="u1",
        generation=7,
        labels={"app": "shop"},
        annotations={"nsrunner.dev/probe-period-ms.web.liveness": "100"},
        creation_timestamp="2026-01-01T00:00:00Z",
    )
    status = PodStatus(phase="Running", conditions=(PodCondition(type="Ready", status="True"),))
    pod = structs.replace(made, metadata=meta, status=status)
    return with_ephemeral(pod, EphemeralContainer(name="old", image="x"))


def test_nothing_restarts_the_copy_or_takes_it_for_the_original(pod: Pod) -> None:
    copy = debug_copy(pod, "shop-debug")
    meta = copy.metadata
    assert (meta.name, meta.namespace, meta.uid, meta.generation) == ("shop-debug", "default", "", None)
    assert (meta.labels, meta.annotations, meta.creation_timestamp) == ({}, {}, None)
    assert copy.status == PodStatus()
    spec = copy.spec
    assert (spec.ephemeral_containers, spec.node_name, spec.share_process_namespace) == ((), None, True)
    for container in (*spec.containers, *spec.init_containers):
        assert container.liveness_probe is container.readiness_probe is container.startup_probe is None
    web = spec.containers[0]
    assert (web.image, web.command, web.args) == ("shop:1", ("serve",), ("-v",))


def test_what_is_kept_when_asked_for(pod: Pod) -> None:
    copy = debug_copy(
        pod, "d", share_process_namespace=False, keep_labels=True, keep_annotations=True, keep_probes=True
    )
    assert copy.metadata.labels == pod.metadata.labels
    assert copy.metadata.annotations == pod.metadata.annotations
    assert (copy.spec.containers, copy.spec.init_containers) == (pod.spec.containers, pod.spec.init_containers)
    assert copy.spec.share_process_namespace is False


def test_another_command(pod: Pod) -> None:
    copy = debug_copy(pod, "d", command=["sleep", "1000"])
    assert [(c.command, c.args) for c in copy.spec.containers] == [(("sleep", "1000"), ()), (("serve",), ("-v",))]
    copy = debug_copy(pod, "d", container="db", command=["sh"])
    assert [c.command for c in copy.spec.containers] == [("serve",), ("sh",)]


def test_other_images(pod: Pod) -> None:
    def images(**chosen: str) -> list[tuple[str, str]]:
        copy = debug_copy(pod, "d", images={name.replace("all", "*"): image for name, image in chosen.items()})
        return [(c.image, c.image_pull_policy) for c in copy.spec.containers]

    assert images(db="shop") == [("shop:1", "IfNotPresent"), ("shop", "Always")]
    assert [image for image, _ in images(all="a:1", web="b:1")] == ["b:1", "a:1"]


def test_one_more_container(pod: Pod) -> None:
    copy = debug_copy(pod, "d", add=Container(name="debugger", image="host", command=("sh",)))
    assert [c.name for c in copy.spec.containers] == ["web", "db", "debugger"]
    assert copy.spec.containers[-1].termination_message_path == "/dev/termination-log"


def test_what_the_api_would_refuse(pod: Pod) -> None:
    with pytest.raises(ManifestError) as caught:
        debug_copy(pod, "D", container="wbe", images={"bd": "x"}, add=Container(name="web", image="x"))
    first, second, *rest = [str(error) for error in caught.value.errors]
    assert (first, second) == ('spec.containers: Not found: "wbe"', 'spec.containers: Not found: "bd"')
    assert sorted(error.split(":")[0] for error in rest) == ["metadata.name", "spec.containers[2].name"]
