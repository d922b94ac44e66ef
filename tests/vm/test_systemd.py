"""The daemon as a service of a real systemd: restarted, killed, stopped, shut down with the machine, and cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import kernels, qemu, systemd

BUILD = Path(__file__).parents[2] / "build" / "vm"
DEADLINE = 600.0
"""Seconds for one boot; some 40 are usual on an idle machine."""

pytestmark = [
    pytest.mark.needs_tool("qemu-system-x86_64"),
    pytest.mark.needs_tool("busybox"),
    pytest.mark.needs_tool("modprobe"),
    pytest.mark.needs_tool("mke2fs"),
    pytest.mark.needs_tool("mmdebstrap"),
    pytest.mark.timeout(2400),
]


def test_a_service_of_systemd() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    made = BUILD / "systemd.ext4"
    systemd.build(made)
    release = systemd.suite() if systemd.suite() in kernels.SUITES else "trixie"
    kernel = kernels.prepare(release, BUILD / release)
    for stage in ("1", "2", "3"):
        console = qemu.boot(kernel, made, DEADLINE, keep=True)
        lines = [line.removeprefix("VM ") for line in console.splitlines() if line.startswith("VM ")]
        assert [line for line in lines if line.startswith("not ok")] == [], console
        assert lines[-1:] == [f"done {stage}"], console
    made.unlink()
