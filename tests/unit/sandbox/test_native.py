"""What surrounds the extension: the helpers, sealed in memory, and what is said when something of it is missing."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsrunner.errors import HostError
from nsrunner.sandbox import native
from nsrunner.sandbox.wire import VERSION


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(native, "_find", lambda name: str(tmp_path / name))
    native.executable.cache_clear()
    yield tmp_path
    native.executable.cache_clear()


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_helper_is_copied_once_and_sealed(helpers: Path) -> None:
    content = Path("/bin/true").read_bytes()
    (helpers / "nsrunner-pause").write_bytes(content)
    fd = native.executable("nsrunner-pause")
    try:
        assert native.executable("nsrunner-pause") == fd
        assert os.pread(fd, len(content) + 1, 0) == content
        assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & native.SEALS == native.SEALS
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)
        assert not os.get_inheritable(fd)
        subprocess.run([f"/proc/self/fd/{fd}"], pass_fds=[fd], check=True)
    finally:
        os.close(fd)


def test_a_helper_that_is_missing(helpers: Path) -> None:
    with pytest.raises(HostError, match="the installation of nsrunner is not complete"):
        native.executable("nsrunner-shim")


def test_a_helper_of_this_version(helpers: Path) -> None:
    script(helpers / "nsrunner-shim", f"echo nsrunner-shim 1.2.3 protocol {VERSION}")
    native.check_helpers()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo nsrunner-shim 1.2.3 protocol 99", "is of another version"),
        ("echo", "is of another version"),
        ("exit 3", "cannot be run"),
    ],
)
def test_a_helper_of_another_version(helpers: Path, text: str, message: str) -> None:
    script(helpers / "nsrunner-shim", text)
    with pytest.raises(HostError, match=message):
        native.check_helpers()


def test_a_helper_that_cannot_be_run(helpers: Path) -> None:
    with pytest.raises(HostError, match="cannot be run"):
        native.check_helpers()


def test_no_device_filter_without_a_cgroup(tmp_path: Path) -> None:
    assert not native.device_filter_works(str(tmp_path / "missing"))
