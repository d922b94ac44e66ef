"""What an answer or a record means where it needs more than its own bytes: the names of steps, an exec's output."""

from __future__ import annotations

import os

from nsrunner.errors import SandboxError
from nsrunner.sandbox import native
from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.wire import Message, Tag

__all__ = ["error", "exec_result"]


def error(message: Message) -> SandboxError:
    """Of an ERROR, or of the error in an EXEC_FINISHED."""
    return SandboxError(native.step_name(message.number(Tag.STEP)), message.number(Tag.ERRNO), message.text(Tag.PATH))


def exec_result(message: Message, fds: list[int]) -> ExecResult:
    """Of an EXEC_FINISHED, whose output comes as a memfd; ``fds`` stay the caller's."""
    return ExecResult(
        record=message.number(Tag.RECORD),
        exit_code=message.number(Tag.EXIT_CODE),
        timed_out=message.number(Tag.TIMED_OUT) != 0,
        output=os.pread(fds[0], os.fstat(fds[0]).st_size, 0) if fds else b"",
        error=str(error(message)) if message.number(Tag.STEP) else "",
    )
