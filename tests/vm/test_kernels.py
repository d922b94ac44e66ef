"""nsrunner on older kernels: the C tests and a real pod in a virtual machine per Debian release.

The host's own kernel accepts calls that these refuse (cloning detached mounts, mount_setattr, cgroup.kill, CLOEXEC by
close_range), so every fallback is exercised by one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vm import image, kernels, qemu

CHECKOUT = Path(__file__).parents[2]
BUILD = CHECKOUT / "build" / "vm"
DEADLINE = 420.0
"""Seconds for one guest; some 30 are usual on an idle machine."""

pytestmark = [
    pytest.mark.needs_tool("qemu-system-x86_64"),
    pytest.mark.needs_tool("busybox"),
    pytest.mark.needs_tool("modprobe"),
    pytest.mark.needs_tool("mke2fs"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="session")
def root_image() -> Path:
    """The guest's root, built once a session: it holds the package that is under test."""
    BUILD.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, str(CHECKOUT / "tools/cbuild.py"), "plain"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    built = CHECKOUT / "build/plain"
    programs = [
        file for file in sorted((built / "tests/c").glob("test_*")) if file.is_file() and os.access(file, os.X_OK)
    ]
    made = BUILD / "root.ext4"
    image.build(made, programs, [built / "csrc/nsrunner-pause", built / "csrc/nsrunner-shim"])
    return made


@pytest.mark.parametrize("suite", kernels.SUITES)
def test_kernel(suite: str, root_image: Path) -> None:
    kernel = kernels.prepare(suite, BUILD / suite)
    console = qemu.boot(kernel, root_image, DEADLINE)
    lines = [line.removeprefix("VM ") for line in console.splitlines() if line.startswith("VM ")]
    assert f"kernel {kernel.release}" in lines, console
    assert kernel.release.startswith(kernels.SUITES[suite] + ".")
    assert [line for line in lines if line.startswith("not ok")] == [], console
    assert "ok smoke" in lines, console
    assert lines[-1] == "done", console
