"""``nsrunner logs``: what a container of a running pod has written."""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from . import exits
from .durations import duration
from .parser import Parser

if TYPE_CHECKING:
    from ..sandbox.logs import LogItem, LogReader
    from .pods import RunningPod

__all__ = ["parser", "run"]

_DESCRIPTION: Final = """\
Print what containers have written, as 'kubectl logs' does. The logs of a pod go with it; those of the last two
instances of each container are there while it runs, and of the daemon's pods until they are deleted.

The bytes are printed as the container wrote them, also to a terminal.
"""

_EPILOG: Final = """\
examples:
  nsrunner logs web
  nsrunner logs -f --tail 20 web -c nginx
  nsrunner logs --previous crash-loop
  nsrunner logs --since 5m --timestamps web
  nsrunner logs -f -l app=web --all-containers --prefix

exit codes:
  0    printed; with -f: the container has stopped
  1    no such pod, container or log, or not root
  2    bad usage
  130  Ctrl-C
"""


def parser() -> Parser:
    verb = Parser(
        "nsrunner logs",
        usage="nsrunner logs (POD [CONTAINER] | -l LABELS) [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    verb.add_argument("pod", nargs="?", default="", metavar="POD", help="name or uid of a pod")
    verb.add_argument("inline", nargs="?", metavar="CONTAINER", help="the same as -c")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="of all pods with these labels")
    verb.add_argument("-c", "--container", metavar="CONTAINER", help="default: the pod's first one")
    verb.add_argument("--all-containers", action="store_true", help="of all containers of the pod")
    verb.add_argument("--prefix", action="store_true", help="before each line, whose it is")
    verb.add_argument("-f", "--follow", action="store_true", help="go on until the container stops")
    verb.add_argument("-p", "--previous", action="store_true", help="of the instance before the last restart")
    verb.add_argument("--tail", type=_tail, metavar="LINES", help="only the last ones; -1: all")
    verb.add_argument("--since", type=duration, metavar="DURATION", help="only what is not older (5s, 2m, 3h)")
    verb.add_argument("--since-time", type=_moment, metavar="TIME", help="only what is not older than this (RFC 3339)")
    verb.add_argument("--timestamps", action="store_true", help="print each line with the time it was written")
    verb.add_argument("--limit-bytes", type=_count, metavar="BYTES", help="stop after so many")
    verb.add_argument("--max-log-requests", type=_count, default=5, metavar="N", help="how many -f may follow (5)")
    verb.add_argument("--ignore-errors", action="store_true", help="go on with the next when one cannot be had")
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="the pod's, when the name alone is ambiguous")
    return verb


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) == 0:
        raise argparse.ArgumentTypeError(f'invalid number "{text}": must be greater than 0')
    return int(text)


def _tail(text: str) -> int:
    if text != "-1" and (not (text.isascii() and text.isdigit()) or len(text) > 18):
        raise argparse.ArgumentTypeError(f'invalid number of lines "{text}"')
    return int(text)


