"""Manifests in a directory: what happens to their pods when files, daemons and mirrors come and go."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nsrunner.sandbox.state import registered
from real_daemon import RealDaemon, Refused
from real_daemon import daemon as daemon

NODE = "node"


def pod(name: str, *command: str, **metadata: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, **metadata},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "image": "host", "command": list(command or ("sleep", "inf"))}],
            },
        }
    )


def put(daemon: RealDaemon, file: str, text: str) -> Path:
    fresh, path = daemon.root / "fresh", manifests(daemon) / file
    fresh.write_text(text)
    return fresh.rename(path)


def manifests(daemon: RealDaemon) -> Path:
    return daemon.root / "manifests"


@pytest.fixture
def static(daemon: RealDaemon) -> RealDaemon:
    """A daemon that reads a directory."""
    manifests(daemon).mkdir()
    with daemon.config.open("a") as file:
        file.write(f"staticPodPath: {manifests(daemon)}\nhostnameOverride: {NODE}\n")
    daemon.restart()
    return daemon


def events(daemon: RealDaemon, name: str) -> list[str]:
    """Reasons, of a pod."""
    found = daemon.call("GET", "/namespaces/default/events")["items"]
    return [each["reason"] for each in found if each["involvedObject"]["name"] == name]


def until_event(daemon: RealDaemon, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    for each in daemon.watch("/namespaces/default/events"):
        if condition(each["object"]):
            found: dict[str, Any] = each["object"]
            return found
    raise AssertionError("no such event")


def container_id(object: dict[str, Any]) -> str:
    (found,) = object["status"]["containerStatuses"]
    return str(found["containerID"])


def test_a_manifest_that_stops_being_one_keeps_its_pod_over_a_restart(static: RealDaemon) -> None:
    path = put(static, "web.yaml", pod("web"))
    before = static.wait(f"web-{NODE}", "Running")
    static.stop(signal.SIGKILL)
    path.write_text("kind: Pod\napiVersion: v1\nspec: {containers: 3}\n")
    static.start()
    told = until_event(static, lambda each: each["reason"] == "FailedValidation")
    assert told["message"].count(str(path)) == 1
    assert told["message"].endswith("; the pods of its last version go on")
    after = static.call("GET", f"/namespaces/default/pods/web-{NODE}")
    assert container_id(after) == container_id(before)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    path.unlink()
    static.wait(f"web-{NODE}", "deleted")


def test_a_storm_of_edits_ends_with_one_pod(static: RealDaemon) -> None:
    for number in range(100):
        path = put(static, "web.yaml", pod("web", "sleep", f"{1000 + number}"))
        if number % 3 == 0:
            path.rename(path.with_name("aside.yaml")).rename(path)
        if number % 5 == 0:
            with path.open("w") as file:
                file.write(pod("web", "sleep", "half"))
                file.flush()
                file.seek(0)
                file.write(pod("web", "sleep", f"{1000 + number}"))
    final = ["sleep", "1099"]
    for event in static.watch("/namespaces/default/pods", fieldSelector=f"metadata.name=web-{NODE}"):
        shown = event["object"]
        if shown["spec"]["containers"][0]["command"] == final and shown["status"]["phase"] == "Running":
            break
    assert len(registered(static.roots)) == 1
    path.unlink()
    static.wait(f"web-{NODE}", "deleted")


def test_a_mirror_comes_back(static: RealDaemon) -> None:
    path = put(static, "web.yaml", pod("web"))
    before = static.wait(f"web-{NODE}", "Running")
    static.call("DELETE", f"/namespaces/default/pods/web-{NODE}", gracePeriodSeconds="0")
    after = static.wait(f"web-{NODE}", "Running")
    assert container_id(after) == container_id(before)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    path.unlink()
    static.wait(f"web-{NODE}", "deleted")


def test_a_uid_and_a_namespace_of_its_own(static: RealDaemon) -> None:
    path = put(static, "web.yaml", pod("web", uid="mine", namespace="shop"))
    before = static.wait(f"web-{NODE}", "Running", namespace="shop")
    put(static, "web.yaml", pod("web", "sleep", "1000", uid="mine", namespace="shop"))
    for event in static.watch("/namespaces/shop/pods", fieldSelector=f"metadata.name=web-{NODE}"):
        shown = event["object"]
        if shown["spec"]["containers"][0]["command"] == ["sleep", "1000"] and shown["status"]["phase"] == "Running":
            break
    assert shown["metadata"]["uid"] != before["metadata"]["uid"]
    static.restart(signal.SIGKILL)
    again = static.call("GET", f"/namespaces/shop/pods/web-{NODE}")
    assert again["metadata"]["uid"] == shown["metadata"]["uid"]
    assert again["status"]["containerStatuses"] == shown["status"]["containerStatuses"]
    path.unlink()
    static.wait(f"web-{NODE}", "deleted", namespace="shop")


def test_a_config_map_beside_them(static: RealDaemon) -> None:
    def config(value: str) -> str:
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"A": value}})

    manifest = json.loads(pod("web", "sh", "-c", 'echo "A=$A"; sleep inf'))
    manifest["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "c"}}]
    put(static, "config.yaml", config("1"))
    path = put(static, "web.yaml", json.dumps(manifest))
    static.wait(f"web-{NODE}", "Running")
    put(static, "config.yaml", config("2"))
    manifest["metadata"]["labels"] = {"edited": "yes"}
    put(static, "web.yaml", json.dumps(manifest))
    for event in static.watch("/namespaces/default/pods", labelSelector="edited=yes"):
        if event["object"]["status"]["phase"] == "Running":
            break
    (log,) = Path(static.roots.logs).glob(f"default_web-{NODE}_*/c/0.log")
    for _ in range(1000):
        if "A=2" in log.read_text():
            break
        threading.Event().wait(0.01)
    assert "A=2" in log.read_text()
    path.unlink()
    static.wait(f"web-{NODE}", "deleted")


def test_a_directory_that_is_missing_has_no_pods(static: RealDaemon) -> None:
    put(static, "web.yaml", pod("web"))
    static.wait(f"web-{NODE}", "Running")
    static.stop()
    manifests(static).rename(static.root / "aside")
    static.start()
    try:
        static.wait(f"web-{NODE}", "deleted")
    except Refused:
        pass
    (static.root / "aside").rename(manifests(static))
    static.wait(f"web-{NODE}", "Running")
    (manifests(static) / "web.yaml").unlink()
    static.wait(f"web-{NODE}", "deleted")
