"""Removing trees that somebody else could write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nsrunner.sandbox.trees import remove_tree


def test_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove_tree(str(tmp_path / "missing"))


def test_everything_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name in ("a/b/c", "a/d", "e", ".hidden/x"):
        (top / name).mkdir(parents=True)
        (top / name / "file").write_text("x")
    os.mkfifo(top / "fifo")
    (top / "dangling").symlink_to("nowhere")
    remove_tree(str(top))
    assert not top.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").write_text("x")
    top = tmp_path / "top"
    (top / "in").mkdir(parents=True)
    (top / "in" / "dir").symlink_to(keep)
    (top / "in" / "file").symlink_to(keep / "file")
    remove_tree(str(top))
    assert (keep / "file").read_text() == "x"
    assert not top.exists()


def test_a_link_in_place_of_the_top_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "top").symlink_to(tmp_path / "keep")
    with pytest.raises(OSError):
        remove_tree(str(tmp_path / "top"))
    assert (tmp_path / "keep").exists()


def test_depth_is_no_matter(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_DIRECTORY)
    for _ in range(3000):  # deeper than the interpreter's stack, PATH_MAX and the limit of descriptors
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    remove_tree(str(top))
    assert not top.exists()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_failure_closes_what_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "top" / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "top" / "a" / "b" / "file").touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(PermissionError):
        remove_tree(str(tmp_path / "top"))
    assert os.listdir("/proc/self/fd") == before
