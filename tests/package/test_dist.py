"""What pip and build make of the tree: the sdist from the commit, and one wheel for every Python from 3.11 on."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = [pytest.mark.packaging, pytest.mark.needs_tool("git"), pytest.mark.timeout(600)]

VERSION = re.search(r"version: '([^']+)'", (CHECKOUT / "meson.build").read_text())


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `python -m build` does it, but with the build tools that are already here."""
    folder = tmp_path_factory.mktemp("dist")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        str(folder),
        str(CHECKOUT),
    ]
    done = subprocess.run(
        command, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


def test_the_source_distribution_has_what_it_takes(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"pyproject.toml", "meson.build", "csrc/nsr.h", "nsrunner/py.typed", "LICENSE", "README.md"} <= names
    assert "tests/conftest.py" in names
    assert not [name for name in names if name.startswith(("build/", ".venv/", "nsrunner/libexec/"))]


def test_one_wheel_for_every_python(wheel: Path) -> None:
    """For the Python that builds it and every later one: a wheel for all is built by 3.11."""
    assert VERSION
    name = rf"nsrunner-{re.escape(VERSION.group(1))}-cp3{sys.version_info.minor}-abi3-linux_\w+\.whl"
    assert re.fullmatch(name, wheel.name)


def test_the_wheel_holds_the_extension_and_both_helpers_executable(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modes = {info.filename: stat.S_IMODE(info.external_attr >> 16) for info in archive.infolist()}
    assert "nsrunner/_native.abi3.so" in modes
    assert "nsrunner/py.typed" in modes
    assert modes["nsrunner/libexec/nsrunner-pause"] == 0o755
    assert modes["nsrunner/libexec/nsrunner-shim"] == 0o755
    assert not [name for name in modes if name.endswith((".c", ".h", ".pyc"))]
    modules = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "nsrunner").rglob("*.py")}
    committed = subprocess.run(
        ["git", "ls-files", "nsrunner"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert modules & set(committed) <= set(modes)


def test_the_wheel_keeps_to_the_stable_abi(wheel: Path) -> None:
    command = [sys.executable, "-m", "abi3audit", "--strict", "--report", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, timeout=120)
    environment = os.environ | {"PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nsrunner", "version"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert VERSION
    assert VERSION.group(1) in done.stdout, done.stderr


def test_the_version_is_in_one_place() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
