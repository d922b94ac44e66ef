"""What this machine can do, probed by doing it: the reasons behind the typed skips (`@pytest.mark.needs_...`).

A probe answers None (it can) or a Lack. A lack is `final` when nothing that the tests could install or start would mend
it (the kernel refused); under NSRUNNER_TEST_STRICT=1 only a final lack may skip a test, everything else fails it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stalled import stalled


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a test needs and this machine has not."""

    probed: str
    """What was done, and how it was answered."""
    final: bool


def strict() -> bool:
    return os.environ.get("NSRUNNER_TEST_STRICT", "") not in ("", "0")


def attempt(*argv: str) -> str | None:
    """Runs a short command; None when it succeeded, otherwise the command and its last words."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(argv)}: {error}"
    if done.returncode == 0:
        return None
    words = (done.stderr or done.stdout).strip().splitlines()
    return f"{' '.join(argv)}: exit {done.returncode}: {words[-1] if words else 'no message'}"


@cache
def needs_root() -> Lack | None:
    if os.geteuid() != 0:
        return Lack(f"geteuid() is {os.geteuid()}, not 0", final=False)
    refused = attempt("unshare", "--mount", "true")
    return Lack(refused, final=True) if refused else None


@cache
def needs_overlay() -> Lack | None:
    if lack := needs_root():
        return lack
    with tempfile.TemporaryDirectory(prefix="nsr-probe-") as top:
        script = (
            f"mount -t tmpfs none {top} && cd {top} && mkdir l u w m"
            f" && mount -t overlay none -o lowerdir={top}/l,upperdir={top}/u,workdir={top}/w {top}/m"
        )
        refused = attempt("unshare", "--mount", "sh", "-c", script)
    return Lack(refused, final=True) if refused else None


@cache
def needs_cgroup2() -> Lack | None:
    if lack := needs_root():
        return lack
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"]
    if not mounts:
        return Lack("no cgroup2 in /proc/mounts", final=True)
    probe = Path(mounts[0]) / f"nsr-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return Lack(f"mkdir {probe}: {error.strerror}", final=True)
    return None


@cache
def needs_dummy() -> Lack | None:
    if lack := needs_root() or needs_tool("ip"):
        return lack
    refused = attempt("unshare", "--net", "ip", "link", "add", "probe0", "type", "dummy")
    return Lack(refused, final=True) if refused else None


@cache
def needs_permission_events() -> Lack | None:
    if lack := needs_root():
        return lack
    try:
        with tempfile.TemporaryDirectory(prefix="nsr-probe-") as top, stalled(Path(top)):
            return None
    except OSError as error:
        return Lack(f"{error.strerror}: {os.strerror(error.errno or 0)}", final=True)


@cache
def needs_tool(name: str) -> Lack | None:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
    return None if found else Lack(f"no {name} on PATH", final=False)


PROBES: dict[str, Callable[..., Lack | None]] = {
    probe.__name__: probe
    for probe in (needs_root, needs_overlay, needs_cgroup2, needs_dummy, needs_permission_events, needs_tool)
}
