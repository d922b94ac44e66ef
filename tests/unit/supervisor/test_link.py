"""The connection to a pod's shim. Most of it is played in test_resume.py and test_pod.py."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Coroutine
from typing import Any

from nsrunner.errors import SandboxError
from nsrunner.lifecycle.events import Event, SandboxDied
from nsrunner.sandbox.spec import Namespaces, Owner, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod, Roots
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.link import ShimLink
from nsrunner.testing import clock
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims

PATHS = Roots().pod_paths("default", "web", "u")
POD = RegisteredPod(uid="u", namespace="default", name="web", owner=Owner(kind="daemon"), paths=PATHS, cgroup="")


class Ends:
    """A link, and what it posts."""

    def __init__(self, shims: FakeShims | None = None) -> None:
        self.shims = shims or FakeShims()
        self.posted: list[Event] = []
        self.ledger = Ledger(self.posted.append)
        self.tasks: list[asyncio.Task[None]] = []
        self.silences: list[bool] = []
        self.link = ShimLink(
            POD,
            shims=self.shims,
            ledger=self.ledger,
            policy=lambda name: "File",
            spawn=self.spawn,
            silence=self.silences.append,
        )

    def spawn(self, effect: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(effect))
        return self.tasks[-1]

    async def stand(self) -> FakeSandbox:
        spec = SandboxSpec(uid="u", attempt=0, paths=PATHS, owner=POD.owner, namespaces=Namespaces())
        sandbox, created = await self.link.launch(lambda sandbox: sandbox.create_sandbox(1, spec))
        await created
        assert isinstance(sandbox, FakeSandbox)
        return sandbox


def test_a_record_is_acknowledged_when_it_is_taken_in() -> None:
    async def script() -> None:
        ends = Ends()
        sandbox = await ends.stand()
        ends.ledger.sandbox_stands(0, 0)
        sandbox.kill_pause()
        await asyncio.sleep(1)
        assert ends.posted == [SandboxDied(attempt=0)]
        assert not sandbox.acknowledged
        ends.link.taken(SandboxDied(attempt=0))
        ends.link.taken(SandboxDied(attempt=0))
        assert sandbox.acknowledged == [1]
        await ends.link.remove(9)

    clock.run(script())


def test_a_death_that_is_no_news_is_acknowledged_at_once() -> None:
    async def script() -> None:
        ends = Ends()
        sandbox = await ends.stand()
        ends.ledger.sandbox_ends()
        sandbox.kill_pause()
        await asyncio.sleep(1)
        assert not ends.posted
        assert sandbox.acknowledged == [1]
        await ends.link.remove(9)

    clock.run(script())


def test_a_shim_that_is_gone_leaves_what_its_successor_does_not_know() -> None:
    async def script() -> None:
        ends = Ends()
        sandbox = await ends.stand()
        ends.ledger.sandbox_stands(0, 0)
        sandbox.die()
        await asyncio.sleep(1)
        assert ends.posted == [SandboxDied(attempt=0)]
        assert ends.link.sandbox is None
        assert await ends.link.connect() is None
        await ends.stand()
        await ends.link.remove(9)
        assert not ends.shims.left

    clock.run(script())


class OutOfReach(FakeShims):
    def __init__(self, *errors: int) -> None:
        super().__init__()
        self.errors = [*errors]

    async def connect(self, pod: RegisteredPod, silence: object, /) -> FakeSandbox:
        if self.errors:
            raise SandboxError("talk to the shim", self.errors.pop(0))
        return await super().connect(pod, silence)


def test_what_we_lack_costs_no_pod_its_shim() -> None:
    async def script() -> None:
        ends = Ends(OutOfReach(errno.EMFILE, errno.EAGAIN, errno.ENOMEM))
        await ends.stand()
        began = asyncio.get_running_loop().time()
        assert await ends.link.connect() is ends.shims.sandboxes["u"]
        assert 3 <= asyncio.get_running_loop().time() - began < 4
        assert ends.silences == [True, False]

    clock.run(script())


def test_a_shim_that_is_gone_is_not_tried_again() -> None:
    async def script() -> None:
        ends = Ends(OutOfReach(errno.EMFILE, errno.ECONNREFUSED))
        assert await ends.link.connect() is None
        assert ends.silences == [True, False]

    clock.run(script())
