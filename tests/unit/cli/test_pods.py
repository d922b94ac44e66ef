from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from nsrunner.cli import pods
from nsrunner.cli.pods import chosen_container, find_pod, running_pods
from nsrunner.errors import PrivilegeError, UsageError
from nsrunner.sandbox.inotify import Inotify
from nsrunner.sandbox.published import publish
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, Roots, register, this_process


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roots:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    monkeypatch.setattr(pods, "_START", 0.01)
    return Roots.from_environment()


def start(
    roots: Roots,
    name: str,
    uid: str,
    *,
    namespace: str = "default",
    owner: Owner | None = None,
    spec: dict[str, Any] | None = None,
) -> None:
    """What a pod's owner does when it starts one."""
    paths = roots.pod_paths(namespace, name, uid)
    register(
        roots,
        RegisteredPod(uid=uid, namespace=namespace, name=name, owner=owner or this_process(), paths=paths, cgroup=""),
    )
    if spec is not None:
        shown = {"metadata": {"name": name, "namespace": namespace, "uid": uid}, "spec": spec}
        publish(paths.run, json.dumps(shown).encode())


SPEC = {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}]}


def test_none() -> None:
    assert running_pods() == []
    with pytest.raises(UsageError, match='pods "web" not found: no pods are running'):
        find_pod("web")


def test_all_of_them_but_not_those_of_the_dead(root: Roots) -> None:
    start(root, "web", "u1", spec=SPEC)
    start(root, "db", "u2", namespace="test")
    start(root, "ghost", "u3", owner=Owner(kind="process", pid=os.getpid(), start_time=1))
    start(root, "stays", "u4", owner=Owner(kind="daemon"))
    assert [(pod.namespace, pod.name) for pod in running_pods()] == [
        ("default", "stays"),
        ("default", "web"),
        ("test", "db"),
    ]
    assert [pod.name for pod in running_pods("test")] == ["db"]
    assert find_pod("web").owner.endswith(f"(pid {os.getpid()})")
    assert find_pod("stays").owner == "daemon"
    assert find_pod("db").object["metadata"] == {"name": "db", "namespace": "test", "uid": "u2"}


def test_find(root: Roots) -> None:
    start(root, "web", "u1", spec=SPEC)
    for name in ("web", "pod/web", "pods/web", "po/web", "u1"):
        assert find_pod(name).record.uid == "u1"
    with pytest.raises(UsageError) as caught:
        find_pod("wbe")
    assert str(caught.value) == 'pods "wbe" not found. Did you mean "web"?'
    with pytest.raises(UsageError, match="not found"):
        find_pod("web", "test")
    start(root, "web", "u2", namespace="test", spec=SPEC)
    assert find_pod("web", "test").record.uid == "u2"
    with pytest.raises(UsageError) as caught:
        find_pod("web")
    assert 'there are 2 pods "web"; give a uid' in str(caught.value)
    assert "u2  test/web" in str(caught.value)


def test_the_container(root: Roots, capsys: pytest.CaptureFixture[str]) -> None:
    start(root, "web", "u1", spec=SPEC)
    pod = find_pod("web")
    assert pod.containers == ["i", "a", "b"]
    assert chosen_container(pod, "b") == "b"
    assert capsys.readouterr().err == ""
    assert chosen_container(pod, None) == "a"
    assert capsys.readouterr().err == 'Defaulted container "a" out of: a, b, i (init)\n'
    with pytest.raises(UsageError, match="container nosuch not found in pod web; there is i, a, b"):
        chosen_container(pod, "nosuch")
    pod.object["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "b"}
    assert chosen_container(pod, None) == "b"
    assert capsys.readouterr().err == ""


def test_a_pod_that_has_published_nothing_yet(root: Roots) -> None:
    start(root, "web", "u1")
    with pytest.raises(UsageError, match="only just starting"):
        chosen_container(find_pod("web"), None)
    assert find_pod("web").status_of("a") == {}


def test_status_of(root: Roots) -> None:
    start(root, "web", "u1", spec=SPEC)
    pod = find_pod("web")
    pod.object["status"] = {"containerStatuses": [{"name": "a", "ready": True}], "initContainerStatuses": None}
    assert pod.status_of("a") == {"name": "a", "ready": True}
    assert pod.status_of("i") == {}


def test_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(roots: Roots) -> list[RegisteredPod]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pods, "registered", refuse)
    with pytest.raises(PrivilegeError, match="only root"):
        running_pods()


def test_a_pod_that_is_only_just_starting_is_waited_for(root: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "_START", 30.0)
    start(root, "web", "u1")
    paths = root.pod_paths("default", "web", "u1")
    metadata = {"name": "web", "namespace": "default", "uid": "u1"}

    def owner() -> None:
        publish(paths.run, json.dumps({"metadata": metadata}).encode())  # not yet what is waited for
        publish(paths.run, json.dumps({"metadata": metadata, "spec": SPEC}).encode())

    thread = Thread(target=owner)
    with monkeypatch.context() as context:
        watched = _after_watching(context, thread.start)
        assert find_pod("web").containers == ["i", "a", "b"]
    assert watched
    thread.join()


def test_a_container_that_was_only_just_added_is_waited_for(root: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "_CHANGE", 30.0)
    start(root, "web", "u1", spec=SPEC)
    shown = {"metadata": {"name": "web"}, "spec": {**SPEC, "ephemeralContainers": [{"name": "debugger"}]}}

    def owner() -> None:
        publish(root.pod_paths("default", "web", "u1").run, json.dumps(shown).encode())

    thread = Thread(target=owner)
    with monkeypatch.context() as context:
        watched = _after_watching(context, thread.start)
        assert find_pod("web", container="debugger").containers == ["i", "a", "b", "debugger"]
    assert watched
    thread.join()
    monkeypatch.setattr(pods, "_CHANGE", 0.01)
    assert "nosuch" not in find_pod("web", container="nosuch").containers


def _after_watching(context: pytest.MonkeyPatch, then: Callable[[], None]) -> list[str]:
    """Does something as soon as the reader has begun to watch the directory."""
    watched: list[str] = []

    class Watch(Inotify):
        def __init__(self, directory: str, mask: int) -> None:
            super().__init__(directory, mask)
            watched.append(directory)
            then()

    context.setattr("nsrunner.sandbox.inotify.Inotify", Watch)
    return watched


def test_an_owner_that_just_ended(root: Roots) -> None:
    start(root, "web", "u1")
    pod = find_pod("web")
    gone = pods.RunningPod(
        RegisteredPod(
            uid="u",
            namespace="n",
            name="x",
            owner=Owner(kind="process", pid=2**22 + 1),
            paths=pod.record.paths,
            cgroup="",
        ),
        {},
    )
    assert gone.owner == f"pid {2**22 + 1}"
