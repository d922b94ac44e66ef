"""What is written down of pods, and what is found of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nsrunner.errors import HostError
from nsrunner.library.documents import Documents, load_objects
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.model.types import Pod
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, Roots, register, this_process
from nsrunner.supervisor.recovery import FileJournal, left_pods
from unit.supervisor.world import POD


def a_pod(uid: str) -> Pod:
    documents = Documents(load_objects(POD.encode(), "test"))
    pod = documents.accept(documents.pod(None), "node")
    return replace(pod, metadata=replace(pod.metadata, uid=uid))


def registered(roots: Roots, uid: str, owner: Owner | None = None) -> RegisteredPod:
    pod = RegisteredPod(
        uid=uid,
        namespace="default",
        name=uid,
        owner=owner or Owner(kind="daemon"),
        paths=roots.pod_paths("default", uid, uid),
        cgroup="",
    )
    register(roots, pod)
    return pod


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})


def test_what_is_saved_is_found(roots: Roots) -> None:
    journal, pod = FileJournal(), a_pod("a")
    where = registered(roots, "a").paths.run
    assert journal.save_object(where, pod)
    (accepted,) = left_pods(roots)[0]
    assert accepted.saved is None
    machine = PodMachine(pod)
    assert journal.save(where, machine.save())
    (left,) = left_pods(roots)[0]
    assert left.pod == pod
    assert left.saved is not None
    assert PodMachine.restore(left.pod, left.saved).value == machine.value
    assert sorted(os.listdir(where)) == ["machine.json", "object.json", "pod.json"]


def test_pods_of_which_nothing_can_be_read_are_lost_and_those_of_others_not_ours(roots: Roots) -> None:
    journal = FileJournal()
    journal.save_object(registered(roots, "whole").paths.run, a_pod("whole"))
    registered(roots, "bare")
    for uid, file, text in (
        ("torn", "machine.json", b'{"version": 2, "po'),
        ("list", "machine.json", b"[]"),
        ("strange", "object.json", b'{"spec": 3}'),
    ):
        where = registered(roots, uid).paths.run
        journal.save_object(where, a_pod(uid))
        Path(where, file).write_bytes(text)
    registered(roots, "run", this_process())
    left, lost = left_pods(roots)
    assert [each.registered.uid for each in left] == ["whole"]
    assert sorted(each.uid for each in lost) == ["bare", "list", "strange", "torn"]


@pytest.mark.parametrize("name", ["object.json", "machine.json", "pod.json"])
def test_a_file_that_cannot_be_read_costs_no_pod(roots: Roots, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal()
    journal.save_object(registered(roots, "whole").paths.run, a_pod("whole"))
    opened = open

    def lacking(path: object, *rest: Any, **more: Any) -> Any:
        if str(path).endswith(name):
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return opened(path, *rest, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lacking)
        with pytest.raises(HostError, match=f"{name}: Too many open files"):
            left_pods(roots)
    assert len(left_pods(roots)[0]) == 1


def test_a_file_that_cannot_be_written_is_a_problem_until_it_can(roots: Roots) -> None:
    told: list[str] = []
    journal, pod = FileJournal(told=told.append), a_pod("a")
    where = registered(roots, "a").paths.run
    Path(where, "object.json.new").mkdir()
    Path(where, "machine.json.new").mkdir()
    assert not journal.save_object(where, pod)
    assert not journal.save(where, {})
    assert journal.problem == f"{where}/object.json: Is a directory"
    Path(where, "object.json.new").rmdir()
    assert journal.save_object(where, pod)
    assert journal.problem == f"{where}/machine.json: Is a directory"
    journal.forget(where)
    assert journal.problem == ""
    assert told == [f"{where}/object.json: Is a directory", ""]
