from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from nsrunner.cli import cp
from nsrunner.cli.cp_extract import extract
from nsrunner.cli.main import main
from nsrunner.cli.parser import Misuse
from nsrunner.errors import HostError


def archive(*members: tuple[str, bytes | None, str]) -> io.BytesIO:
    """(name, content or None for a directory, link)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for name, content, link in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o4755
            info.size = len(content or b"")
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, link
            elif content is None:
                info.type = tarfile.DIRTYPE
            file.addfile(info, io.BytesIO(content or b""))
    stream.seek(0)
    return stream


def test_what_was_asked_for_and_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    outside = tmp_path / "outside"
    stream = archive(
        ("d", None, ""),
        ("d/a", b"one", ""),
        ("d/../../outside", b"no", ""),
        ("/etc/x", b"no", ""),
        ("e/a", b"no", ""),
        ("d/l", b"", "/etc"),
        ("d/l/passwd", b"below no link", ""),
    )
    assert extract(stream, "d", str(tmp_path / "t"), told.append) == 3
    assert (tmp_path / "t/a").read_bytes() == b"one"
    assert (tmp_path / "t/a").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "t/l").is_dir()
    assert not (tmp_path / "t/l").is_symlink()
    assert not outside.exists()
    assert len(told) == 4


def test_a_link_that_is_there_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "t/l").symlink_to(tmp_path / "away")
    with pytest.raises(HostError):
        extract(archive(("d/l/x", b"", "")), "d", str(tmp_path / "t"), lambda _: None)
    with pytest.raises(HostError):
        extract(archive(("d/l", b"", "")), "d", str(tmp_path / "t"), lambda _: None)
    assert list((tmp_path / "away").iterdir()) == []


def test_a_file_into_a_directory(tmp_path: Path) -> None:
    assert extract(archive(("f", b"x", "")), "f", str(tmp_path), lambda _: None) == 1
    assert (tmp_path / "f").read_bytes() == b"x"


def test_places() -> None:
    assert cp._place("./a:b", "") == ("", "", "./a:b")
    assert cp._place("team/web:/x", "n") == ("web", "team", "/x")
    assert cp._place("web:x", "n") == ("web", "n", "x")
    for bad in (":x", "a/b/c:x"):
        with pytest.raises(Misuse):
            cp._place(bad, "")
    assert main(["cp", "a", "b"]) == 2
    assert main(["cp", "a:", "b"]) == 2
