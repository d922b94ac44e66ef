"""Which manifests could be another's than root's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nsrunner.sources.trust import untrusted, untrusted_file

NOBODY = 65534


def test_roots_own(tmp_path: Path) -> None:
    assert untrusted(str(tmp_path), listed=True) == ""  # below /tmp, which is sticky


def test_whoever_can_write_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    assert untrusted(str(tmp_path), listed=True) == f"{tmp_path} can be written by others than root (mode 0775)"
    below = tmp_path / "below"
    below.mkdir()
    assert untrusted(str(below), listed=True) == f"{tmp_path} can be written by others than root (mode 0775)"


def test_the_sticky_bit_helps_files_that_are_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert untrusted(str(tmp_path), listed=False) == ""
    assert untrusted(str(tmp_path), listed=True) == f"{tmp_path} can be written by others than root (mode 1777)"


@pytest.mark.needs_root
def test_an_owner_can_always_write(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, -1)
    assert untrusted(str(tmp_path), listed=True) == f"{tmp_path} belongs to user 65534, not to root"


def test_a_symbolic_link_is_what_it_points_to(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    (tmp_path / "link").symlink_to(open_to_all)
    assert untrusted(str(tmp_path / "link"), listed=True).startswith(f"{open_to_all} can be written")


@pytest.mark.parametrize(
    ("mode", "problem"), [(0o644, ""), (0o664, "it can be written by others than root (mode 0664)")]
)
def test_files(tmp_path: Path, mode: int, problem: str) -> None:
    path = tmp_path / "pod.yaml"
    path.touch()
    path.chmod(mode)
    assert untrusted_file(path.stat()) == problem
