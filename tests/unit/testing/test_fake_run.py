"""The execs of a fake shim; containers' runs are in test_fake_sandbox.py."""

from __future__ import annotations

import asyncio

from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.spec import ExecSpec
from nsrunner.testing import clock
from nsrunner.testing.fake_run import Call, FakeProcess

DONE = ExecResult(record=0, exit_code=3)


def process(lasts: float | None, limit: float = 0) -> FakeProcess:
    spec = ExecSpec(container_id="c", argv=("x",), env=(), timeout_ms=round(limit * 1000))
    return FakeProcess(1, DONE, lasts, spec)


def test_a_process_ends_by_itself_by_its_limit_or_by_force() -> None:
    async def script() -> None:
        assert await process(5).result() == DONE
        assert await process(5, limit=9).result() == DONE
        late = await process(9, limit=5).result()
        assert (late.exit_code, late.timed_out) == (137, True)
        endless = process(None)
        asyncio.get_running_loop().call_later(3, endless._gone.set)
        endless.killed = True
        killed = await endless.result()
        assert (killed.exit_code, killed.timed_out) == (137, False)

    clock.run(script())


def test_a_call_says_what_it_is_about() -> None:
    assert (str(Call("launch")), str(Call("start", "web/0"))) == ("launch", "start web/0")
