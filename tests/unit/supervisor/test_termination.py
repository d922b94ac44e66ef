"""kubelet-semantics 25."""

import pytest

from nsrunner.supervisor.termination import FALLBACK_BYTES, FALLBACK_LINES, termination_message


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
    assert termination_message(written, policy=policy, exit_code=exit_code, log_tail=log_tail) == message
