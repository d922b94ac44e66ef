"""Runner: what ``nsrunner run`` does, without a terminal."""
from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

from nsrunner.library.items import Item, RunResult
from nsrunner.library.options import RunOptions


class Runner:
    """Runs the pods of some documents to their end::

        async with Runner(load_result_objects, RunOptions(image_fallback="host")) as runner:
            async for item in runner.output():   # LogLine, SkippedBytes, KubeEvent, StatusChanged
                ...
                # from a signal handler of the loop: runner.stop()  (graceful; a second call: at once)
        result = runner.result                   # RunResult(pods, exit_code)

    ``output()`` ends when every pod has ended and is removed, and every line was handed out.
    """

    def __init__(self, objects: Sequence[Any], options: RunOptions | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def output(self) -> AsyncIterator[Item]: ...
    def stop(self, grace: int | None = None) -> None:
        """First call: every pod is deleted gracefully (grace: shorter than the spec's). Further calls: at once."""
    @property
    def result(self) -> RunResult: ...
