"""Events of the daemon itself."""

from __future__ import annotations

from nsrunner.daemon.events import node_warning, pod_warning


def test_the_same_message_is_the_same_event() -> None:
    first = node_warning("node", "Full", "no room")
    assert first["metadata"] == node_warning("node", "Full", "no room")["metadata"]
    assert first["metadata"] != node_warning("node", "Full", "no fds")["metadata"]
    assert first["involvedObject"]["kind"] == "Node"
    assert (first["type"], first["reason"], first["message"]) == ("Warning", "Full", "no room")
    assert len(node_warning("node", "Full", "x" * 5000)["message"]) == 1024


def test_of_a_pod() -> None:
    event = pod_warning({"namespace": "shop", "name": "web", "uid": "u", "labels": {}}, "node", "Full", "no room")
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("web.")
    assert event["involvedObject"] == {
        "kind": "Pod",
        "namespace": "shop",
        "name": "web",
        "uid": "u",
        "apiVersion": "v1",
    }
