"""``nsrunner run``: pods in the foreground, from their manifest to their exit code."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from . import exits
from .durations import duration
from .parser import Parser

if TYPE_CHECKING:
    from ..library.items import RunResult
    from ..library.run import Runner
    from .pump import Pump
    from .view import Logs, Talk

__all__ = ["Session", "parser", "run"]

_USAGE: Final = "nsrunner run FILE... [options]"

_DESCRIPTION: Final = """\
Run the pods of one or more manifests in the foreground, until all of them have ended.

What the containers write goes to standard output, each line with its container's name; events and changes of state go
to standard error. ConfigMaps and Secrets in the same files are what the pods refer to. Nothing of a pod outlives the
command, not even when it is killed: no process, mount, namespace, cgroup or directory.

Ctrl-C deletes the pods gracefully: TERM, their grace period, KILL. A second Ctrl-C kills them at once. TERM and a
hang-up do the same as Ctrl-C.
"""

_EPILOG: Final = """\
examples:
  nsrunner run pod.yaml
  nsrunner run pod.yaml config.yaml --timeout 5m
  kubectl get pod web -o yaml | nsrunner run - --image-fallback host
  nsrunner run job.yaml -o json | jq .status.phase

exit codes:
  0         every pod Succeeded
  1-255     that of the first failed container, in the order of the spec
            (init containers first); 1 when a pod failed and no container did
  2         bad usage, or a manifest that was refused; nothing was run
  124       --timeout passed; the pods were deleted
  125       nsrunner or the host failed (not root, for instance)
  130, 143  deleted after Ctrl-C, or after TERM or a hang-up
  141       the reader of standard output went away; the pods were deleted
"""

_DRAIN_SECONDS: Final = 2.0
"""After a signal a reader that takes nothing for so long (a paused terminal) may not keep us from ending."""


def parser() -> Parser:
    verb = Parser("nsrunner run", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("files", nargs="+", metavar="FILE", help="a manifest (YAML or JSON); - is standard input")
    verb.add_argument(
        "--pod", action="append", default=[], metavar="NAME", help="run only this pod of the files (may be repeated)"
    )
    verb.add_argument("-n", "--namespace", default="default", metavar="NAME", help="for objects that name none")
    verb.add_argument(
        "--image-fallback",
        choices=["host"],
        default="",
        metavar="host",
        help="run images that are not on this host on the host's own root file system",
    )
    verb.add_argument(
        "--timeout", type=duration, metavar="DURATION", help="delete the pods after this time (90s, 5m, 1h30m)"
    )
    verb.add_argument(
        "--grace-period",
        type=_seconds,
        metavar="SECONDS",
        help="on Ctrl-C or --timeout, instead of the pods' terminationGracePeriodSeconds; 0 kills at once",
    )
    verb.add_argument(
        "-o",
        "--output",
        choices=["json"],
        metavar="json",
        help="print the final pod (several: a List) on standard output; the containers' lines go to standard error",
    )
    verb.add_argument("--no-prefix", action="store_true", help="print the containers' lines as they are")
    verb.add_argument("--timestamps", action="store_true", help="print each line with the time it was written")
    verb.add_argument("-q", "--quiet", action="store_true", help="of events and states, show only what went wrong")
    return verb


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise argparse.ArgumentTypeError(f'invalid number of seconds "{text}"')
    return int(text)


def run(options: argparse.Namespace) -> int:
    from .manifest import chosen_objects

    objects = chosen_objects(options.files, namespace=options.namespace, pods=options.pod)
    return asyncio.run(_run(objects, options))


async def _run(objects: Sequence[Any], options: argparse.Namespace) -> int:
    from ..library.options import RunOptions
    from ..library.run import Runner
    from .pump import Pump

    pump = Pump()
    try:
        runner = Runner(objects, RunOptions(namespace=options.namespace, image_fallback=options.image_fallback))
        session = Session(runner, pump, objects, options)
        return await session.run()
    finally:
        pump.close()


class Session:
    """One run at a terminal: output to the pump, signals and the timeout to the runner, the result to an exit code."""

    def __init__(self, runner: Runner, pump: Pump, objects: Sequence[Any], options: argparse.Namespace) -> None:
        from .pump import ERR, OUT

        self._runner = runner
        self._pump = pump
        self._options = options
        self._log_stream = ERR if options.output == "json" else OUT
        self._logs, self._talk = _views(objects, options)
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
        what = "Ctrl-C" if number == signal.SIGINT else number.name
        again = "; again: at once" if not self._stops and self._options.grace_period != 0 else ""
        self._stop(f"{what}: deleting {'at once' if self._stops else 'gracefully'}{again}", code)

    def _timed_out(self) -> None:
        self._stop(f"the timeout of {self._options.timeout:g} s has passed: deleting gracefully", exits.TIMEOUT)

    async def _watch_output(self) -> None:
        """The reader of standard output is gone, or the disk full: nobody would see the rest."""
        await self._pump.failed.wait()
        broken = isinstance(self._pump.error, BrokenPipeError)
        reason = "" if self._pump.error is None else self._pump.error.strerror
        self._stop(
            f"standard output cannot be written to ({reason}): deleting gracefully",
            exits.BROKEN_PIPE if broken else exits.INTERNAL,
        )

    def _stop(self, message: str, code: int) -> None:
        if self._ended_by is None:
            self._ended_by = code
        self._stops += 1
        self._pump.hurry(_DRAIN_SECONDS)
        self._pump.put_now(2, self._talk.note(message, "bold"))
        self._runner.stop(self._options.grace_period if self._stops == 1 else 0)

    # --- output ---

    async def _show(self, runner: Runner) -> None:
        from ..library.items import LogLine, SkippedBytes, StatusChanged
        from .pump import ERR

        async for item in runner.output():
            match item:
                case LogLine():
                    await self._pump.put(self._log_stream, self._logs.line(item))
                case SkippedBytes():
                    await self._pump.put(ERR, self._talk.skipped(item))
                case StatusChanged():
                    await self._pump.put(ERR, self._talk.changed(item.pod))
                case _:
                    await self._pump.put(ERR, self._talk.event(item))

    async def _finish(self, result: RunResult) -> int:
        from .pump import OUT

        if self._pump.error is None:
            await self._pump.put(self._log_stream, self._logs.end())
            if self._options.output == "json":
                await self._pump.put(OUT, _final_json(result))
        await self._pump.drain()
        if self._pump.error is not None and self._ended_by is None:
            return exits.BROKEN_PIPE if isinstance(self._pump.error, BrokenPipeError) else exits.INTERNAL
        return result.exit_code if self._ended_by is None else self._ended_by


def _views(objects: Sequence[Any], options: argparse.Namespace) -> tuple[Logs, Talk]:
    import sys

    from ..model.types import Pod
    from .output import Palette, colour_wanted
    from .view import Logs, Talk

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
    return logs, Talk(palette=Palette(colour_wanted(sys.stderr)), quiet=options.quiet)


def _final_json(result: RunResult) -> bytes:
    import json

    from ..model import encode

    pods = [encode(pod) for pod in result.pods]
    shown = pods[0] if len(pods) == 1 else {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": pods}
    return (json.dumps(shown, indent=4, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
