"""Taking a command's output, with a real program in the place of the container's."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import cast

import pytest

from nsrunner.errors import SandboxError, WaitTimeout
from nsrunner.library.execute import execute
from nsrunner.library.items import ExecResult
from nsrunner.sandbox import records
from nsrunner.supervisor.pod import PodTask


class Host:
    """Runs the command here."""

    def __init__(self, error: SandboxError | None = None) -> None:
        self.error = error
        self.killed = False

    async def exec(
        self, container: str, argv: tuple[str, ...], *, env: tuple[str, ...], stdin: int, stdout: int, stderr: int
    ) -> Host:
        if self.error is not None:
            return self
        variables = dict(pair.split("=", 1) for pair in env)
        self.process = await asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=stdout, stderr=stderr, env={**os.environ, **variables}
        )
        return self

    async def result(self) -> records.ExecResult:
        if self.error is not None:
            raise self.error
        code = await self.process.wait()
        return records.ExecResult(record=1, exit_code=128 - code if code < 0 else code)

    async def kill(self) -> None:
        self.killed = True
        self.process.kill()
        await self.process.wait()


def run(
    host: Host, *argv: str, data: bytes | None = None, env: tuple[str, ...] = (), timeout: float | None = 60
) -> ExecResult:
    async def script() -> ExecResult:
        return await execute(cast("PodTask", host), "c", argv, data=data, env=env, timeout=timeout)

    before = sorted(os.listdir("/proc/self/fd"))
    try:
        return asyncio.run(script())
    finally:
        assert sorted(os.listdir("/proc/self/fd")) == before


def test_both_streams_and_the_exit_code() -> None:
    result = run(Host(), "sh", "-c", "echo out; echo err >&2; exit 3")
    assert result == ExecResult(exit_code=3, stdout=b"out\n", stderr=b"err\n")


def test_input_and_environment() -> None:
    assert run(Host(), "cat", data=b"some\0bytes").stdout == b"some\0bytes"
    assert run(Host(), "cat").stdout == b""
    assert run(Host(), "sh", "-c", "echo $COLOUR", env=("COLOUR=blue",)).stdout == b"blue\n"


def test_more_output_than_a_pipe_holds() -> None:
    script = "head -c 3000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait"
    result = run(Host(), "sh", "-c", script)
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 2_000_000)


def test_what_stays_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # the background process holds the output open until somebody has written here
    assert run(Host(), "sh", "-c", f"cat {tmp_path}/fifo & echo done").stdout == b"done\n"
    (tmp_path / "fifo").write_bytes(b"")


def test_a_timeout_kills() -> None:
    host = Host()
    with pytest.raises(WaitTimeout, match=r"command sleep in container c ran longer than 0\.05 s"):
        run(host, "sleep", "1000", timeout=0.05)
    assert host.killed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SandboxError("find executable in PATH", 2, "x"), 127),
        (SandboxError("exec", 2, "/x"), 127),
        (SandboxError("exec", 13, "/x"), 126),
    ],
)
def test_a_program_that_cannot_be_run_is_a_result(error: SandboxError, code: int) -> None:
    result = run(Host(error), "x")
    assert result.exit_code == code
    assert result.error.startswith("exec: ")


def test_other_failures_are_raised() -> None:
    with pytest.raises(SandboxError):
        run(Host(SandboxError("join namespaces", 1)), "x")