def _moment(text: str) -> float:
    from nsrunner.model.printing.ages import parse_time

    seconds = parse_time(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(f'invalid time "{text}": such as 2026-01-31T12:00:00Z')
    return seconds


def run(options: argparse.Namespace) -> int:
    from ..errors import UsageError
    from .parser import Misuse
    from .pods import chosen_container, find_pod

    if options.since is not None and options.since_time is not None:
        raise Misuse("at most one of --since and --since-time may be used")
    if bool(options.pod) == bool(options.selector):
        raise Misuse(
            "only a selector (-l) or a POD name is allowed" if options.pod else "a POD is required, or a selector (-l)"
        )
    if options.inline and options.container:
        raise Misuse("only one of -c or an inline [CONTAINER] arg is allowed")
    options.container = options.container or options.inline
    if options.all_containers and options.container:
        raise Misuse(f"--all-containers=true should not be specified with container name {options.container}")
    if options.selector or options.all_containers or options.prefix:
        return _many(options)
    try:
        pod = find_pod(options.pod, options.namespace, options.container)
    except UsageError:
        if not _ended(options):
            raise
        return _many(options)
    _print(_texts(pod, chosen_container(pod, options.container), options))
    return exits.OK


def _texts(pod: RunningPod, container: str, options: argparse.Namespace) -> Iterator[bytes]:
    """What is to be printed of one container. Raises UsageError."""
    from ..errors import UsageError
    from ..sandbox.logs import LogReader, render

    attempt = _attempt(pod, container, previous=options.previous)
    since = options.since_time if options.since is None else time.time() - options.since
    tail_lines = None if options.tail == -1 else options.tail
    follow = options.follow and not options.previous
    try:
        reader = LogReader(
            f"{pod.record.paths.logs}/{container}", attempt, tail_lines=tail_lines, since=since, watch=follow
        )
    except FileNotFoundError:
        raise UsageError(f'container "{container}" in pod "{pod.name}" has no log') from None
    with reader:
        items = _follow(reader, pod, container, attempt) if follow else _all(reader)
        yield from render(items, timestamps=options.timestamps, limit=options.limit_bytes)


def _ended(options: argparse.Namespace) -> bool:
    """Whether the daemon knows such a pod, of which nothing runs any more."""
    from .logs_many import pod_of_daemon

    return pod_of_daemon(options.pod, options.namespace) is not None


def _many(options: argparse.Namespace) -> int:
    """Of several containers, or of what the daemon has to be asked for."""
    from functools import partial

    from ..errors import UsageError
    from .logs_many import Source, all_containers, pod_of_daemon, remote_source, selected_pods, show_all
    from .output import say
    from .pods import RunningPod, chosen_container, find_pod

    pods: list[RunningPod | dict[str, Any]]
    if options.selector:
        pods = selected_pods(options.selector, options.namespace)
        options.tail = 10 if options.tail is None else options.tail
        if not pods:
            say(f"No resources found in {options.namespace or 'default'} namespace.")
    else:
        try:
            pods = [find_pod(options.pod, options.namespace, options.container)]
        except UsageError:
            known = pod_of_daemon(options.pod, options.namespace)
            if known is None:
                raise
            pods = [known]
    sources = []
    for pod in pods:
        if isinstance(pod, RunningPod):
            names = all_containers(pod.object) if options.all_containers else [chosen_container(pod, options.container)]
            sources += [Source(pod.name, name, partial(_texts, pod, name, options)) for name in names]
        else:
            names = all_containers(pod) if options.all_containers else [options.container or ""]
            sources += [remote_source(pod, name, options) for name in names]
    return show_all(
        sources,
        follow=options.follow,
        prefix=options.prefix,
        most=options.max_log_requests,
        ignore_errors=options.ignore_errors,
    )


def _print(texts: Iterable[bytes]) -> None:
    out = sys.stdout.buffer
    for text in texts:
        out.write(text)
    out.flush()


def _all(reader: LogReader) -> Iterator[LogItem]:
    while items := reader.read():
        yield from items
    yield from reader.finish()


# --- which instance ---


class _Instances(NamedTuple):
    """What a container's status tells of its instances."""

    restarts: int
    running: bool
    started: bool
    """The newest one: ``running`` or ``terminated``; otherwise the container waits."""
    ended: bool
    """There is one before, or, for a container that waits, the newest one."""

    @classmethod
    def of(cls, status: dict[str, Any]) -> _Instances:
        state = status.get("state") or {}
        running = state.get("running") is not None
        return cls(
            restarts=int(status.get("restartCount") or 0),
            running=running,
            started=running or state.get("terminated") is not None,
            ended=(status.get("lastState") or {}).get("terminated") is not None,
        )

    def over(self, attempt: int) -> bool:
        """Whether an instance that was seen to run has ended since: a status from before its start says nothing."""
        if self.restarts != attempt:
            return self.restarts > attempt
        return not self.running and (self.started or self.ended)


def _attempt(pod: RunningPod, container: str, *, previous: bool) -> int:
    """The instance whose log is meant, by the kubelet's rules (``validateContainerLogStatus``). Raises UsageError."""
    from ..errors import UsageError

    there = f'container "{container}" in pod "{pod.name}"'
    known = _Instances.of(pod.status_of(container))
    if not known.running and (live := _live_attempt(pod, container)) is not None:
        known = _Instances(restarts=live, running=True, started=True, ended=live > 0)
    elif not known.started and not known.ended:
        pod = _settled(pod, container)  # started, and ended already?
        known = _Instances.of(pod.status_of(container))
    if previous:
        if not known.ended:
            raise UsageError(f"previous terminated {there} not found")
        return known.restarts - 1 if known.started else known.restarts
    if known.started or known.ended:
        return known.restarts
    raise UsageError(f"{there} is {_waiting((pod.status_of(container).get('state') or {}).get('waiting') or {})}")


def _live_attempt(pod: RunningPod, container: str) -> int | None:
    """The instance that runs now, by the shim: the status lags behind by some milliseconds."""
    from ..errors import SandboxError
    from ..sandbox.client import Client

    try:
        with Client(pod.record.paths.run) as client:
            return next((info.attempt for info in client.snapshot.running if info.name == container), None)
    except SandboxError:
        return None  # there is no sandbox yet, or no more


def _settled(pod: RunningPod, container: str) -> RunningPod:
    """The pod with a status in which what has happened by now is told."""
    from ..sandbox.published import LATEST, QUIET, published_until

    def told(shown: dict[str, Any]) -> bool:
        known = _Instances.of(pod._replace(object=shown).status_of(container))
        return known.started or known.ended

    shown = published_until(pod.record.paths.run, told, LATEST + QUIET)
    return pod if shown is None else pod._replace(object=shown)


def _waiting(state: dict[str, Any]) -> str:
    reason = state.get("reason") or "ContainerCreating"
    what = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
        "InvalidImageName": "image name is invalid",
    }.get(reason, reason)
    return f"waiting to start: {what}"


# --- following ---


def _follow(reader: LogReader, pod: RunningPod, container: str, attempt: int) -> Iterator[LogItem]:
    """All there is and will be, until the instance, or the pod, is over."""
    with _StatusWatch(pod.record.paths.run) as watch:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(watch, select.POLLIN)
        over = watch.over(container, attempt)
        while True:
            items = reader.read()
            yield from items
            if items:
                continue
            if over:
                break
            sys.stdout.flush()
            ready = [fd for fd, _ in poll.poll()]
            if watch.fileno() in ready:
                over = watch.over(container, attempt)
    yield from reader.finish()


class _StatusWatch:
    """Tells from the status that the pod's owner publishes whether an instance is over."""

    def __init__(self, run_dir: str) -> None:
        from ..sandbox.inotify import MOVED_TO, Inotify

        self._run_dir = run_dir
        self._notify = Inotify(run_dir, MOVED_TO)

    def fileno(self) -> int:
        """Readable when the status is another, or gone."""
        return self._notify.fileno()

    def over(self, container: str, attempt: int) -> bool:
        from ..sandbox.published import published
        from .pods import status_of

        for _ in self._notify.changes():
            pass
        pod = published(self._run_dir)
        if pod is None:  # the pod is gone
            return True
        return _Instances.of(status_of(pod, container)).over(attempt)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._notify.close()
