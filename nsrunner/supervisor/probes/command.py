"""Commands of exec probes and hooks: the shim collects their output, and ends the whole tree when time is up."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Final

from nsrunner.errors import SandboxError
from nsrunner.lifecycle.text import go_duration
from nsrunner.model.types import AnyContainer, ExecAction
from nsrunner.sandbox.records import ExecResult
from nsrunner.supervisor.failures import exec_failure, sentence
from nsrunner.supervisor.ports import Process
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.supervisor.probes.target import exec_command
from nsrunner.supervisor.probes.words import go_quote

__all__ = ["Start", "probe_exec", "run_command", "why_not"]

_SLACK: Final = 2.0
"""Seconds after which the shim should have said that it ended the command."""

Start = Callable[[tuple[str, ...], float], Awaitable[Process]]
"""Starts a command in the instance; it and all that it started are killed after so many seconds (0: never). Raises
SandboxError, or its result does."""


async def probe_exec(start: Start, action: ExecAction, container: AnyContainer, timeout: float) -> Outcome:
    """Exit code 0 is success (pkg/probe/exec, kubelet-semantics 14.8). Raises ProbeError."""
    argv = exec_command(action.command, container)
    try:
        result = await run_command(start, argv, timeout)
    except TimeoutError:
        return failure(f"command timed out: {go_quote(' '.join(argv))} timed out after {go_duration(timeout)}")
    except SandboxError as error:
        raise ProbeError(why_not(error, argv)) from None
    if result.error:
        raise ProbeError(f"failed to exec in container: {result.error}")
    if result.exit_code == 0:
        return success()
    return failure(result.output.decode(errors="replace"))


async def run_command(start: Start, argv: tuple[str, ...], timeout: float = 0.0) -> ExecResult:
    """To its end, whatever happens to the caller. Raises TimeoutError: time was up, nothing of it runs any more;
    SandboxError: it was not started, or the shim is gone."""
    try:
        process = await start(argv, timeout)
    except SandboxError as error:
        if _took_too_long(error, timeout):
            raise TimeoutError from None
        raise
    try:
        async with asyncio.timeout(timeout + _SLACK if timeout else None):
            result = await process.result()
    except SandboxError as error:  # nothing runs that could be killed
        if _took_too_long(error, timeout):
            raise TimeoutError from None
        raise
    except BaseException:
        try:
            await process.kill()
        except SandboxError:
            pass  # the shim is gone, and the pod with it
        raise
    if result.timed_out:
        raise TimeoutError
    return result


def _took_too_long(error: SandboxError, timeout: float) -> bool:
    """Whether time was up before the program ran."""
    return timeout > 0 and error.errno == errno.ETIMEDOUT and error.step == "wait for the process to start"


def why_not(error: SandboxError, argv: tuple[str, ...]) -> str:
    """Why a command was not run."""
    if error.step in ("exec", "find executable in PATH"):
        words = f"unable to start container process: {exec_failure(error, argv[0])}"
    elif error.step == "find the container":
        words = "container is not running"
    else:
        words = sentence(error)
    return f"failed to exec in container: {words}"
