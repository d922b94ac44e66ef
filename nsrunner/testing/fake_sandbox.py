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
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from nsrunner.errors import SandboxError
from nsrunner.sandbox.records import (
    ContainerExit,
    ContainerRunning,
    ExecResult,
    Record,
    SandboxCreated,
    SandboxDeath,
    Stamp,
)
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, SandboxSpec
from nsrunner.sandbox.state import RegisteredPod
from nsrunner.testing.clock import VirtualClock

__all__ = ["Call", "FakeProcess", "FakeSandbox", "FakeShims", "Run"]

T = TypeVar("T")
_KILLED: Final = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a container, as the script says."""

    lasts: float | None = None
    """Seconds until it ends by itself; None: never."""
    exit_code: int = 0
    output: tuple[str, ...] = ()
    """Lines that it writes at its start; they are in its log file."""
    message: bytes = b""
    """The end of its termination log."""
    oom_killed: bool = False
    ignores_term: bool = False
    fails: SandboxError | None = None
    """The start fails with this instead."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was given to a shim."""

    name: str
    about: str = ""
    """Container and attempt (``web/0``), or the sandbox's attempt."""

    def __str__(self) -> str:
        return f"{self.name} {self.about}".rstrip()


class FakeShims:
    def __init__(self, *, latency: float = 0.001) -> None:
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
        self._scripts: dict[str, deque[Run]] = defaultdict(deque)

    def script(self, container: str, *runs: Run) -> None:
        """What the next runs of containers with this name do; the last one is repeated. Without: runs for ever."""
        self._scripts[container].extend(runs)

    def next_run(self, container: str) -> Run:
        script = self._scripts[container]
        if not script:
            return Run()
        return script.popleft() if len(script) > 1 else script[0]

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

    async def launch(self, pod: RegisteredPod, first: Callable[[FakeSandbox], T], /) -> tuple[FakeSandbox, T]:
        self.left.add(pod.uid)  # the registered directory
        sandbox = await self.command("launch", "", lambda: self._launched(pod))
        return sandbox, first(sandbox)

    def _launched(self, pod: RegisteredPod) -> FakeSandbox:
        assert pod.uid not in self.sandboxes, "two shims for one pod"
        sandbox = self.sandboxes[pod.uid] = FakeSandbox(self, pod.uid)
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


@dataclass(slots=True)
class _Instance:
    spec: ContainerSpec
    run: Run
    started: Stamp
    timer: asyncio.TimerHandle | None = None
    exit_code: int | None = None


