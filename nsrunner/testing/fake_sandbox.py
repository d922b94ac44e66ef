"""A runtime that runs nothing: the supervisor's Shims and Sandbox with scripted containers, for virtual time.

::

    shims = FakeShims()
    shims.script("web", Run(lasts=3, exit_code=1), Run())   # ends after 3 s, then runs until it is told to end
    shims.faults[4] = SandboxError("clone", errno.EAGAIN)   # the fourth command (counted from 1) fails

Every command takes ``latency`` seconds. :attr:`FakeShims.calls` is the list of commands, :attr:`FakeShims.left` what
would be left on the host now.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from nsrunner.errors import SandboxError
from nsrunner.sandbox.records import (
    ContainerExit,
    ContainerInfo,
    ContainerRunning,
    ExecResult,
    Record,
    SandboxCreated,
    SandboxDeath,
    Snapshot,
)
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.testing.fake_prepared import Preparing
from nsrunner.testing.fake_run import Call, FakeProcess, Instance, Run, Scripts, stamp, write_log

__all__ = ["Call", "FakeProcess", "FakeSandbox", "FakeShims", "Run"]

T = TypeVar("T")


class FakeShims(Scripts):
    def __init__(self, *, latency: float = 0.001) -> None:
        super().__init__()
        self.latency = latency
        self.calls: list[Call] = []
        self.faults: dict[int, SandboxError] = {}
        """By number of the command, counted from 1 over all pods."""
        self.hangs: set[int] = set()
        """Numbers of commands that are answered only by a time-out, 60 s later."""
        self.sandboxes: dict[str, FakeSandbox] = {}
        """The living shims by uid of the pod."""
        self.left: set[str] = set()
        """Uids of pods of which something is left."""
        self.exec_result = ExecResult(record=0, exit_code=0)
        self.exec_lasts: float | None = 0.0
        """Seconds that each exec takes; None: until it is killed."""
        self.processes: list[FakeProcess] = []
        """All execs that were started."""

    def command(self, name: str, about: str, effect: Callable[[], T]) -> asyncio.Future[T]:
        """Counts the command; ``effect`` happens, and is answered, after the latency."""
        self.calls.append(Call(name, about))
        number = len(self.calls)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def answer() -> None:
            if future.done():
                return
            fault = self.faults.get(number)
            if number in self.hangs:
                fault = SandboxError("talk to the shim", errno.ETIMEDOUT)
            try:
                if fault is not None:
                    raise fault
                future.set_result(effect())
            except SandboxError as error:
                future.set_exception(error)

        loop.call_later(60 if number in self.hangs else self.latency, answer)
        return future

    async def launch(
        self, pod: RegisteredPod, first: Callable[[FakeSandbox], T], silence: object = None, /
    ) -> tuple[FakeSandbox, T]:
        self.left.add(pod.uid)  # the registered directory
        sandbox = await self.command("launch", "", lambda: self._launched(pod))
        return sandbox, first(sandbox)

    def _launched(self, pod: RegisteredPod) -> FakeSandbox:
        assert pod.uid not in self.sandboxes, "two shims for one pod"
        sandbox = self.sandboxes[pod.uid] = FakeSandbox(self, pod.uid, stays=pod.owner.kind == "daemon")
        return sandbox

    async def connect(self, pod: RegisteredPod, silence: object, /) -> FakeSandbox:
        return await self.command("connect", "", lambda: self._connected(pod))

    def close(self) -> None:
        """There is no spare one."""

    def end(self, pod: RegisteredPod) -> None:
        self.sandboxes[pod.uid].die()

    def _connected(self, pod: RegisteredPod) -> FakeSandbox:
        sandbox = self.sandboxes.get(pod.uid)
        if sandbox is None:
            raise SandboxError("talk to the shim", errno.ECONNREFUSED)
        sandbox.reconnect()
        return sandbox

    async def reap(self, pod: RegisteredPod) -> None:
        sandbox = self.sandboxes.pop(pod.uid, None)
        if sandbox is not None:
            sandbox.die()

    async def remove(self, pod: RegisteredPod) -> None:
        await self.reap(pod)
        self.left.discard(pod.uid)

    async def remove_log(self, pod: RegisteredPod, container: str, attempt: int) -> None:
        self.calls.append(Call("remove log", f"{container}/{attempt}"))


class FakeSandbox(Preparing):
    """One pod's shim, and the connection to it. Made by :meth:`FakeShims.launch`."""

    def __init__(self, shims: FakeShims, uid: str, *, stays: bool = False) -> None:
        """``stays``: the pod goes on without a controller, as a daemon's does."""
        super().__init__()
        self.attempt: int | None = None
        """Of the sandbox that stands."""
        self.specs: list[SandboxSpec | ContainerSpec] = []
        """All that was asked for."""
        self.acknowledged: list[int] = []
        self.closed = False
        """No connection: nobody hears of its answers and records."""
        self.snapshot = Snapshot(uid="", sandbox_attempt=None, pause_pid=0, running=())
        self._dead = False
        self._shims = shims
        self._uid = uid
        self._stays = stays
        self._instances: dict[str, Instance] = {}
        self._numbers = itertools.count(1)
        self._records: asyncio.Queue[Record | None] = asyncio.Queue()
        self._kept: dict[int, Record] = {}
        """Records that nobody has acknowledged."""
        self._first_answers: dict[int, asyncio.Future[object]] = {}
        self._waiting: set[asyncio.Future[object]] = set()
        """For answers, on the present connection."""

    # --- what a test does to it ---------------------------------------------------------------------------------------

    @property
    def running(self) -> list[str]:  # names of containers
        return [instance.spec.name for instance in self._live()]

    def _live(self) -> list[Instance]:
        return [instance for instance in self._instances.values() if instance.exit_code is None]

    def exit(self, container: str, exit_code: int) -> None:
        """A running container ends now."""
        live = [instance for instance in self._live() if instance.spec.name == container]
        assert live, f"{container} does not run"
        self._end(live[0], exit_code)

    def kill_pause(self) -> None:
        """Pause dies, and with it every container."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None, "there is no sandbox"
        self._end_all()
        self._keep(SandboxDeath(record=next(self._numbers), attempt=attempt))

    def die(self) -> None:
        """The shim dies: nobody sees how the containers end."""
        self._end_of_shim()
        self.disconnect()

    def _end_of_shim(self) -> None:
        self._shims.sandboxes.pop(self._uid, None)
        self._dead = True
        for instance in self._instances.values():
            if instance.timer is not None:
                instance.timer.cancel()
        self._instances.clear()
        self.forget_all()
        if not self.closed:
            self._records.put_nowait(SandboxDeath(record=0, attempt=self.attempt or 0))
            self._records.put_nowait(None)
            self.closed = True

    def disconnect(self) -> None:
        """The process at the other end is gone. What it asked for is done, and answered to nobody."""
        self.closed = True
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_exception(SandboxError("talk to the shim", errno.ECONNRESET))

    def reconnect(self) -> None:
        """Another process takes over: it hears of what nobody has acknowledged, in the order in which it happened."""
        self.disconnect()
        self.closed = False
        self._records = asyncio.Queue()
        for record in self._kept.values():
            self._records.put_nowait(record)
        self.snapshot = Snapshot(
            uid=self._uid,
            sandbox_attempt=self.attempt,
            pause_pid=os.getpid() if self.attempt is not None else 0,
            running=tuple(
                ContainerInfo(
                    container_id=instance.spec.id,
                    name=instance.spec.name,
                    attempt=instance.spec.attempt,
                    pid=instance.pid,
                    started=instance.started,
                )
                for instance in self._live()
            ),
        )

    def _keep(self, record: Record) -> None:
        self._kept[record.record] = record
        if not self.closed:
            self._records.put_nowait(record)

    # --- commands -----------------------------------------------------------------------------------------------------

    def _command(self, id: int, name: str, about: str, effect: Callable[[], T]) -> asyncio.Future[T]:
        """The first answer again for an id that was answered."""

        def guarded() -> T:
            if self._dead:
                raise SandboxError("talk to the shim", errno.ECONNRESET)
            return effect()

        first = self._first_answers.get(id)
        if first is None:
            first = self._shims.command(name, about, guarded)
            self._first_answers[id] = first
        return self._answered(first)  # type: ignore[return-value] # the same command has the same answer

    def _answered(self, first: asyncio.Future[object]) -> asyncio.Future[object]:
        """The answer on this connection, if that is there for so long."""
        mine: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.add(mine)

        def tell(done: asyncio.Future[object]) -> None:
            self._waiting.discard(mine)
            error = done.exception()
            if mine.done():
                return
            if error is not None:
                mine.set_exception(error)
            else:
                mine.set_result(done.result())

        first.add_done_callback(tell)
        return mine

    def create_sandbox(self, id: int, spec: SandboxSpec, /) -> asyncio.Future[SandboxCreated]:
        def effect() -> SandboxCreated:
            assert self.attempt is None, "a second sandbox"
            self.attempt = spec.attempt
            return SandboxCreated(attempt=spec.attempt, pause_pid=os.getpid())

        self.specs.append(spec)
        created = self._command(id, "create sandbox", str(spec.attempt), effect)
        created.add_done_callback(self._created)
        return created

    def _created(self, created: asyncio.Future[SandboxCreated]) -> None:
        if not created.cancelled() and created.exception() is not None:
            self.forget_all()

    def stop_sandbox(self, id: int, attempt: int, /) -> asyncio.Future[None]:
        def effect() -> None:
            self._end_all()
            self.attempt = None

        return self._command(id, "stop sandbox", str(attempt), effect)

    def start_container(self, id: int, spec: ContainerSpec, /) -> asyncio.Future[ContainerRunning]:
        def effect() -> ContainerRunning:
            if self.attempt is None:
                raise SandboxError("start container", errno.ESRCH, detail="there is no sandbox")
            assert spec.name not in self.running, f"two live instances of {spec.name}"
            self.prepared.pop(spec.name, None)
            run = self._shims.next_run(spec.name)
            if run.fails is not None:
                raise run.fails
            pid = 2000 + len(self._instances) + 1
            instance = self._instances[spec.id] = Instance(spec, run, stamp(), pid)
            write_log(spec, run.output)
            if run.lasts is not None:
                loop = asyncio.get_running_loop()
                instance.timer = loop.call_later(run.lasts, self._end, instance, run.exit_code)
            return ContainerRunning(container_id=spec.id, pid=pid, started=instance.started)

        self.specs.append(spec)
        return self._command(id, "start", f"{spec.name}/{spec.attempt}", effect)

    def signal(self, id: int, container_id: str, signal: int, /, *, whole: bool) -> asyncio.Future[None]:
        instance = self._instances.get(container_id)

        def effect() -> None:
            if instance is not None and instance.exit_code is None and (signal == 9 or not instance.run.ignores_term):
                self._end(instance, 128 + signal)

        about = f"{instance.spec.name}/{instance.spec.attempt}" if instance is not None else "unknown"
        return self._command(id, f"signal {signal}{' whole' if whole else ''}", about, effect)

    def remove_container(self, id: int, container_id: str, /) -> asyncio.Future[None]:
        instance = self._instances.get(container_id)

        def effect() -> None:
            if instance is None:
                raise SandboxError("find the container", errno.ESRCH)
            assert instance.exit_code is not None, "a running container is removed"
            self._instances.pop(container_id, None)

        about = f"{instance.spec.name}/{instance.spec.attempt}" if instance is not None else "unknown"
        return self._command(id, "remove", about, effect)

    def remove_pod(self, id: int, /) -> asyncio.Future[None]:
        def effect() -> None:
            self._end_all()
            self._shims.left.discard(self._uid)
            self._end_of_shim()
            asyncio.get_running_loop().call_later(0, self.disconnect)  # after the answer

        return self._command(id, "remove pod", "", effect)

    async def exec(self, spec: ExecSpec, *, stdin: int = -1, stdout: int = -1, stderr: int = -1) -> FakeProcess:
        def effect() -> FakeProcess:
            if spec.container_id not in {instance.spec.id for instance in self._live()}:
                raise SandboxError("find the container", errno.ESRCH, spec.container_id)
            process = FakeProcess(3000, self._shims.exec_result, self._shims.exec_lasts, spec)
            self._shims.processes.append(process)
            return process

        return await self._shims.command("exec", " ".join(spec.argv), effect)

    async def records(self) -> AsyncIterator[Record]:
        while (record := await self._records.get()) is not None:
            yield record

    def acknowledge(self, record: int) -> None:
        self.acknowledged.append(record)
        self._kept.pop(record, None)

    async def kill(self) -> None:
        if not self._dead:
            self.closed = True
            self._records.put_nowait(None)
            self.die()

    async def close(self) -> None:
        """Closes the connection, and ends the pod at once when the owner is this process, which its shim takes for
        ended. A daemon's pod goes on."""
        if not self.closed:
            self._records.put_nowait(None)
            self.disconnect()
            if not self._stays:
                self.die()
                self._shims.left.discard(self._uid)

    def _end_all(self) -> None:
        self.forget_all()
        for instance in self._live():
            self._end(instance, 137)

    def _end(self, instance: Instance, exit_code: int) -> None:
        if instance.exit_code is not None:
            return
        if instance.timer is not None:
            instance.timer.cancel()
        instance.exit_code = exit_code
        spec, run = instance.spec, instance.run
        self.prepare_successor(spec.id, exit_code)
        self._keep(
            ContainerExit(
                record=next(self._numbers),
                container_id=spec.id,
                name=spec.name,
                attempt=spec.attempt,
                exit_code=exit_code,
                oom_killed=run.oom_killed,
                started=instance.started,
                finished=stamp(),
                termination_message=run.message,
            )
        )
