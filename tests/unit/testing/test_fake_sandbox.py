"""The fake keeps the rules of the real shim (csrc/wire.h). That it has its methods is in supervisor/test_ports.py."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox.records import ContainerExit, Record, SandboxDeath
from nsrunner.sandbox.spec import (
    ContainerSpec,
    ExecSpec,
    LogSpec,
    Namespaces,
    Owner,
    PodPaths,
    RootSpec,
    SandboxSpec,
)
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims, Run

PATHS = PodPaths(run="/r", state="/s", logs="/l", log_links="")
OWNER = Owner(kind="process", pid=1, start_time=1)
POD = RegisteredPod(uid="u", namespace="default", name="web", owner=OWNER, paths=PATHS, cgroup="")
SANDBOX = SandboxSpec(uid="u", attempt=0, paths=PATHS, owner=OWNER, namespaces=Namespaces())


def spec(name: str, attempt: int = 0, log: LogSpec | None = None) -> ContainerSpec:
    identity = f"{name}{attempt}".ljust(64, "0")
    return ContainerSpec(
        name=name, attempt=attempt, id=identity, root=RootSpec(lower="/"), argv=("x",), env=(), log=log
    )


async def launch(shims: FakeShims) -> FakeSandbox:
    sandbox, created = await shims.launch(POD, lambda sandbox: sandbox.create_sandbox(1, SANDBOX))
    await created
    return sandbox


async def next_records(sandbox: FakeSandbox, count: int) -> list[Record]:
    found: list[Record] = []
    async for record in sandbox.records():
        found.append(record)
        if len(found) == count:
            break
    return found


def test_a_script_is_played_and_its_last_run_repeated() -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.script("web", Run(lasts=2, exit_code=1), Run(lasts=3, exit_code=4, message=b"bye"))
        sandbox = await launch(shims)
        for attempt in range(3):
            await sandbox.start_container(10 + attempt, spec("web", attempt))
            assert sandbox.running == ["web"]
            (record,) = await next_records(sandbox, 1)
            assert isinstance(record, ContainerExit)
            expected = (1, 2) if attempt == 0 else (4, 3)
            assert (record.exit_code, round(record.finished.boottime - record.started.boottime)) == expected
        await sandbox.remove_pod(99)
        assert not shims.left and not shims.sandboxes

    clock.run(script())


def test_a_repeated_id_gets_the_first_answer_and_nothing_happens_twice() -> None:
    async def script() -> None:
        sandbox = await launch(FakeShims())
        first = await sandbox.start_container(5, spec("web"))
        assert await sandbox.start_container(5, spec("web")) is first
        assert sandbox.running == ["web"]

    clock.run(script())


def test_what_is_prepared_is_no_command_and_goes_with_its_start_or_its_sandbox() -> None:
    async def script() -> None:
        shims = FakeShims()
        sandbox = await launch(shims)
        sandbox.prepare_container(spec("web"))
        sandbox.prepare_container(spec("side"))
        assert await sandbox.start_container(2, spec("web"))
        assert list(sandbox.prepared) == ["side"]
        await sandbox.stop_sandbox(3, 0)
        assert not sandbox.prepared
        assert [str(call) for call in shims.calls] == ["launch", "create sandbox 0", "start web/0", "stop sandbox 0"]

    clock.run(script())


def test_faults_and_hangs_are_counted_over_all_commands() -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.faults[3] = SandboxError("clone", errno.EAGAIN)
        shims.hangs.add(4)
        sandbox = await launch(shims)
        with pytest.raises(SandboxError, match="clone"):
            await sandbox.start_container(2, spec("web"))
        before = asyncio.get_running_loop().time()
        with pytest.raises(SandboxError, match="timed out"):
            await sandbox.start_container(3, spec("web"))
        assert asyncio.get_running_loop().time() - before == 60
        assert [str(call) for call in shims.calls] == ["launch", "create sandbox 0", "start web/0", "start web/0"]

    clock.run(script())


def test_term_may_be_ignored_and_kill_may_not() -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.script("deaf", Run(ignores_term=True))
        sandbox = await launch(shims)
        await sandbox.start_container(2, spec("deaf"))
        await sandbox.start_container(3, spec("web"))
        for number, name in enumerate(("deaf", "web")):
            await sandbox.signal(10 + number, spec(name).id, 15, whole=False)
        assert sandbox.running == ["deaf"]
        await sandbox.signal(12, spec("deaf").id, 9, whole=True)
        await sandbox.signal(13, "gone", 9, whole=True)
        records = await next_records(sandbox, 2)
        assert [record.exit_code for record in records if isinstance(record, ContainerExit)] == [143, 137]

    clock.run(script())


def test_the_death_of_pause_ends_all_and_that_of_the_shim_hides_the_ends() -> None:
    async def script() -> None:
        shims = FakeShims()
        sandbox = await launch(shims)
        await sandbox.start_container(2, spec("web"))
        sandbox.kill_pause()
        exit_, death = await next_records(sandbox, 2)
        assert isinstance(exit_, ContainerExit) and isinstance(death, SandboxDeath) and death.record
        with pytest.raises(SandboxError, match="no sandbox"):
            await sandbox.start_container(3, spec("web", 1))
        sandbox.die()
        assert [record async for record in sandbox.records()] == [SandboxDeath(record=0, attempt=0)]
        with pytest.raises(SandboxError):
            await sandbox.stop_sandbox(4, 0)

    clock.run(script())


def test_output_is_in_the_log_file(tmp_path: Path) -> None:
    async def script() -> None:
        shims = FakeShims()
        shims.script("web", Run(output=("one", "two")))
        sandbox = await launch(shims)
        await sandbox.start_container(2, spec("web", log=LogSpec(directory=str(tmp_path / "web"), file="0.log")))
        process = await sandbox.exec(ExecSpec(container_id=spec("web").id, argv=("true",)))
        assert (await process.result()).exit_code == 0

    clock.run(script())
    lines = (tmp_path / "web" / "0.log").read_text().splitlines()
    assert [line.split(" ", 3)[1:] for line in lines] == [["stdout", "F", "one"], ["stdout", "F", "two"]]
