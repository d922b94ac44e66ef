"""The registry of pods and their owners."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox import state
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import (
    RegisteredPod,
    Roots,
    alive,
    is_newer,
    locked,
    make_directory,
    register,
    registered,
    this_process,
)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})


def make(roots: Roots, uid: str = "u1", name: str = "web", owner: Owner | None = None) -> RegisteredPod:
    return RegisteredPod(
        uid=uid,
        namespace="default",
        name=name,
        owner=owner or this_process(),
        paths=roots.pod_paths("default", name, uid),
        cgroup="",
    )


def test_roots_of_the_system() -> None:
    paths = Roots.from_environment({}).pod_paths("ns", "web", "u")
    assert paths.run == "/run/nsrunner/pods/u"
    assert paths.state == "/var/lib/nsrunner/pods/u"
    assert paths.logs == "/var/log/pods/ns_web_u"
    assert paths.log_links == "/var/log/containers"


def test_a_name_of_any_length_makes_a_directory() -> None:
    uid = "8c5a4b1e-0000-4000-8000-000000000001"
    logs = Roots().pod_paths("n" * 63, "p" * 253, uid).logs.rpartition("/")[2]
    assert len(logs) == 255
    assert logs.startswith("n" * 63 + "_ppp") and logs.endswith(f"p_{uid}")
    fits = "p" * (255 - len(f"default__{uid}"))
    assert Roots().pod_paths("default", fits, uid).logs == f"/var/log/pods/default_{fits}_{uid}"


def test_roots_elsewhere() -> None:
    roots = Roots.from_environment({"NSRUNNER_ROOT": "/x/y/../z/"})
    assert roots == Roots(run="/x/z/run", state="/x/z/lib", logs="/x/z/log/pods", log_links="/x/z/log/containers")
    assert roots.seccomp == "/x/z/lib/seccomp"


@pytest.mark.parametrize("root", ["relative", "./x", "/a\nb"])
def test_roots_that_are_no_directory(root: str) -> None:
    with pytest.raises(UsageError):
        Roots.from_environment({"NSRUNNER_ROOT": root})


def test_nothing_is_registered_at_first(roots: Roots) -> None:
    assert registered(roots) == []


def test_registering(roots: Roots) -> None:
    pods = [make(roots, uid, name) for uid, name in (("u1", "web"), ("u2", "db"), ("u3", "web"))]
    for pod in pods:
        register(roots, pod)
    assert registered(roots) == [pods[1], pods[0], pods[2]]
    run = Path(pods[0].paths.run)
    assert run.stat().st_mode & 0o777 == 0o700
    assert (run / "pod.json").stat().st_mode & 0o777 == 0o600
    assert os.listdir(run) == ["pod.json"]


def test_registering_again_is_the_owner_s_right(roots: Roots) -> None:
    pod = make(roots)
    register(roots, pod)
    register(roots, pod)
    other = make(roots, owner=Owner(kind="process", pid=1, start_time=2))
    with pytest.raises(UsageError, match=f"belongs to process {os.getpid()}"):
        register(roots, other)


def test_a_directory_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert make_directory(str(path))
    assert path.stat().st_mode & 0o777 == 0o700
    assert not make_directory(str(path))
    (path / "file").touch()
    with pytest.raises(FileExistsError):
        make_directory(str(path / "file"))


def test_what_is_left_of_a_registration_is_no_pod(roots: Roots) -> None:
    pod = make(roots)
    Path(pod.paths.run).mkdir(parents=True)
    Path(pod.paths.run, "pod.json.new").write_text("{")
    register(roots, pod)
    assert registered(roots) == [pod]


def test_a_daemon_s_pods_are_known_after_a_reboot(roots: Roots) -> None:
    pod = make(roots, owner=Owner(kind="daemon"))
    register(roots, pod)
    assert Path(pod.paths.state, "pod.json").exists()
    with pytest.raises(UsageError, match="belongs to the daemon"):
        register(roots, make(roots))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"boot_id": 1}', '{"uid": "u1", "owner": {}, "paths": {}}', '"x"', "null"]
)
def test_a_record_that_is_none(roots: Roots, text: str) -> None:
    pod = make(roots)
    register(roots, pod)
    Path(pod.paths.run, "pod.json").write_text(text)
    assert registered(roots) == []


def test_a_record_of_an_earlier_boot(roots: Roots) -> None:
    pod = make(roots)
    register(roots, pod)
    file = Path(pod.paths.run, "pod.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "boot_id": "other"}))
    assert registered(roots) == []


@pytest.mark.parametrize(("version", "newer"), [(0, False), (2, True), ("2", False), (None, False)])
def test_a_record_of_another_version(roots: Roots, version: object, newer: bool) -> None:
    pod = make(roots)
    register(roots, pod)
    file = Path(pod.paths.run, "pod.json")
    assert not is_newer(pod.paths.run)
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": version}))
    assert registered(roots) == [] and is_newer(pod.paths.run) is newer
    assert not is_newer(str(roots.run))


def test_files_among_the_directories_are_passed_over(roots: Roots) -> None:
    register(roots, make(roots))
    Path(roots.run, "pods", "stray").write_text("x")
    assert len(registered(roots)) == 1


def test_owners() -> None:
    me = this_process()
    assert me.pid == os.getpid() and me.start_time > 0
    assert alive(me)
    assert alive(Owner(kind="daemon"))
    assert not alive(Owner(kind="process", pid=me.pid, start_time=me.start_time + 1))
    child = subprocess.Popen(["true"])
    facts = state._process(child.pid)
    assert facts is not None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not alive(Owner(kind="process", pid=child.pid, start_time=facts[1])), "a zombie owns nothing"
    child.wait()
    assert not alive(Owner(kind="process", pid=child.pid, start_time=facts[1]))


def test_the_lock(roots: Roots) -> None:
    with locked(roots) as ours:
        assert ours
        with locked(roots, wait=False) as theirs:
            assert not theirs
    with locked(roots, wait=False) as ours:
        assert ours


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(SandboxError, match="make directory"), locked(Roots(run=str(tmp_path / "run"))):
        pass