class FakeSandbox:
    """One pod's shim. Made by :meth:`FakeShims.launch`."""

    def __init__(self, shims: FakeShims, uid: str) -> None:
        self.attempt: int | None = None
        """Of the sandbox that stands."""
        self.specs: list[SandboxSpec | ContainerSpec] = []
        """All that was asked for."""
        self.acknowledged: list[int] = []
        self.prepared: dict[str, ContainerSpec] = {}
        """By name: what would be held by now, waiting for its start."""
        self.closed = False
        self._shims = shims
        self._uid = uid
        self._instances: dict[str, _Instance] = {}
        self._numbers = itertools.count(1)
        self._records: asyncio.Queue[Record | None] = asyncio.Queue()
        self._first_answers: dict[int, asyncio.Future[object]] = {}

    # --- what a test does to it ---------------------------------------------------------------------------------------

    @property
    def running(self) -> list[str]:  # names of containers
        return [instance.spec.name for instance in self._live()]

    def _live(self) -> list[_Instance]:
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
        self._records.put_nowait(SandboxDeath(record=next(self._numbers), attempt=attempt))

    def die(self) -> None:
        """The shim dies: nobody sees how the containers end."""
        self._shims.sandboxes.pop(self._uid, None)
        for instance in self._instances.values():
            if instance.timer is not None:
                instance.timer.cancel()
        self._instances.clear()
        self.prepared.clear()
        if not self.closed:
            self._records.put_nowait(SandboxDeath(record=0, attempt=self.attempt or 0))
            self._records.put_nowait(None)
        self.closed = True

    # --- commands -----------------------------------------------------------------------------------------------------

    def _command(self, id: int, name: str, about: str, effect: Callable[[], T]) -> asyncio.Future[T]:
        """The first answer again for an id that was answered."""

        def guarded() -> T:
            if self.closed:
                raise SandboxError("talk to the shim", errno.ECONNRESET)
            return effect()

        if id in self._first_answers:
            return self._first_answers[id]  # type: ignore[return-value] # the same command has the same answer
        future = self._shims.command(name, about, guarded)
        self._first_answers[id] = future  # type: ignore[assignment] # heterogeneous
        return future

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
            self.prepared.clear()

    def stop_sandbox(self, id: int, attempt: int, /) -> asyncio.Future[None]:
        def effect() -> None:
            self._end_all()
            self.attempt = None

        return self._command(id, "stop sandbox", str(attempt), effect)

    def prepare_container(self, spec: ContainerSpec, /) -> None:
        self.prepared[spec.name] = spec

    def start_container(self, id: int, spec: ContainerSpec, /) -> asyncio.Future[ContainerRunning]:
        def effect() -> ContainerRunning:
            if self.attempt is None:
                raise SandboxError("start container", errno.ESRCH, detail="there is no sandbox")
            assert spec.name not in self.running, f"two live instances of {spec.name}"
            self.prepared.pop(spec.name, None)
            run = self._shims.next_run(spec.name)
            if run.fails is not None:
                raise run.fails
            instance = self._instances[spec.id] = _Instance(spec, run, _stamp())
            _write_log(spec, run.output)
            if run.lasts is not None:
                loop = asyncio.get_running_loop()
                instance.timer = loop.call_later(run.lasts, self._end, instance, run.exit_code)
            return ContainerRunning(container_id=spec.id, pid=2000 + len(self._instances), started=instance.started)

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
            self.die()

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

    async def kill(self) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection, and ends the pod at once: as its shim does when the owner, this process, has ended."""
        if not self.closed:
            self.closed = True
            self._records.put_nowait(None)
            self.die()
            self._shims.left.discard(self._uid)

    def _end_all(self) -> None:
        self.prepared.clear()
        for instance in self._live():
            self._end(instance, 137)

    def _end(self, instance: _Instance, exit_code: int) -> None:
        if instance.exit_code is not None:
            return
        if instance.timer is not None:
            instance.timer.cancel()
        instance.exit_code = exit_code
        spec, run = instance.spec, instance.run
        self._records.put_nowait(
            ContainerExit(
                record=next(self._numbers),
                container_id=spec.id,
                name=spec.name,
                attempt=spec.attempt,
                exit_code=exit_code,
                oom_killed=run.oom_killed,
                started=instance.started,
                finished=_stamp(),
                termination_message=run.message,
            )
        )


@dataclass(slots=True)
class FakeProcess:
    """An exec that ends with ``outcome`` after ``lasts`` seconds, or after the time limit of its ``spec``."""

    pid: int
    outcome: ExecResult
    lasts: float | None
    spec: ExecSpec
    killed: bool = field(default=False)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def result(self) -> ExecResult:
        limit = self.spec.timeout_ms / 1000 or None
        if self.lasts is not None and (limit is None or self.lasts <= limit):
            limit = None
            await self._wait(self.lasts)
        else:
            await self._wait(limit)
        if self.killed or limit is not None:
            return ExecResult(record=0, exit_code=_KILLED, timed_out=limit is not None and not self.killed)
        return self.outcome

    async def kill(self) -> None:
        self.killed = True
        self._gone.set()

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            pass


def _write_log(spec: ContainerSpec, output: tuple[str, ...]) -> None:
    if spec.log is None or not output:
        return
    os.makedirs(spec.log.directory, exist_ok=True)
    with open(f"{spec.log.directory}/{spec.log.file}", "w", encoding="utf-8") as file:
        file.writelines(f"2023-11-14T22:13:20.000000000Z stdout F {line}\n" for line in output)


def _stamp() -> Stamp:
    now = VirtualClock().now()
    return Stamp(boottime=now.mono, realtime=now.wall)
