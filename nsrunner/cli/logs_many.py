"""``logs`` of several containers, and of pods whose processes are gone: one after the other, or all at once with -f."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ..api.client import Client, NoDaemon, Refused
from ..errors import NsrunnerError
from . import exits
from .output import say
from .parser import Misuse
from .pods import RunningPod, running_pods
from .resources import connect, of_kind
from .selection import label_matcher

__all__ = ["Source", "all_containers", "pod_of_daemon", "remote_source", "selected_pods", "show_all"]

_HELD_MAX: Final = 1 << 16
"""Bytes of a line that is held back until it is whole."""


class Source(NamedTuple):
    """One container's log."""

    pod: str
    container: str
    read: Callable[[], Iterator[bytes]]


def all_containers(pod: dict[str, Any]) -> list[str]:
    """In the order of the spec, init containers first."""
    spec = pod.get("spec") or {}
    groups = (spec.get("initContainers"), spec.get("containers"), spec.get("ephemeralContainers"))
    return [container["name"] for group in groups for container in group or ()]


def selected_pods(selector: str, namespace: str | None) -> list[RunningPod | dict[str, Any]]:
    """Those with these labels: of the daemon, if there is one, also those whose processes are gone; else those that
    run. Raises UsageError, Refused, HostError."""
    there = {pod.record.uid: pod for pod in running_pods(namespace)}
    try:
        with connect() as client:
            listed = client.call("GET", of_kind("Pod").path(namespace or "default"), query={"labelSelector": selector})
    except NoDaemon:
        matches = label_matcher(selector)
        return [pod for pod in there.values() if matches((pod.object.get("metadata") or {}).get("labels") or {})]
    return [there.get(item["metadata"]["uid"], item) for item in listed["items"]]


def remote_source(pod: dict[str, Any], container: str, options: argparse.Namespace) -> Source:
    """A log that the daemon is asked for."""
    metadata = pod["metadata"]
    query = {
        "container": container,
        "previous": "true" if options.previous else "",
        "follow": "true" if options.follow else "",
        "tailLines": "" if options.tail in (None, -1) else options.tail,
        "sinceSeconds": "" if options.since is None else max(int(options.since), 1),
        "sinceTime": "" if options.since_time is None else _rfc3339(options.since_time),
        "timestamps": "true" if options.timestamps else "",
        "limitBytes": options.limit_bytes or "",
    }

    def read() -> Iterator[bytes]:
        with connect() as client:
            path = of_kind("Pod").path(metadata.get("namespace"), metadata["name"], "log")
            yield from _asked(client, path, query)

    return Source(metadata["name"], container, read)


def _asked(client: Client, path: str, query: dict[str, object]) -> Iterator[bytes]:
    # A tail of no lines is a value, too.
    shown = {name: str(value) for name, value in query.items() if value != ""}
    yield from client.checked(client.request("GET", path, query=shown, accept="*/*", timeout=None)).chunks()


def _rfc3339(moment: float) -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def show_all(sources: Sequence[Source], *, follow: bool, prefix: bool, most: int, ignore_errors: bool = False) -> int:
    """Writes them to standard output; ``most`` may be followed at once. Raises Misuse, and what a source raises."""
    if follow and len(sources) > most:
        raise Misuse(
            f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is {most}, "
            "use --max-log-requests to increase the limit"
        )
    out = _Output(prefix)
    if not follow or len(sources) == 1:
        code = exits.OK
        for source in sources:
            try:
                out.copy(source)
            except (NsrunnerError, Refused) as error:
                if not ignore_errors:
                    raise
                say(f"nsrunner: {error}")
                code = exits.FAILED
        return code
    return _together(sources, out)


def _together(sources: Sequence[Source], out: _Output) -> int:
    failures: list[BaseException] = []
    left = threading.Semaphore(0)

    def work(source: Source) -> None:
        try:
            out.copy(source)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)
        finally:
            left.release()

    for source in sources:
        # Daemons: Ctrl-C ends the program, whatever they wait for.
        threading.Thread(target=work, args=(source,), name=f"log of {source.container}", daemon=True).start()
    for _ in sources:
        left.acquire()
        if failures:
            raise failures[0]
    return exits.OK


class _Output:
    """Standard output, for several at once: lines stay whole."""

    def __init__(self, prefix: bool) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()

    def copy(self, source: Source) -> None:
        start = f"[pod/{source.pod}/{source.container}] ".encode() if self._prefix else b""
        held, begun = b"", False
        for text in source.read():
            held += text
            *lines, held = held.split(b"\n")
            parts = []
            for line in lines:
                parts += [b"" if begun else start, line, b"\n"]
                begun = False
            if len(held) > _HELD_MAX:
                parts += [b"" if begun else start, held]
                held, begun = b"", True
            self._write(b"".join(parts))
        if held:
            self._write((b"" if begun else start) + held)

    def _write(self, data: bytes) -> None:
        if data:
            with self._lock:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()


def pod_of_daemon(name: str, namespace: str | None) -> dict[str, Any] | None:
    """A pod whose processes are gone, or None. Raises Refused, HostError."""
    try:
        with connect() as client:
            return client.call("GET", of_kind("Pod").path(namespace or "default", name.rpartition("/")[2]))
    except NoDaemon:
        return None
    except Refused as error:
        if error.code == 404:
            return None
        raise
