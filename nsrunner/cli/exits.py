"""The exit codes: part of the interface; each verb's ``--help`` lists its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "BROKEN_PIPE",
    "FAILED",
    "INTERNAL",
    "INTERRUPTED",
    "NOT_EXECUTABLE",
    "NOT_FOUND",
    "OK",
    "TERMINATED",
    "TIMEOUT",
    "USAGE",
]

OK: Final = 0
FAILED: Final = 1
"""The verb could not do what was asked: no such pod, the host cannot run pods."""
USAGE: Final = 2
"""A wrong option or a bad manifest; nothing was run."""
TIMEOUT: Final = 124
"""``run --timeout`` (the number of timeout(1))."""
INTERNAL: Final = 125
"""nsrunner itself, or the host, failed; not the pod (the number of podman and env(1))."""
NOT_EXECUTABLE: Final = 126
"""``exec``: a command that is there and cannot be run."""
NOT_FOUND: Final = 127
"""``exec``: there is no such command."""
INTERRUPTED: Final = 130
"""128 + SIGINT."""
BROKEN_PIPE: Final = 141
"""128 + SIGPIPE: the reader of our output went away."""
TERMINATED: Final = 143
"""128 + SIGTERM; a hang-up ends in it too."""
