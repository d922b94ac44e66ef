"""What a pod could leave on the host, as sets that can be subtracted: the leak check of the tests that make real pods.

Other programs (and other test workers) may run beside the tests, so each kind is narrowed to what can only be ours:
processes to our own descendants (we are a subreaper), cgroups to empty ones, files to the test's own state root.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

GRACE = 3.0
"""Seconds for the last processes to be reaped and the shim to remove its directories."""

SETTLED = 1.0

PR_SET_CHILD_SUBREAPER = 36

Snapshot = dict[str, set[str]]


def become_subreaper() -> None:
    """Orphans of our descendants become our children (prctl(2)); reap_orphans() takes them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


@contextlib.contextmanager
def state_root() -> Iterator[Path]:
    """A short directory (socket paths are limited to 107 bytes) that NSRUNNER_ROOT can name."""
    root = Path(tempfile.mkdtemp(prefix="nsr-", dir="/tmp"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def processes() -> dict[int, str]:
    """Our descendants: pid -> "start time, state, name". Zombies of ours included."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue  # it ended meanwhile
        name = stat[stat.index("(") + 1 : stat.rindex(")")]
        fields = stat[stat.rindex(")") + 2 :].split()
        state = "zombie" if fields[0] == "Z" else "alive"
        parents[int(entry)] = (int(fields[1]), f"{name} ({state}, started {fields[19]})")
    ours = {os.getpid()}
    grown = True
    while grown:
        fresh = {pid for pid, (parent, _) in parents.items() if parent in ours} - ours
        ours |= fresh
        grown = bool(fresh)
    ours.discard(os.getpid())
    return {pid: parents[pid][1] for pid in ours}


def reap_orphans(known: set[int]) -> None:
    """Takes zombies that came to us as a subreaper; children that were there before the test belong to somebody."""
    for pid, text in processes().items():
        if pid not in known and "(zombie" in text:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def descriptors() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(f"{number} -> {os.readlink(f'/proc/self/fd/{number}')}")
    # the sealed executables are the process's, made once and kept (nsrunner.sandbox.native.executable) ...
    kept = ("/memfd:nsrunner-shim (deleted)", "/memfd:nsrunner-pause (deleted)")
    left = {line for line in found if not line.endswith(kept) and ("/proc/" not in line or not line.endswith("/fd"))}
    # ... and so is one device filter (csrc/device_filter.c): a second would be left by somebody
    filters = sorted(line for line in left if line.endswith("anon_inode:bpf-prog"))
    return left - set(filters[:1])


def mounts() -> set[str]:
    return {" ".join(line.split()[3:5]) for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def cgroups() -> set[str]:
    """Those of pods of which nothing runs. A live pod is somebody else's here, and so are its dead containers' cgroups,
    which stay until their logs go; those of a dead pod have been forgotten."""
    found = set()
    for line in Path("/proc/mounts").read_text().splitlines():
        _, top, kind, *_ = line.split()
        if kind != "cgroup2":
            continue
        for folder, names, _ in os.walk(top):
            if "/nsrunner/" in folder:  # the directory above all pods stays
                above, _, below = folder.partition("/nsrunner/")
                pod = Path(above) / "nsrunner" / below.partition("/")[0]
                with contextlib.suppress(OSError):
                    if "populated 0" in (pod / "cgroup.events").read_text():
                        found.add(folder)
            names.sort()
    return found


def rules() -> set[str]:
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
    if nft is None:
        return set()
    listed = subprocess.run([nft, "list", "tables"], capture_output=True, text=True, timeout=20, check=False).stdout
    return set(listed.splitlines())


def files(root: Path) -> set[str]:
    """Everything below the state root but the directories that stay, and the lock."""
    found = set()
    for folder, names, entries in os.walk(root):
        found.update(f"{folder}/{name}" for name in entries)
        if not names and not entries:
            found.add(f"{folder}/")
    kept = ("/pods/", "/containers/")
    return {path for path in found if any(part in path for part in kept) and not path.endswith(kept)}


def snapshot(root: Path) -> Snapshot:
    return {
        "process": {f"{pid} {text}" for pid, text in processes().items()},
        "mount": mounts(),
        "cgroup": cgroups(),
        "link": set(os.listdir("/sys/class/net")) - {"bonding_masters"},
        "named network namespace": set(os.listdir("/run/netns")) if Path("/run/netns").is_dir() else set(),
        "nft table": rules(),
        "descriptor": descriptors(),
        "file": files(root),
    }


def left_since(before: Snapshot, root: Path) -> list[str]:
    """One line per thing that was not there before and did not go within GRACE seconds.

    Other tests' pods come and go meanwhile: what has been there for less than SETTLED seconds is looked at again.
    """
    known = {int(line.split()[0]) for line in before["process"]}
    seen: dict[str, float] = {}
    deadline = time.monotonic() + GRACE
    while True:
        gc.collect()
        reap_orphans(known)
        after, now = snapshot(root), time.monotonic()
        left = [f"{kind}: {what}" for kind, found in after.items() for what in sorted(found - before[kind])]
        seen = {line: seen.get(line, now) for line in left}
        settled = [line for line in left if now - seen[line] >= min(SETTLED, GRACE)]
        if not left or (now >= deadline and settled) or now >= deadline + GRACE:
            return settled
        time.sleep(0.02)  # the one wait that has no event: for things that nobody may still be watching
