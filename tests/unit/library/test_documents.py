import asyncio
import re

import pytest

from nsrunner.errors import ManifestError, UsageError
from nsrunner.library.documents import Documents, from_mappings, load_objects

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c", "image": "host", "command": ["true"]}]},
}
MANY = b"""
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: host, command: ["true"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: other}
spec: {containers: [{name: c, image: host, command: ["true"]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data: {key: value}
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: other}
stringData: {key: value}
"""


def documents() -> Documents:
    return Documents(load_objects(MANY, "many.yaml", "mine"))


def test_a_pod_is_chosen_by_name() -> None:
    assert documents().pod("b").metadata.name == "b"
    with pytest.raises(UsageError, match="there are 2 pods: name one of a, b"):
        documents().pod(None)
    with pytest.raises(UsageError, match='pod "c" not found; there is a, b'):
        documents().pod("c")


def test_the_only_pod_needs_no_name() -> None:
    assert Documents(from_mappings([POD], "test")).pod(None).metadata.name == "a"


def test_no_pod_and_twins_are_errors() -> None:
    with pytest.raises(UsageError, match="no Pod"):
        Documents([]).pod(None)
    with pytest.raises(UsageError, match='pod "a" is there twice'):
        Documents(from_mappings([POD, POD], "test")).pod("a")


def test_references_are_found_in_their_namespace() -> None:
    found = documents()

    async def look() -> None:
        config_map = await found.config_map("mine", "m")
        assert config_map is not None and config_map.data == {"key": "value"}
        assert await found.config_map("other", "m") is None
        assert await found.secret("other", "s") is not None
        assert await found.secret("mine", "s") is None

    asyncio.run(look())


def test_an_accepted_pod_has_what_the_api_server_gives() -> None:
    found = documents()
    first, second = (found.accept(found.pod("a"), "node") for _ in range(2))
    assert first.metadata.uid != second.metadata.uid
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first.metadata.uid)
    assert first.metadata.namespace == "mine"
    assert first.metadata.generation == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.metadata.creation_timestamp or "")
    assert first.spec.node_name == "node"
    assert found.accept(found.pod("b"), "node").metadata.namespace == "other"


def test_a_generated_name_is_completed() -> None:
    pod = {**POD, "metadata": {"generateName": "job-"}}
    found = Documents(from_mappings([pod], "test"))
    assert re.fullmatch(r"job-[a-z0-9]{5}", found.accept(found.pod(None), "node").metadata.name)


def test_a_bad_manifest_says_what_and_where() -> None:
    with pytest.raises(ManifestError) as caught:
        load_objects(b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n", "x.yaml")
    assert "x.yaml" in str(caught.value) and "spec.containers: Required value" in str(caught.value)


def test_what_json_cannot_hold_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not JSON-able"):
        from_mappings([{"kind": object()}], "from_dict")
