"""kubelet-semantics 25."""

import asyncio
from pathlib import Path

import pytest

from nsrunner.lifecycle.events import ContainerExited, Now
from nsrunner.sandbox.records import ContainerExit, Stamp
from nsrunner.supervisor.termination import FALLBACK_BYTES, FALLBACK_LINES, container_exited, termination_message


def log_tail(lines: int, size: int) -> bytes:
    assert (lines, size) == (FALLBACK_LINES, FALLBACK_BYTES) == (80, 2048)
    return b"from the log\n"


@pytest.mark.parametrize(
    ("written", "policy", "exit_code", "message"),
    [
        (b"why\n", "File", 1, "why\n"),
        (b"", "File", 1, ""),
        (b"why", "FallbackToLogsOnError", 1, "why"),
        (b"", "FallbackToLogsOnError", 1, "from the log\n"),
        (b"", "FallbackToLogsOnError", 0, ""),
        (b"", None, 1, ""),
        (b"\xff!", "File", 0, "\ufffd!"),
    ],
)
def test_message(written: bytes, policy: str | None, exit_code: int, message: str) -> None:
    """kubelet-semantics 33.27: the log only after a failure, and only when nothing was written."""
    assert termination_message(written, policy=policy, exit_code=exit_code, log_tail=log_tail) == message


def test_the_event_of_a_record_reads_the_log_when_it_must(tmp_path: Path) -> None:
    lines = "".join(f"2026-01-01T00:00:00.000000000Z stderr F line {number}\n" for number in range(100))
    (tmp_path / "2.log").write_text(lines)
    record = ContainerExit(
        record=1,
        container_id="0" * 64,
        name="web",
        attempt=2,
        exit_code=9,
        oom_killed=True,
        started=Stamp(1.0, 1001.0),
        finished=Stamp(2.0, 1002.0),
        termination_message=b"",
    )
    event = asyncio.run(container_exited(record, "FallbackToLogsOnError", str(tmp_path)))
    assert event == ContainerExited(
        container="web",
        attempt=2,
        exit_code=9,
        oom_killed=True,
        message="".join(f"line {number}\n" for number in range(20, 100)),
        started=Now(1.0, 1001.0),
        finished=Now(2.0, 1002.0),
    )
    assert asyncio.run(container_exited(record, "File", str(tmp_path))).message == ""
