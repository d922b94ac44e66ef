"""The guest's root: an ext4 image with some programs, the Python that runs these tests, the package and the C tests.

Everything comes from the machine that runs the tests (same libc, same interpreter, same paths), so nothing is
downloaded and the guest differs from the host in its kernel only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

GUEST = Path(__file__).parent / "guest"
DIRECTORIES = (
    *("dev", "etc", "proc", "run", "sys", "tests", "var/lib", "var/log"),
    *("usr/bin", "usr/lib", "usr/lib64", "usr/sbin"),
)
SIZE = "512M"  # sparse
UNUSED = {"test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "site-packages"}
PACKAGES = ("coreutils", "dash", "grep", "sed")
DLOPENED = ("libseccomp.so.2",)


def build(image: Path, c_tests: Iterable[Path], helpers: Iterable[Path]) -> None:
    """The guest's /tests looks like the build directory: the tests, and csrc with the helpers that they start.

    Raises CalledProcessError when ldd or mke2fs fails, OSError when something cannot be copied."""
    root = image.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(mode=0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    install_programs(root)
    install_busybox(root)
    shutil.copytree(GUEST, root / "guest")
    for test in c_tests:
        shutil.copy2(test, root / "tests" / test.name)
    (root / "tests/csrc").mkdir()
    for helper in helpers:
        shutil.copy2(helper, root / "tests/csrc" / helper.name)
    install_python(root)
    install_libraries(root, root)
    write(root, image, SIZE)


def write(root: Path, image: Path, size: str) -> None:
    """A directory becomes a file system, and goes."""
    image.unlink(missing_ok=True)
    subprocess.run(
        ["/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(image), size],
        check=True,
        timeout=300,
    )
    shutil.rmtree(root)


def install_programs(root: Path) -> None:
    """The programs of the host's packages, as a container with `image: host` finds them on a real machine."""
    listed = subprocess.run(
        ["dpkg", "--listfiles", *PACKAGES], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    for path in map(Path, listed.split()):
        if path.parent.name in ("bin", "sbin") and path.is_file() and not path.is_symlink():
            copy(root, path)


def install_busybox(root: Path) -> None:
    shutil.copy2("/bin/busybox", root / "usr/bin/busybox")
    listed = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True, timeout=60).stdout
    for applet in listed.split():
        link = root / "usr/bin" / applet
        if not link.exists():
            link.symlink_to("busybox")


def install_python(root: Path) -> list[Path]:
    """Interpreter, standard library and the closure of the package's dependencies, each where it is here. Returns the
    folders in the root that have them."""
    interpreter = Path(sys.executable)
    real = interpreter.resolve()
    copy(root, real)
    stdlib = Path(sysconfig.get_path("stdlib"))
    platform = Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_prefix}))
    for library in {stdlib, platform}:
        shutil.copytree(library, inside(root, library), ignore=unused, symlinks=True, dirs_exist_ok=True)
    site = Path(sysconfig.get_path("platlib"))
    for name in closure("nsrunner"):
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if source.is_relative_to(site) and source.exists() and source.suffix != ".pyc":
                copy(root, source)
    (root / "guest/python").write_text(f'#!/bin/sh\nPYTHONPATH={site} PYTHONDONTWRITEBYTECODE=1 exec {real} -s "$@"\n')
    (root / "guest/python").chmod(0o755)
    return [inside(root, folder) for folder in (real.parent, stdlib, platform, site)]


def unused(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in UNUSED or name.startswith("config-") or name == "__pycache__"}


def closure(name: str) -> set[str]:
    """The distribution and all that it needs here, transitively. Extras and other platforms' needs are left out."""
    found: set[str] = set()
    wanted = [name]
    while wanted:
        distribution = metadata.distribution(wanted.pop())
        if distribution.name in found:
            continue
        found.add(distribution.name)
        for requirement in distribution.requires or ():
            need = Requirement(requirement)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                wanted.append(need.name)
    return found


def install_libraries(root: Path, *below: Path) -> None:
    """Every shared library that an ELF file below these folders needs, and those that are opened by name."""
    files = [path for folder in below for path in folder.rglob("*")]
    elves = [path for path in files if path.is_file() and not path.is_symlink() and is_elf(path)]
    linked = subprocess.run(["ldd", *map(str, elves)], capture_output=True, text=True, check=False, timeout=120).stdout
    wanted = set(re.findall(r"(/\S+) \(0x", linked))
    cached = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True, timeout=60).stdout
    for name in DLOPENED:
        match = re.search(rf"{re.escape(name)} .* => (\S+)", cached)
        if match:
            wanted.add(match.group(1))
    for path in sorted(wanted):
        copy(root, Path(path), named=Path(path))


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def inside(root: Path, path: Path) -> Path:
    target = root / path.relative_to("/")
    return target.parent.resolve() / target.name if target.parent.exists() else target


def copy(root: Path, source: Path, *, named: Path | None = None) -> None:
    target = root / (named or source).relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(source, target)
