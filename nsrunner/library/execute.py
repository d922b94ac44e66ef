"""Running a command in a container and taking its output."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Final

from nsrunner.errors import SandboxError, WaitTimeout
from nsrunner.library.items import ExecResult
from nsrunner.supervisor.failures import exec_failure
from nsrunner.supervisor.pod import PodTask

__all__ = ["execute"]

_CHUNK: Final = 65536
_PATIENCE: Final = 0.005
"""Seconds until the output is read while the command runs: until then the pipes hold it."""
_COMMAND_STEPS: Final = frozenset({"exec", "find executable in PATH"})


class _Output:
    """A pipe for what the command writes. Nobody reads it at first: that a command which is over at once leaves its
    output in the pipe costs no turn of the loop."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read, False)
        self._parts: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self) -> None:
        """From now on it is emptied whenever it holds something."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read, self._take)

    def _take(self) -> None:
        try:
            while data := os.read(self._read, _CHUNK):
                self._parts.append(data)
                if len(data) < _CHUNK:
                    return
        except BlockingIOError:
            return
        self._unwatch()

    def _unwatch(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._read)
            self._loop = None

    def finish(self) -> bytes:
        """All that was written until now, once the writer has ended. What a background process of the command writes
        later is lost, as with ``kubectl exec``."""
        try:
            while data := os.read(self._read, _CHUNK):
                self._parts.append(data)
        except BlockingIOError:
            pass
        return b"".join(self._parts)

    def close_writer(self) -> None:
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def close(self) -> None:
        self.close_writer()
        self._unwatch()
        os.close(self._read)


def _input(data: bytes | None) -> int:
    """A descriptor to read ``data`` from: a file in memory, so that nobody has to feed it."""
    if data is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def execute(
    task: PodTask,
    container: str,
    argv: tuple[str, ...],
    *,
    data: bytes | None,
    env: tuple[str, ...],
    timeout: float | None,
) -> ExecResult:
    """Runs a command to its end. Raises UsageError when the container does not run, WaitTimeout after ``timeout``
    seconds (the command and all it started are then killed), SandboxError."""
    stdout, stderr = _Output(), _Output()
    stdin = _input(data)
    reading = asyncio.get_running_loop().call_later(_PATIENCE, _watch, stdout, stderr)
    try:
        process = await task.exec(container, argv, env=env, stdin=stdin, stdout=stdout.write, stderr=stderr.write)
        stdout.close_writer()
        stderr.close_writer()
        try:
            async with asyncio.timeout(timeout):
                result = await process.result()
        except SandboxError:
            raise
        except BaseException as error:
            await process.kill()
            if isinstance(error, TimeoutError):
                raise WaitTimeout(f"command {argv[0]} in container {container} ran longer than {timeout:g} s") from None
            raise
        return ExecResult(
            exit_code=result.exit_code, stdout=stdout.finish(), stderr=stderr.finish(), error=result.error
        )
    except SandboxError as error:
        if error.step not in _COMMAND_STEPS:
            raise
        code = 127 if error.errno in (0, errno.ENOENT) else 126
        return ExecResult(exit_code=code, error=exec_failure(error, argv[0]))
    finally:
        reading.cancel()
        os.close(stdin)
        stdout.close()
        stderr.close()


def _watch(*outputs: _Output) -> None:
    for output in outputs:
        output.watch()
