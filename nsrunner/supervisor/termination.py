"""The termination message of a container by the policy's rules (kubelet-semantics 25)."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["FALLBACK_BYTES", "FALLBACK_LINES", "termination_message"]

FALLBACK_LINES = 80
FALLBACK_BYTES = 2048


def termination_message(
    written: bytes, *, policy: str | None, exit_code: int, log_tail: Callable[[int, int], bytes]
) -> str:
    """What the container said when it ended. May read the log, so that it belongs in a thread.

    ``written`` is the end of its termination log; ``log_tail(lines, bytes)`` reads the end of its log, without
    timestamps. The machine divides the pod's limit among the containers.
    """
    message = written
    if not message and exit_code != 0 and policy == "FallbackToLogsOnError":
        message = log_tail(FALLBACK_LINES, FALLBACK_BYTES)
    return message.decode(errors="replace")
