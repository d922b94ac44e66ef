"""Who a static pod is."""

from __future__ import annotations

from nsrunner.model.types import Pod
from nsrunner.sources.manifests import SIZE_MAX, read_manifest
from nsrunner.sources.static import DIGEST, HASH, PATH, SEEN, SOURCE, full_name, identity, seen_at, static_pod

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, annotations: {own: "1"}}
spec: {containers: [{name: c, image: host, command: [sleep, inf]}]}
"""


def pod(text: str = POD, *, node: str = "Node", source: str = "file", path: str = "/m/w.yaml", seen: str = "s") -> Pod:
    (found,) = read_manifest(path, text.encode()).objects
    assert isinstance(found, Pod)
    return static_pod(found, node=node, source=source, path=path, seen=seen)


def test_names_and_annotations() -> None:
    found = pod(seen="2026-01-01T00:00:00Z")
    assert full_name(found) == ("shop", "web-node")
    assert found.spec.node_name == "Node"
    annotations = found.metadata.annotations
    assert annotations == {
        "own": "1",
        HASH: found.metadata.uid,
        SOURCE: "file",
        SEEN: "2026-01-01T00:00:00Z",
        PATH: "/m/w.yaml",
    }
    assert [(each.operator, each.effect) for each in found.spec.tolerations][-1] == ("Exists", "NoExecute")
    assert seen_at(found, "later").metadata.annotations[SEEN] == "later"


def test_an_edited_manifest_another_place_and_another_node_make_another_pod() -> None:
    first = identity(pod())
    assert identity(pod(seen="t")) == first
    assert identity(pod(POD.replace("inf", "9s"))) != first
    assert identity(pod(path="/m/other.yaml")) != first
    assert identity(pod(source="http")) != first
    assert identity(pod(node="other")) != first


def test_a_uid_of_its_own_stays_but_an_edit_makes_another_pod() -> None:
    fixed = POD.replace("name: web,", "name: web, uid: mine,")
    first, second = pod(fixed), pod(fixed.replace("inf", "9s"))
    assert first.metadata.uid == second.metadata.uid == "mine"
    assert DIGEST in first.metadata.annotations
    assert identity(first) != identity(second)


def test_a_file_is_used_whole_or_not_at_all() -> None:
    two = f"{POD}---\n{POD.replace('[{name: c', '[{name: 3')}"
    manifest = read_manifest("/m/two.yaml", two.encode())
    assert not manifest.objects
    assert manifest.problem.startswith("/m/two.yaml, document 2: ")
    assert read_manifest("/m/none.yaml", b" \n").objects == ()
    assert read_manifest("/m/big", b"x" * (SIZE_MAX + 1)).problem == "/m/big: larger than 10 MiB"
