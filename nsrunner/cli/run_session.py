"""One run at a terminal: output to the pump, signals and the timeout to the runner, the result to an exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..library import run as library_run
from ..library.items import LogLine, RunResult, SkippedBytes, StatusChanged
from ..library.options import RunOptions
from ..model import Object, encode
from ..model.types import Pod
from . import exits
from .output import Palette, colour_wanted, say
from .pump import ERR, OUT, Pump
from .view import Logs, Talk

if TYPE_CHECKING:
    from .recorded import RecordFile

__all__ = ["Session", "run_objects"]

_DRAIN_SECONDS: Final = 2.0
"""After a signal a reader that takes nothing for so long (a paused terminal) may not keep us from ending."""

_SHORTEST: Final = 2
"""Seconds between TERM and KILL, whatever the grace period (docs/kubelet.md); but 0, when it was asked for, is none."""


async def run_objects(objects: Sequence[Object], options: argparse.Namespace) -> int:
    """Run them to their end; the exit code. Raises PrivilegeError, HostError, UsageError."""
    record = _record_file(options)
    messages = _Messages()
    logging.getLogger().addHandler(messages)
    pump = Pump()
    try:
        run_options = RunOptions(
            namespace=options.namespace,
            image_fallback=options.image_fallback,
            allowed_unsafe_sysctls=tuple(options.allowed_unsafe_sysctls),
        )
        runner = library_run.Runner(objects, run_options, observer=record.recorder if record is not None else None)
        return await Session(runner, pump, objects, options).run()
    finally:
        if record is not None:
            _write(record)
        pump.close()
        logging.getLogger().removeHandler(messages)


def _record_file(options: argparse.Namespace) -> RecordFile | None:
    if options.record is None:
        return None
    from .recorded import RecordFile  # and with it the simulation, which few runs need

    return RecordFile(options.record, options.files)


def _write(record: RecordFile) -> None:
    """A full disk is no reason to give the run another exit code."""
    try:
        record.write()
    except OSError as error:
        say(f"nsrunner: the recording could not be written: {error.strerror}")


class _Messages(logging.Handler):
    """What the library logs becomes a line on standard error; tracebacks are for NSRUNNER_DEBUG."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"nsrunner: {record.getMessage()}")
        if record.exc_info and record.exc_info[1] is not None and os.environ.get("NSRUNNER_DEBUG"):
            traceback.print_exception(record.exc_info[1])


class Session:
    """Everything that happens between the start of the pods and the exit code."""

    def __init__(
        self, runner: library_run.Runner, pump: Pump, objects: Sequence[Object], options: argparse.Namespace
    ) -> None:
        self._runner = runner
        self._pump = pump
        self._options = options
        self._log_stream = ERR if options.output == "json" else OUT
        self._logs, self._talk = _views(objects, options)
        self._longest_grace = max(
            (item.spec.termination_grace_period_seconds or 0 for item in objects if isinstance(item, Pod)), default=0
        )
        self._ended_by: int | None = None
        """The exit code of what made us delete the pods, when something did."""
        self._stops = 0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        signals = [
            (signal.SIGINT, exits.INTERRUPTED),
            (signal.SIGTERM, exits.TERMINATED),
            (signal.SIGHUP, exits.TERMINATED),
        ]
        for number, code in signals:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1) means it
                loop.add_signal_handler(number, self._signalled, number, code)
        timer = None
        if self._options.timeout is not None:
            timer = loop.call_later(self._options.timeout, self._timed_out)
        watch = loop.create_task(self._watch_output())  # ends with this method
        try:
            async with self._runner as runner:
                await self._show(runner)
            return await self._finish(runner.result)
        finally:
            watch.cancel()
            if timer is not None:
                timer.cancel()
            for number, _ in signals:
                loop.remove_signal_handler(number)

    # --- what ends it early ---

    def _signalled(self, number: signal.Signals, code: int) -> None:
        self._stop("Ctrl-C" if number == signal.SIGINT else number.name, code, again=True)

    def _timed_out(self) -> None:
        self._stop(f"the timeout of {self._options.timeout:g} s has passed", exits.TIMEOUT)

    async def _watch_output(self) -> None:
        """The reader of standard output is gone, or the disk full: nobody would see the rest."""
        await self._pump.failed.wait()
        broken = isinstance(self._pump.error, BrokenPipeError)
        reason = "" if self._pump.error is None else self._pump.error.strerror
        code = exits.BROKEN_PIPE if broken else exits.INTERNAL
        self._stop(f"standard output cannot be written to ({reason})", code)

    def _stop(self, why: str, code: int, *, again: bool = False) -> None:
        if self._ended_by is None:
            self._ended_by = code
        self._stops += 1
        self._pump.hurry(_DRAIN_SECONDS)
        grace = self._options.grace_period if self._stops == 1 else 0
        how = "at once"
        if grace != 0:
            seconds = max(_SHORTEST, self._longest_grace if grace is None else grace)
            how = f"gracefully, within {seconds} s; {'again' if again else 'Ctrl-C'}: at once"
        self._pump.put_now(ERR, self._talk.note(f"{why}: deleting {how}", "bold"))
        self._runner.stop(grace)

    # --- output ---

    async def _show(self, runner: library_run.Runner) -> None:
        async for item in runner.output():
            match item:
                case LogLine():
                    await self._pump.put(self._log_stream, self._logs.line(item))
                case SkippedBytes():
                    await self._pump.put(ERR, self._talk.skipped(item))
                case StatusChanged():
                    await self._pump.put(ERR, self._talk.changed(item.pod, item.next_starts))
                case _:
                    await self._pump.put(ERR, self._talk.event(item))

    async def _finish(self, result: RunResult) -> int:
        if self._pump.error is None:
            await self._pump.put(self._log_stream, self._logs.end())
            if self._options.output == "json":
                await self._pump.put(OUT, _final_json(result))
        await self._pump.drain()
        if self._pump.error is not None and self._ended_by is None:
            return exits.BROKEN_PIPE if isinstance(self._pump.error, BrokenPipeError) else exits.INTERNAL
        return result.exit_code if self._ended_by is None else self._ended_by


def _views(objects: Sequence[Object], options: argparse.Namespace) -> tuple[Logs, Talk]:
    containers = [
        (pod.metadata.name or "", container.name)
        for pod in objects
        if isinstance(pod, Pod)
        for container in (*pod.spec.init_containers, *pod.spec.containers)
    ]
    lines = sys.stderr if options.output == "json" else sys.stdout
    logs = Logs(
        containers,
        palette=Palette(colour_wanted(lines)),
        prefix=not options.no_prefix,
        timestamps=options.timestamps,
    )
    several = len({pod for pod, _ in containers}) > 1
    return logs, Talk(palette=Palette(colour_wanted(sys.stderr)), several=several, quiet=options.quiet)


def _final_json(result: RunResult) -> bytes:
    pods = [encode(pod) for pod in result.pods]
    shown = pods[0] if len(pods) == 1 else {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": pods}
    return (json.dumps(shown, indent=4, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
