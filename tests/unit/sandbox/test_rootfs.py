"""Roots of the images ``host`` and ``rootfs:DIR``."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from nsrunner.errors import SandboxError, UsageError
from nsrunner.sandbox.host import HostFacts, gather
from nsrunner.sandbox.rootfs import private_directories, resolve
from nsrunner.sandbox.spec import RootSpec, Submount
from nsrunner.sandbox.state import Roots


@pytest.fixture(scope="module")
def facts() -> HostFacts:
    mounts = (Submount(path="/home", overlay=True), Submount(path="/var/lib/nsrunner/x", overlay=True))
    return replace(gather(), submounts=mounts)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})


def test_the_host(facts: HostFacts, roots: Roots) -> None:
    image = resolve("host", facts, roots)
    assert image is not None
    assert (image.image, image.image_id, image.root.lower) == ("host", "host", "/")
    assert image.root.private[:2] == ("/run", "/tmp")
    assert Submount(path="/home", overlay=True) in image.root.submounts
    assert "root" in image.users.passwd
    assert image.entrypoint == image.command == image.env == ()


def test_our_own_state_is_masked(facts: HostFacts, roots: Roots) -> None:
    assert private_directories(["/var/lib/nsrunner", "/run/nsrunner", "/tmp/x/log", "/srv", "/srv"]) == (
        "/run",
        "/tmp",
        "/srv",
        "/var/lib/nsrunner",
    )
    resolve("host", facts, roots)
    assert Path(roots.state).stat().st_mode & 0o777 == 0o700
    assert Path(roots.run).stat().st_mode & 0o777 == 0o700


def test_directories_that_cannot_be_made(facts: HostFacts, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="make directory"):
        resolve("host", facts, Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path / "file")}))


def test_mounts_below_our_state_are_not_shown(facts: HostFacts, tmp_path: Path) -> None:
    roots = Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})._replace(state="/var/lib/nsrunner")
    image = resolve("host", facts, roots)
    assert image is not None
    assert image.root.submounts == (Submount(path="/home", overlay=True),)


def test_a_directory(facts: HostFacts, roots: Roots, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("www:x:33:33::/:/x\n")
    image = resolve(f"rootfs:{tmp_path}/.", facts, roots)
    assert image is not None
    assert image.root == RootSpec(lower=str(tmp_path))
    assert image.users.passwd.startswith("www")


@pytest.mark.parametrize(
    "name", ["rootfs:", "rootfs:relative", "rootfs:/does/not/exist", "rootfs:/", "rootfs:/etc/passwd"]
)
def test_directories_that_are_none(facts: HostFacts, roots: Roots, name: str) -> None:
    with pytest.raises(UsageError, match="image rootfs:"):
        resolve(name, facts, roots)


def test_users_that_cannot_be_read(facts: HostFacts, roots: Roots, tmp_path: Path) -> None:
    (tmp_path / "etc" / "passwd").mkdir(parents=True)
    with pytest.raises(UsageError, match="Is a directory"):
        resolve(f"rootfs:{tmp_path}", facts, roots)


def test_references(facts: HostFacts, roots: Roots) -> None:
    assert resolve("busybox:1.36", facts, roots) is None
    fallback = resolve("busybox:1.36", facts, roots, fallback_host=True)
    assert fallback is not None
    assert (fallback.image, fallback.image_id, fallback.root.lower) == ("busybox:1.36", "host", "/")
