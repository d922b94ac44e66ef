"""``nsrunner top``: what pods, or the host, use and how they are, drawn again and again."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..errors import SandboxError, UsageError
from . import exits
from .durations import duration
from .output import Column, say, table, terminal_width, write
from .parser import Misuse, Parser
from .pods import RunningPod, running_pods
from .selection import label_matcher
from .usage import Usage, node_usage, usage_of

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner top [pods | node] [options]"

_DESCRIPTION: Final = """\
Show what the running pods use of CPU and memory, whatever started them, with their state and what their probes say; or
what the host uses. On a terminal the table is drawn again until Ctrl-C, elsewhere and with --once it is printed once.

CPU is of the time since the last look, in thousandths of one CPU; memory is what is resident.
"""

_EPILOG: Final = """\
examples:
  nsrunner top
  nsrunner top pods -n team --containers
  nsrunner top node --once

exit codes:
  0    shown
  1    not root
  2    bad usage
  130  Ctrl-C
"""
_NODE: Final = ("node", "nodes", "no")
_FIRST: Final = 0.5
"""Seconds between the two looks that a first figure of CPU needs."""
_HOME: Final = "\x1b[H\x1b[J"


def parser() -> Parser:
    verb = Parser("nsrunner top", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="*", metavar="WHAT", help="pods (also by name), or node")
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="only pods of this namespace")
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="of all: so it is without -n, too")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="only pods with these labels")
    verb.add_argument("--containers", action="store_true", help="a line for each container")
    verb.add_argument(
        "--sort-by", choices=["cpu", "memory", "name"], default="name", metavar="BY", help="cpu, memory, name"
    )
    verb.add_argument("--interval", type=duration, default=2.0, metavar="DURATION", help="between two drawings (2s)")
    verb.add_argument("--once", action="store_true", help="print it once, and end")
    verb.add_argument("--no-headers", action="store_true", help="without the columns' names")
    return verb


def run(options: argparse.Namespace) -> int:
    kind, *names = options.what or ["pods"]
    if kind in _NODE:
        frames = _nodes()
    elif kind in ("pod", "pods", "po"):
        frames = _pods(options, names)
    else:
        raise Misuse(f'there is "top pods" and "top node", not "top {kind}"')
    live = sys.stdout.isatty() and not options.once
    next(frames)  # the first look: there is nothing to compare it with
    time.sleep(min(_FIRST, options.interval))
    while True:
        columns, rows = next(frames)
        missing = [name for name in names if name not in (row[1] for row in rows)]
        if missing and (not live or not rows) and kind not in _NODE:
            raise UsageError(f'pods "{missing[0]}" not found: it does not run')
        if not rows and not live:
            say("No pods are running.")
            return exits.OK
        text = table(columns, rows, width=terminal_width(sys.stdout), headers=not options.no_headers)
        if not live:
            write(text)
            return exits.OK
        write(_HOME + _fitting(text))
        time.sleep(options.interval)


def _fitting(text: str) -> str:
    """As many lines as the terminal has, so that the first ones stay in sight."""
    from .terminal import size

    lines = text.splitlines()
    return "\n".join(lines[: size()[0] - 1]) + "\n"


Frame = tuple[Sequence[Column], list[list[str]]]


def _nodes() -> Iterator[Frame]:
    import socket

    columns = [Column(title=title) for title in ("NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)")]
    before, at = node_usage(), time.monotonic()
    yield columns, []
    while True:
        now, moment = node_usage(), time.monotonic()
        cores = max(now.cpu - before.cpu, 0.0) / max(moment - at, 1e-3)
        before, at = now, moment
        share = f"{100 * cores / now.cpus:.0f}%"
        row = [
            socket.gethostname(),
            _cpu(cores),
            share,
            _memory(now.memory),
            f"{100 * now.memory / now.memory_total:.0f}%",
        ]
        yield columns, [row]


def _pods(options: argparse.Namespace, names: Sequence[str]) -> Iterator[Frame]:
    from nsrunner.model.printing.columns import pod_cells

    columns = [
        Column(title="NAMESPACE", keep=1),
        Column(title="POD" if options.containers else "NAME"),
        *([Column(title="NAME")] if options.containers else []),
        Column(title="READY", keep=3),
        Column(title="STATUS"),
        Column(title="RESTARTS", keep=4),
        Column(title="CPU(cores)"),
        Column(title="MEMORY(bytes)"),
        Column(title="PROBES", keep=5),
        Column(title="AGE", keep=6),
    ]
    chosen = label_matcher(options.selector)
    before: dict[tuple[str, str], Usage] = {}
    at = time.monotonic()
    first = True
    while True:
        pods = [pod for pod in running_pods(options.namespace) if not names or pod.name in names]
        pods = [pod for pod in pods if chosen((pod.object.get("metadata") or {}).get("labels") or {})]
        used = _usages(pods)
        moment = time.monotonic()
        period, at = max(moment - at, 1e-3), moment
        rows: list[tuple[float, int, list[str]]] = []
        for pod in pods:
            mine = {name: usage for (uid, name), usage in used.items() if uid == pod.record.uid}
            cores = {
                name: max(usage.cpu - before.get((pod.record.uid, name), usage).cpu, 0.0) / period
                for name, usage in mine.items()
            }
            if options.containers:
                rows += [
                    (cores[name], usage.memory, _container_row(pod, name, cores[name], usage.memory))
                    for name, usage in mine.items()
                ]
                continue
            cells = pod_cells(pod.object, time.time())
            cpu, memory = sum(cores.values()), sum(usage.memory for usage in mine.values())
            head = [pod.namespace, pod.name, cells.ready, cells.status, cells.restarts]
            rows.append((cpu, memory, [*head, _cpu(cpu), _memory(memory), probes(pod.object), cells.age]))
        before = used
        if options.sort_by != "name":
            rows.sort(key=lambda row: row[0 if options.sort_by == "cpu" else 1], reverse=True)
        yield columns, [] if first else [row for _, _, row in rows]
        first = False


def _container_row(pod: RunningPod, name: str, cores: float, memory: int) -> list[str]:
    from nsrunner.model.printing.ages import age, parse_time

    status = pod.status_of(name)
    state = status.get("state") or {}
    began = parse_time((state.get("running") or {}).get("startedAt"))
    return [
        pod.namespace,
        pod.name,
        name,
        "true" if status.get("ready") else "false",
        next((kind.capitalize() for kind, value in state.items() if value is not None), "Waiting"),
        str(status.get("restartCount") or 0),
        _cpu(cores),
        _memory(memory),
        probes(pod.object, name),
        "" if began is None else age(time.time() - began),
    ]


def _usages(pods: Sequence[RunningPod]) -> dict[tuple[str, str], Usage]:
    """By uid and container, of those that run."""
    from ..sandbox.client import Client

    pids: dict[tuple[str, str], int] = {}
    for pod in pods:
        try:
            with Client(pod.record.paths.run) as client:
                pids.update({(pod.record.uid, info.name): info.pid for info in client.snapshot.running})
        except SandboxError:
            continue  # not yet, or no more
    used = usage_of(pids.values())
    return {key: used[pid] for key, pid in pids.items()}


def probes(pod: Mapping[str, Any], only: str = "") -> str:
    """``ok``, or which probes of which containers do not succeed; ``-`` without probes."""
    from .pods import status_of

    spec = pod.get("spec") or {}
    bad, any_there = [], False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        name = container["name"]
        if only and name != only:
            continue
        status = status_of(dict(pod), name)
        if (status.get("state") or {}).get("running") is None:
            continue
        any_there = any_there or any(container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness"))
        whose = "" if only else f" ({name})"
        if container.get("startupProbe") and not status.get("started"):
            bad.append(f"startup{whose}")
        elif container.get("readinessProbe") and not status.get("ready"):
            bad.append(f"readiness{whose}")
    return f"waits: {', '.join(bad)}" if bad else "ok" if any_there else "-"


def _cpu(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _memory(size: int) -> str:
    return f"{size >> 20}Mi" if size >= 1 << 20 or not size else f"{size >> 10}Ki"
