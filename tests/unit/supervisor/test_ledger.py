"""Instances and the order of ends."""

from __future__ import annotations

import asyncio
import os
import subprocess

from nsrunner.lifecycle.events import ContainerExited, Event, Now, SandboxDied
from nsrunner.supervisor.ledger import Ledger, RunningContainer, is_ending
from nsrunner.testing import clock

GONE = 2**22 + 1  # above the largest pid there can be


def exited(code: int, attempt: int = 0) -> ContainerExited:
    now = Now(mono=0, wall=0)
    return ContainerExited(
        container="web", attempt=attempt, exit_code=code, oom_killed=False, message="", started=now, finished=now
    )


def ledger(pause: int) -> tuple[Ledger, list[Event]]:
    posted: list[Event] = []
    found = Ledger(posted.append)
    found.sandbox_stands(0, pause)
    found.starting("web", 0, "id")
    found.started("web", 0, 77)
    return found, posted


def test_an_instance_runs_from_its_start_to_its_end() -> None:
    found, posted = ledger(os.getpid())
    assert found.running == {"web": RunningContainer(0, "id", 77)}
    assert found.instances == {("web", 0): True}
    found.exited(exited(1))
    assert posted == [exited(1)]
    assert not found.running
    assert found.instances == {("web", 0): False}
    assert found.identity("web", 0) == "id"
    assert found.removed("web", 0) == "id"
    assert found.removed("web", 0) is None
    assert not found.instances


def test_an_end_before_the_answer_to_the_start() -> None:
    posted: list[Event] = []
    found = Ledger(posted.append)
    found.starting("web", 0, "id")
    found.exited(exited(0))
    found.started("web", 0, 77)
    assert not found.running
    assert found.instances == {("web", 0): False}


def test_a_dead_sandbox_is_told_before_the_ends_that_it_caused() -> None:
    async def script() -> None:
        found, posted = ledger(GONE)
        found.exited(exited(137))
        assert not posted and not found.running
        found.sandbox_died(0)
        assert posted == [SandboxDied(attempt=0), exited(137)]
        found.sandbox_died(0)
        found.sandbox_died()
        assert len(posted) == 2

    clock.run(script())


def test_other_ends_do_not_wait() -> None:
    for pause, code in ((GONE, 1), (os.getpid(), 137)):
        found, posted = ledger(pause)
        found.exited(exited(code))
        assert posted == [exited(code)]


def test_an_end_is_not_held_for_ever() -> None:
    async def script() -> None:
        found, posted = ledger(GONE)
        found.exited(exited(137))
        await asyncio.sleep(6)
        assert posted == [exited(137)]

    clock.run(script())


def test_a_sandbox_that_is_stopped_dies_without_a_word() -> None:
    async def script() -> None:
        found, posted = ledger(GONE)
        found.sandbox_ends()
        found.exited(exited(137))
        found.sandbox_died(0)
        found.sandbox_stopped()
        assert posted == [exited(137)]
        assert found.instances == {("web", 0): False}

    clock.run(script())


def test_the_death_of_an_earlier_sandbox_is_old_news() -> None:
    found, posted = ledger(os.getpid())
    found.sandbox_stands(1, os.getpid())
    found.sandbox_died(0)
    assert not posted and found.running
    found.sandbox_died()
    assert posted == [SandboxDied(attempt=1)] and not found.running


def test_a_process_that_ends() -> None:
    assert is_ending(GONE)
    assert not is_ending(os.getpid())
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_ending(child.pid)  # a zombie
