"""The root of a machine that boots systemd: Debian's minimal base, the Python that runs these tests, the package.

The base is of the machine's own release, so that libraries and interpreter are those that the tests run with here.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import fresh_machine
from vm import image

GUEST = Path(__file__).parent / "systemd_guest"
SIZE = "2G"  # sparse

PROGRAM = """\
#!{interpreter}
from nsrunner.cli.main import entry

entry()
"""


def suite() -> str:
    """The machine's own release."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "sid")


def build(made: Path) -> None:
    """Raises CalledProcessError when mmdebstrap, ldd or mke2fs fails."""
    root = made.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    base = fresh_machine.base(suite(), made.with_name("systemd-base.tar"), ("systemd-sysv", "dbus"))
    subprocess.run(["tar", "--extract", "--directory", str(root), "--file", str(base)], check=True, timeout=300)
    shutil.copytree(GUEST, root / "guest")
    (root / "etc/hostname").write_text("guest\n")
    (root / "var/stage").write_text("1\n")
    units = root / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    shutil.move(root / "guest/checks.service", units)
    (units / "multi-user.target.wants/checks.service").symlink_to("../checks.service")
    (units / "serial-getty@ttyS0.service").symlink_to("/dev/null")  # no udev will tell of it
    folders = image.install_python(root)
    image.install_libraries(root, *folders)
    compile_all(root, folders)
    install_program(root)
    image.write(root, made, SIZE)


def install_program(root: Path) -> None:
    """``nsrunner`` as pip would have installed it: the interpreter finds the package without being told where."""
    stdlib = image.inside(root, Path(sysconfig.get_path("stdlib")))
    custom = stdlib / "sitecustomize.py"
    custom.unlink(missing_ok=True)  # Debian's is a link
    custom.write_text(f"import site\n\nsite.addsitedir({sysconfig.get_path('platlib')!r})\n")
    program = root / "usr/local/bin/nsrunner"
    program.write_text(PROGRAM.format(interpreter=Path(sys.executable).resolve()))
    program.chmod(0o755)


def compile_all(root: Path, folders: Iterable[Path]) -> None:
    """Or the guest would, instruction by instruction translated. Files for some other Python do not matter."""
    command = [sys.executable, "-m", "compileall", "-q", "-q", "-j", "0", "-s", str(root), "-p", "/"]
    subprocess.run([*command, *(str(folder) for folder in folders)], check=False, timeout=600)
