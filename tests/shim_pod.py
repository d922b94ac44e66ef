"""A pod for tests of the shim: its directories, its cgroup, and specs by keyword, as wire.h has them."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nsrunner
from raw_shim import Fields, Peer, Shim, envelope, running_shim

LIBEXEC = Path(os.environ.get("NSRUNNER_TEST_LIBEXEC") or Path(nsrunner.__file__).parent / "libexec")
"""Where the helpers are: another build's, such as the sanitized one, with NSRUNNER_TEST_LIBEXEC."""
CAPABILITIES = 0xA80425FB  # containerd's fourteen


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def cgroup2() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    return None


class Pod:
    def __init__(self, root: Path, uid: str = "uid-1") -> None:
        self.uid = uid
        self.run = root / "run" / "pods" / uid
        self.state = root / "lib" / "pods" / uid
        self.logs = root / "log" / "pods" / uid
        self.links = root / "log" / "containers"
        top = cgroup2()
        self.cgroup = top / f"nsrunner-test-{root.name}" / uid if top else None

    def sandbox(self, attempt: int = 1, owner: int = 0, extra: Fields = ()) -> bytes:
        return envelope(
            "SANDBOX_SPEC",
            0,
            [
                ("UID", self.uid),
                ("ATTEMPT", attempt),
                ("RUN_DIR", str(self.run)),
                ("STATE_DIR", str(self.state)),
                ("LOGS_DIR", str(self.logs)),
                ("LINKS_DIR", str(self.links)),
                *([("OWNER_PID", owner), ("OWNER_START", start_time(owner))] if owner else []),
                ("HOSTNAME", "pod"),
                ("SHM_SIZE", 1 << 20),
                *([("CGROUP", str(self.cgroup))] if self.cgroup else []),
                *extra,
            ],
        )

    def id(self, name: str) -> str:
        return (name.encode().hex() + "0" * 64)[:64]

    def container(
        self,
        name: str,
        *argv: str,
        max_size: int = 10 << 20,
        max_files: int = 5,
        user: int = 0,
        capabilities: int = CAPABILITIES,
        extra: Fields = (),
    ) -> bytes:
        permitted = capabilities if user == 0 else 0
        link = f"pod_default_{name}-{self.id(name)}.log"
        return envelope(
            "CONTAINER_SPEC",
            0,
            [
                ("NAME", name),
                ("ATTEMPT", 0),
                ("CONTAINER_ID", self.id(name)),
                ("ROOT", [("LOWER", "/"), ("PRIVATE", "/tmp"), ("PRIVATE", "/run")]),
                *[("ARG", word) for word in argv],
                ("ENV", "PATH=/usr/local/bin:/usr/bin:/bin"),
                ("CWD", "/"),
                (
                    "CREDENTIALS",
                    [("USER", user), ("GROUP", user), ("BOUNDING", capabilities), ("PERMITTED", permitted)],
                ),
                (
                    "LOG",
                    [
                        ("DIRECTORY", str(self.logs / name)),
                        ("FILE_NAME", "0.log"),
                        ("LINK", str(self.links / link)),
                        ("MAX_SIZE", max_size),
                        ("MAX_FILES", max_files),
                    ],
                ),
                ("TERMINATION_PATH", "/dev/termination-log"),
                *extra,
            ],
        )

    def execution(self, name: str, *argv: str, extra: Fields = ()) -> bytes:
        words = [("ARG", word) for word in argv]
        return envelope("EXEC_SPEC", 0, [("CONTAINER_ID", self.id(name)), *words, *extra])

    def log(self, name: str) -> list[str]:
        """Lines of the current file without their stamps: "stdout F text"."""
        text = (self.logs / name / "0.log").read_bytes().decode(errors="surrogateescape")
        return [line.split(" ", 1)[1] for line in text.split("\n")[:-1]]

    # --- what most tests do -------------------------------------------------------------------------------------------

    def create(self, peer: Peer, **options: Any) -> int:
        """Its pause's pid."""
        answer = peer.call_spec("CREATE_SANDBOX", self.sandbox(**options))
        assert answer.kind == "OK", answer
        return int(answer.PID)

    def start(self, peer: Peer, name: str, *argv: str, **options: Any) -> int:
        answer = peer.call_spec("START_CONTAINER", self.container(name, *argv, **options))
        assert answer.kind == "OK", answer
        return int(answer.PID)

    def execute(
        self, peer: Peer, name: str, *argv: str, extra: Fields = (("OUTPUT_LIMIT", 4096),)
    ) -> tuple[int, bytes]:
        """Exit code and output of an exec that the shim collects from."""
        answer = peer.call_spec("EXEC", self.execution(name, *argv, extra=extra))
        assert answer.kind == "OK", answer
        return self.finished(peer, answer.id)

    def finished(self, peer: Peer, id: int) -> tuple[int, bytes]:
        record = peer.record("EXEC_FINISHED", EXEC_ID=id)
        output = b""
        for fd in record.fds:
            with os.fdopen(fd, "rb") as file:
                output = file.read()
        return int(record.EXIT_CODE), output

    def wait_until_printed(self, name: str, text: str, seconds: float = 10.0) -> None:
        """Tests of the shim have no log follower to lean on: they look."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                if any(text in line for line in self.log(name)):
                    return
            time.sleep(0.005)
        raise TimeoutError(f"{name} has not printed {text!r}")

    def left(self) -> list[str]:
        """What of it is still there."""
        places = [self.run, self.state, self.logs, *([self.cgroup] if self.cgroup else [])]
        found = [str(place) for place in places if place.exists()]
        return found + ([str(path) for path in self.links.iterdir()] if self.links.exists() else [])

    def sweep(self, seconds: float = 10.0) -> None:
        """Removes what a dead shim left, as the sweeper does (nsrunner.sandbox.sweep has its own tests)."""
        for place in (self.run, self.state, self.logs, self.links):
            shutil.rmtree(place)
        deadline = time.monotonic() + seconds
        for folder, _, _ in os.walk(self.cgroup, topdown=False) if self.cgroup else ():
            while True:
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise


@contextlib.contextmanager
def shim_of(pod: Pod) -> Iterator[Shim]:
    pod.run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with running_shim(LIBEXEC / "nsrunner-shim", LIBEXEC / "nsrunner-pause", pod.run) as shim:
            yield shim
    finally:
        if pod.cgroup and pod.cgroup.parent.exists():
            pod.cgroup.parent.rmdir()
