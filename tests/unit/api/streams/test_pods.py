from __future__ import annotations

from typing import Any

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.ports import PodRef
from nsrunner.api.streams.pods import chosen_container, container_spec, reference


def pod(*containers: str, annotations: dict[str, str] | None = None, **lists: list[str]) -> dict[str, Any]:
    named = {kind: [{"name": name} for name in names] for kind, names in lists.items()}
    metadata = {"name": "web", "namespace": "default", "uid": "u", "annotations": annotations}
    return {"metadata": metadata, "spec": {"containers": [{"name": name} for name in containers], **named}}


def test_the_container_that_is_meant() -> None:
    annotated = {"kubectl.kubernetes.io/default-container": "b"}
    assert chosen_container(pod("a"), "") == "a"
    assert chosen_container(pod("a", "b", annotations=annotated), "") == "b"
    assert chosen_container(pod("a", "b", annotations=annotated), "a") == "a"
    assert chosen_container(pod("a", ephemeralContainers=["e"]), "e") == "e"
    assert chosen_container(pod("a", initContainers=["i"]), "") == "a"
    assert container_spec(pod("a", ephemeralContainers=["e"]), "e") == {"name": "e"}


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        (pod("a", "b"), "", "a container name must be specified for pod web, choose one of: [a b]"),
        (
            pod("a", "b", initContainers=["i"], annotations={"kubectl.kubernetes.io/default-container": "gone"}),
            "",
            "a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]",
        ),
        (pod("a"), "b", "container b is not valid for pod web"),
    ],
)
def test_upstreams_words(given: dict[str, Any], name: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        chosen_container(given, name)
    assert (caught.value.code, str(caught.value)) == (400, message)


def test_a_mirror_stands_for_its_static_pod() -> None:
    assert reference(pod("a")) == PodRef("default", "web", "u")
    assert reference(pod("a", annotations={"kubernetes.io/config.mirror": "s"})).uid == "s"
