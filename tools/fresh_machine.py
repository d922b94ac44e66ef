"""README's two set-up commands on machines that have nothing: `make fresh-machine`.

For each suite an empty Debian root is made (mmdebstrap's minbase), the commit is cloned into a copy of it, and each
command line is taken from README.md and run there as root. The sources, proxies and certificates of apt and pip
are the host's. The roots live in build/fresh and are removed afterwards; the bases are kept.

The root is entered by unshare, bind mount and pivot_root: under chroot, pivot_root within it would fail.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import debian

CHECKOUT = Path(__file__).resolve().parent.parent
FRESH = CHECKOUT / "build" / "fresh"
DEADLINE = 3600.0
"""Seconds for one command: it downloads, compiles and runs everything."""

INSIDE = "/root/nsrunner"

KEPT = re.compile(
    r"^(PIP_|SSL_CERT_|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NSRUNNER_TEST_|(https?|ftp|all|no)_proxy$)", re.IGNORECASE
)
"""Environment that says how to reach the registries; nothing else goes in."""

# Arguments: root, working directory, command. A private copy of the mount table; the old root is detached at once.
ENTER = """
set -e
mount --bind "$1" "$1"
cd "$1"
mount --rbind /dev dev
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs tmpfs run
for folder in $4; do mkdir -p ".$folder"; mount --rbind "$folder" ".$folder"; done
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
cd "$2"
exec sh -c "$3" </dev/null
"""


def commands() -> list[str]:
    """The set-up commands of README: the lines that start with `sh tools/setup` in its code blocks."""
    found = re.findall(r"^sh tools/setup .*$", (CHECKOUT / "README.md").read_text(), re.MULTILINE)
    if len(found) != 2:
        raise RuntimeError(f"README.md has {len(found)} set-up commands, not 2: {found}")
    return found


def base(suite: str, archive: Path, packages: Sequence[str] = ()) -> Path:
    """A minimal root of the suite, and these packages besides. Made once."""
    if not archive.exists():
        options = [f"--aptopt={line}" for line in apt_options()]
        options += [f"--include={','.join(packages)}"] if packages else []
        made = archive.with_suffix(".part")
        command = [
            *("unshare", "--mount", "--propagation", "private"),  # its mounts are nobody else's business
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--format=tar",
            *options,
            suite,
            str(made),
            *debian.sources(suite),
        ]
        subprocess.run(command, check=True, timeout=DEADLINE)
        made.rename(archive)
    return archive


def apt_options() -> list[str]:
    """How the host's apt reaches its archive, as apt.conf lines; what it does after an install stays behind."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True, timeout=60).stdout
    return [line for line in dump.splitlines() if re.match(r'Acquire::(https?|Check-|Retries)[^ ]* "[^"]', line)]


def shared_folders() -> list[str]:
    """Folders of the host that pip's configuration points to."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    named = re.findall(r"(?:file://)?(/[^\s',:]+)", listed)
    return sorted({path for path in named if Path(path).is_dir()})


def furnish(root: Path, suite: str) -> None:
    """What a machine has from its administrator: sources, name service, certificates, pip's settings, a checkout."""
    (root / "etc/apt/sources.list").write_text("\n".join(debian.sources(suite)) + "\n")
    (root / "etc/apt/apt.conf.d/99host").write_text("\n".join(apt_options()) + "\n")
    for name in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt", "etc/pip.conf"):
        source = Path("/") / name
        if source.exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / name)
    for name in ("usr/local/share/ca-certificates", "etc/xdg/pip"):
        if Path("/", name).is_dir():
            shutil.copytree(Path("/", name), root / name, dirs_exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(root / INSIDE[1:])], check=True, timeout=600)


def enter(root: Path, command: str, log: Path) -> int:
    """Runs a shell command in the root as its own mount, pid, ipc and uts world; its words go to the log."""
    environment = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    environment |= {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
    }
    unshare = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"]
    arguments = ["sh", "-c", ENTER, "sh", str(root), INSIDE, command, " ".join(shared_folders())]
    with log.open("wb") as words:
        done = subprocess.run(
            [*unshare, *arguments],
            env=environment,
            stdout=words,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=DEADLINE,
        )
    return done.returncode


def prove(suite: str, command: str) -> bool:
    root = FRESH / f"{suite}.root"
    log = FRESH / f"{suite}-{command.split()[-1]}.log"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    started = time.monotonic()
    try:
        subprocess.run(
            ["tar", "-C", str(root), "-xf", str(base(suite, FRESH / f"{suite}.tar"))], check=True, timeout=600
        )
        furnish(root, suite)
        code = enter(root, command, log)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    lines = log.read_text(errors="replace").rstrip().splitlines()
    print(f"{suite}: {command}: exit {code} after {time.monotonic() - started:.0f} s; the end of {log}:")
    print(*(f"    {line}" for line in lines[-8 if code == 0 else -60 :]), sep="\n", flush=True)
    return code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove README's set-up commands in empty Debian roots.")
    parser.add_argument("suites", nargs="*", default=["bookworm", "trixie"], help="Debian suites (bookworm trixie)")
    parser.add_argument("--only", default="", metavar="TARGET", help="only the command that ends in this, such as demo")
    wanted = parser.parse_args()
    FRESH.mkdir(parents=True, exist_ok=True)
    with (FRESH / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits: it would use the same roots
        outcomes = [
            prove(suite, command) for suite in wanted.suites for command in commands() if command.endswith(wanted.only)
        ]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
