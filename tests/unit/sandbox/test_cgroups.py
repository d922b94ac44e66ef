"""Finding a cgroup2 hierarchy; killing is tested with real cgroups in tests/kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import cgroups


def info(*mounts: tuple[str, str, str]) -> str:
    return "".join(f"30 25 0:27 {root} {path} rw shared:4 - {kind} {kind} rw\n" for root, path, kind in mounts)


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ([("/", "/sys/fs/cgroup", "cgroup2")], "/sys/fs/cgroup"),
        ([("/", "/sys/fs/cgroup/cpu", "cgroup"), ("/", "/sys/fs/cgroup/unified", "cgroup2")], "/sys/fs/cgroup/unified"),
        ([("/docker/x", "/sys/fs/cgroup", "cgroup2")], ""),
        ([("/", "/sys/fs/cgroup/cpu", "cgroup")], ""),
        ([], ""),
    ],
)
def test_mount_point(mounts: list[tuple[str, str, str]], expected: str) -> None:
    assert cgroups.mount_point(info(*mounts)) == expected


def test_own_path() -> None:
    assert cgroups.own_path("3:cpu:/x\n0::/user.slice/a.scope\n") == "/user.slice/a.scope"
    assert cgroups.own_path("3:cpu:/x\n") == "/"


def test_parent(tmp_path: Path) -> None:
    (tmp_path / "user.slice").mkdir()
    mount = str(tmp_path)
    assert cgroups.parent(mount, "/user.slice") == f"{mount}/user.slice"
    assert cgroups.parent(mount, "/") == mount
    assert cgroups.parent(mount, "/../outside") == mount
    assert cgroups.parent(mount, "/missing") == ""
    assert cgroups.parent("", "/") == ""


def test_pod_path() -> None:
    assert cgroups.pod_path("/sys/fs/cgroup", "u") == "/sys/fs/cgroup/nsrunner/u"
    assert cgroups.pod_path("", "u") == ""


def test_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    assert cgroups.controllers(str(tmp_path)) == ("cpu", "memory")
    assert cgroups.controllers(str(tmp_path / "missing")) == ()


def test_what_is_gone_is_dead(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert not cgroups.populated(missing)
    assert cgroups.kill(missing)
    cgroups.remove(missing)


def test_before_cgroup_kill_nobody_forks_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that were forked while the list was read, and their children, and theirs."""
    group = tmp_path / "pod"
    (group / "main").mkdir(parents=True)
    (group / "cgroup.freeze").write_text("0")
    (group / "cgroup.events").write_text("populated 1\n")
    (group / "cgroup.procs").write_text("")
    alive, killed = [101], []

    def list_then_fork() -> None:
        (group / "main" / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in alive))
        if len(killed) < 3:  # a moment after the list was read
            alive.append(alive[-1] + 1)

    def kill(pid: int, signal: int) -> None:
        killed.append(pid)
        alive.remove(pid)
        list_then_fork()
        (group / "cgroup.events").write_text(f"populated {int(bool(alive))}\n")

    list_then_fork()
    monkeypatch.setattr("nsrunner.sandbox.cgroups.os.kill", kill)
    assert cgroups.kill(str(group))
    assert killed == [101, 102, 103, 104]
    assert (group / "cgroup.freeze").read_text() == "0"


def test_removing_children_first(tmp_path: Path) -> None:
    (tmp_path / "pod" / "main" / "exec-1").mkdir(parents=True)
    (tmp_path / "pod" / "other").mkdir()
    cgroups.remove(str(tmp_path / "pod"))
    assert not (tmp_path / "pod").exists()


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "file").touch()
    with pytest.raises(SandboxError, match="remove cgroup"):
        cgroups.remove(str(tmp_path / "pod"))
