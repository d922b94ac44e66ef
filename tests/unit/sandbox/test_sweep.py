"""What dead owners left is removed, what living ones have is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native, transport
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import RegisteredPod, Roots, locked, register, registered, this_process
from nsrunner.sandbox.sweep import is_needed, remove_log, remove_pod, sweep
from nsrunner.sandbox.wire import Kind
from unit.sandbox.fake_shim import FakeShim, Peer

DEAD = Owner(kind="process", pid=os.getpid(), start_time=1)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})


def make(roots: Roots, uid: str, owner: Owner) -> RegisteredPod:
    """A pod with a volume, a log and a link to it."""
    pod = RegisteredPod(
        uid=uid, namespace="ns", name="web", owner=owner, paths=roots.pod_paths("ns", "web", uid), cgroup=""
    )
    register(roots, pod)
    logs = Path(pod.paths.logs, "main")
    for directory in (Path(pod.paths.state, "volumes", "v"), logs, Path(pod.paths.log_links)):
        directory.mkdir(parents=True, exist_ok=True)
    for name in ("0.log", "0.log.20260102-030405", "1.log", "10.log"):
        (logs / name).write_text("x")
    Path(pod.paths.log_links, f"{uid}-0.log").symlink_to(logs / "0.log")
    Path(pod.paths.log_links, f"{uid}-1.log").symlink_to(logs / "1.log")
    return pod


def left(pod: RegisteredPod) -> list[str]:
    links = [str(path) for path in Path(pod.paths.log_links).iterdir() if path.name.startswith(pod.uid)]
    return [path for path in (pod.paths.run, pod.paths.state, pod.paths.logs) if os.path.exists(path)] + links


def test_only_pods_of_the_dead_go(roots: Roots) -> None:
    dead, living = make(roots, "u1", DEAD), make(roots, "u2", this_process())
    daemons = make(roots, "u3", Owner(kind="daemon"))
    assert sweep(roots) == ["u1"]
    assert left(dead) == []
    assert len(left(living)) == len(left(daemons)) == 5
    assert registered(roots) == [living, daemons]
    assert sweep(roots) == []


@pytest.mark.parametrize("kept", ["run", "state"])
def test_a_sweep_is_needed_as_long_as_anything_of_any_pod_is_there(roots: Roots, kept: str) -> None:
    assert not is_needed(roots)
    pods = Path(getattr(roots, kept), "pods")
    (pods / "u1").mkdir(parents=True)
    assert is_needed(roots)
    assert sweep(roots) == ["u1"]
    assert not is_needed(roots)
    pods.rmdir()
    pods.touch()
    with pytest.raises(SandboxError, match="read directory"):
        is_needed(roots)


def test_foreign_logs_and_links_stay(roots: Roots) -> None:
    make(roots, "u1", DEAD)
    foreign = Path(roots.logs, "kube-system_dns_u9")
    foreign.mkdir()
    link = Path(roots.log_links, "dns.log")
    link.symlink_to(foreign / "0.log")
    sweep(roots)
    assert foreign.exists() and link.is_symlink()


def test_a_run_directory_without_a_record_goes(roots: Roots) -> None:
    pod = make(roots, "u1", this_process())
    os.unlink(f"{pod.paths.run}/pod.json")
    assert sweep(roots) == ["u1"]
    assert left(pod) == []


def test_what_a_newer_release_has_written_is_left_alone(roots: Roots) -> None:
    pod = make(roots, "u1", DEAD)
    record = Path(pod.paths.run, "pod.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "version": 99}))
    assert sweep(roots) == []
    assert len(left(pod)) == 5


def test_after_a_reboot_only_the_daemon_s_volumes_are_left(roots: Roots) -> None:
    ours, daemons = make(roots, "u1", this_process()), make(roots, "u2", Owner(kind="daemon"))
    for pod in (ours, daemons):
        for name in os.listdir(pod.paths.run):
            os.unlink(f"{pod.paths.run}/{name}")
        os.rmdir(pod.paths.run)
    assert sweep(roots) == ["u1"]
    assert left(ours) == []
    assert daemons.paths.state in left(daemons)


def test_a_daemon_s_record_of_an_earlier_boot_costs_no_volume(roots: Roots) -> None:
    pod = make(roots, "u1", Owner(kind="daemon"))
    record = Path(pod.paths.run, "pod.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "boot_id": "earlier"}))
    sweep(roots)
    assert not os.path.exists(pod.paths.run)
    assert pod.paths.state in left(pod)


def test_two_sweeps_do_not_meet(roots: Roots) -> None:
    pod = make(roots, "u1", DEAD)
    with locked(roots, "sweep.lock"):
        assert sweep(roots) == []
    assert left(pod)


def test_a_sweep_that_takes_long_does_not_keep_others_from_registering(roots: Roots) -> None:
    pod, other = make(roots, "u1", DEAD), "u2"

    def script(peer: Peer) -> None:
        peer.greet()
        command = peer.take(Kind.REMOVE_POD).command
        make(roots, other, this_process())
        peer.send(Kind.OK, command)

    with FakeShim(pod.paths.run, script):
        assert sweep(roots) == ["u1"]


def test_a_living_shim_is_asked_and_may_know_no_directory(roots: Roots) -> None:
    pod = make(roots, "u1", DEAD)
    asked = []

    def script(peer: Peer) -> None:
        peer.greet()
        asked.append(peer.take(Kind.REMOVE_POD))
        peer.send(Kind.OK, asked[0].command)

    with FakeShim(pod.paths.run, script):
        assert sweep(roots) == ["u1"]
    assert asked
    assert left(pod) == []


def test_a_shim_that_fails_is_replaced(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "step_name", lambda step: "step")
    pod = make(roots, "u1", DEAD)

    def script(peer: Peer) -> None:
        peer.greet()
        peer.send(Kind.ERROR, peer.take(Kind.REMOVE_POD).command)

    with FakeShim(pod.paths.run, script):
        assert sweep(roots) == ["u1"]
    assert left(pod) == []


def test_what_cannot_be_removed_is_tried_again(roots: Roots) -> None:
    pod, other = make(roots, "u1", DEAD), make(roots, "u2", DEAD)
    Path(pod.paths.state, "volumes", "v").rmdir()
    Path(pod.paths.state, "volumes").rmdir()
    Path(pod.paths.state).rmdir()
    Path(pod.paths.state).write_text("not a directory")
    assert sweep(roots) == ["u2"]
    assert left(other) == []
    assert os.path.exists(f"{pod.paths.run}/pod.json"), "its record stays, so that somebody tries again"
    Path(pod.paths.state).unlink()
    assert sweep(roots) == ["u1"]


def test_removing_a_pod_whose_shim_is_dead(roots: Roots) -> None:
    pod = make(roots, "u1", this_process())
    transport.listen(pod.paths.run).close()
    remove_pod(pod)
    assert left(pod) == []
    remove_pod(pod)


def test_removing_one_instance_s_log(roots: Roots) -> None:
    pod = make(roots, "u1", this_process())
    remove_log(pod, "main", 1)
    remove_log(pod, "missing", 1)
    names = sorted(os.listdir(f"{pod.paths.logs}/main"))
    assert names == ["0.log", "0.log.20260102-030405", "10.log"]
    assert sorted(os.listdir(pod.paths.log_links)) == ["u1-0.log"]
    remove_log(pod, "main", 0)
    assert os.listdir(f"{pod.paths.logs}/main") == ["10.log"]


def test_a_log_directory_that_is_none(roots: Roots) -> None:
    pod = make(roots, "u1", this_process())
    Path(pod.paths.logs, "file").mkdir()
    Path(pod.paths.logs, "file", "0.log").mkdir()
    with pytest.raises(SandboxError):
        remove_log(pod, "file", 0)
