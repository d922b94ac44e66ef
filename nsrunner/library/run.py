"""Runner: what ``nsrunner run`` does, without a terminal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from nsrunner.errors import UsageError
from nsrunner.library.aio import AsyncPod
from nsrunner.library.documents import Documents
from nsrunner.library.follow import follow_container
from nsrunner.library.items import Item, LogLine, RunResult, SkippedBytes, StatusChanged
from nsrunner.library.options import RunOptions
from nsrunner.lifecycle.observer import Observer
from nsrunner.model import Object
from nsrunner.model.types import Pod as PodObject
from nsrunner.model.types import PodStatus
from nsrunner.supervisor.events import KubeEvent

__all__ = ["Runner", "exit_code"]

_LINES: Final = 1024
"""Log lines that may wait to be taken; beyond that the log files are the buffer."""


class Runner:
    """Runs the pods of some documents to their end::

        async with Runner(objects, RunOptions(image_fallback="host")) as runner:
            async for item in runner.output():   # LogLine, SkippedBytes, KubeEvent, StatusChanged
                ...
                # from a signal handler of the loop: runner.stop()  (graceful; a second call: at once)
        result = runner.result                   # RunResult(pods, exit_code)

    ``output()`` ends when every pod has ended and is removed, and every line was handed out. Leaving the block before
    that ends the pods at once.
    """

    def __init__(
        self,
        objects: Sequence[Object],
        options: RunOptions | None = None,
        *,
        observer: Callable[[], Observer] | None = None,
    ) -> None:
        """``objects`` are the pods, and the ConfigMaps and Secrets that they refer to; ``observer`` is called once for
        each pod and gives one who sees all that its machine is told. Raises UsageError when there is no pod."""
        self._options = options or RunOptions()
        documents = Documents(objects)
        if not documents.pods:
            raise UsageError("there is no Pod among the objects")
        self._runs = [
            _Run(AsyncPod(documents, pod, self._options), self, observer() if observer is not None else None)
            for pod in documents.pods
        ]
        self._items: deque[Item] = deque()
        self._lines = 0
        self._there_are_items = asyncio.Event()
        self._there_is_room = asyncio.Event()
        self._there_is_room.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._stops: list[int | None] = []

    async def __aenter__(self) -> Self:
        # Bare tasks: they live from __aenter__ to __aexit__, which awaits them.
        self._tasks = [asyncio.create_task(run.run(), name=f"run {run.pod.name}") for run in self._runs]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._there_is_room.set()
        self._lines = -1 << 62  # nobody takes lines any more, so nobody may wait for room
        if not all(task.done() for task in self._tasks):
            self.stop()
            self.stop()
        await asyncio.gather(*self._tasks, return_exceptions=kind is not None)

    def stop(self, grace: int | None = None) -> None:
        """The first call deletes every pod gracefully (``grace`` seconds; None: each its own period), any other call
        at once."""
        self._stops.append(0 if self._stops else grace)
        for run in self._runs:
            run.stop(self._stops[-1])

    async def output(self) -> AsyncGenerator[Item, None]:
        """Everything that happens, in its order for each container. Raises what kept a pod from being started."""
        for task in self._tasks:
            task.add_done_callback(lambda _: self._there_are_items.set())
        while True:
            while self._items:
                item = self._items.popleft()
                if isinstance(item, LogLine):
                    self._lines -= 1
                    if self._lines < _LINES:
                        self._there_is_room.set()
                yield item
            done = [task for task in self._tasks if task.done()]
            for task in done:
                task.result()
            if len(done) == len(self._tasks):
                return
            self._there_are_items.clear()
            await self._there_are_items.wait()

    @property
    def result(self) -> RunResult:
        """How it ended. Raises UsageError before that."""
        pods = tuple(run.final for run in self._runs if run.final is not None)
        if len(pods) != len(self._runs):
            raise UsageError("the run has not ended")
        codes = (exit_code(pod) for pod in pods)
        return RunResult(pods=pods, exit_code=next((code for code in codes if code), 0))

    # --- for its parts ------------------------------------------------------------------------------------------------

    def put(self, item: Item) -> None:
        self._items.append(item)
        self._there_are_items.set()

    def put_event(self, event: KubeEvent) -> None:
        """For those who look on, nothing is held back, but what the rate limit would hold back may not pile up."""
        if event.published or len(self._items) < _LINES:
            self.put(event)

    async def put_line(self, line: LogLine | SkippedBytes) -> None:
        """Waits while too many lines are waiting already."""
        await self._there_is_room.wait()
        if isinstance(line, LogLine):
            self._lines += 1
            if self._lines >= _LINES:
                self._there_is_room.clear()
        self.put(line)


class _Run:
    """One pod of a run, from its start to its removal."""

    def __init__(self, pod: AsyncPod, runner: Runner, observer: Observer | None) -> None:
        self.pod = pod
        self.final: PodObject | None = None
        """As it was when it had ended."""
        self._runner = runner
        self._observer = observer
        self._ended = asyncio.Event()
        self._stop: list[int | None] = []
        self._shown: PodStatus | None = None

    def stop(self, grace: int | None) -> None:
        self._stop.append(grace)
        if self.pod.started:
            self.pod.request_delete(grace)

    async def run(self) -> None:
        """Starts the pod, hands on what happens to it, removes it when it has ended and every line was read."""
        await self.pod.start(changed=self._changed, event=self._runner.put_event, observer=self._observer)
        try:
            for grace in self._stop:  # it came while the pod was being started
                self.pod.request_delete(grace)
            await self._follow()
            self.final = self.pod.object
        finally:
            await self.pod.close()

    async def _follow(self) -> None:
        """Returns when nothing of the pod runs and all its lines were handed on."""
        async with asyncio.TaskGroup() as followers:
            for container in self.pod.containers:
                followers.create_task(follow_container(self.pod.task, self.pod, container, self._runner.put_line))
            await self._ended.wait()

    def _changed(self) -> None:
        pod = self.pod.object
        if pod.status != self._shown:
            self._shown = pod.status
            self._runner.put(StatusChanged(pod=pod, next_starts=self.pod.task.next_starts))
        if self.pod.finished:
            self._ended.set()


def exit_code(pod: PodObject) -> int:
    """Of a run of an ended pod: 0 when it Succeeded, else that of the first failed container in the order of the spec,
    init containers first; 1 when none failed by itself.

    Sidecars do not count: a pod never fails for one, and it is stopped, or killed, when the others have ended. Of a
    container that has ended its last run counts, of one that waits the run before."""
    status = pod.status
    if status.phase == "Succeeded":
        return 0
    by_name = {each.name: each for each in (*status.init_container_statuses, *status.container_statuses)}
    inits = (container for container in pod.spec.init_containers if container.restart_policy != "Always")
    for container in (*inits, *pod.spec.containers):
        known = by_name.get(container.name)
        states = (known.state, known.last_state) if known is not None else ()
        ended = next((state.terminated for state in states if state is not None and state.terminated is not None), None)
        if ended is not None and ended.exit_code:
            return ended.exit_code
    return 1
