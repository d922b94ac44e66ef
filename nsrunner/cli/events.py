"""``nsrunner events``: what happened, in the order in which it did."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any, Final

from . import exits
from .output import Column, escape, say, table, write
from .parser import Misuse, Parser
from .resources import KINDS, connect, find_resource
from .watching import changes

__all__ = ["parser", "run", "when"]

_USAGE: Final = "nsrunner events [--for RESOURCE/NAME] [options]"

_DESCRIPTION: Final = """\
Show the events of a namespace, the oldest first. They are kept for an hour after they happened last.
"""

_EPILOG: Final = """\
examples:
  nsrunner events
  nsrunner events --for pod/web --types=Warning
  nsrunner events -A -w

exit codes:
  0    shown, also when there are none
  1    the daemon does not answer
  2    bad usage
  130  Ctrl-C, of -w
"""
_EVENTS: Final = next(resource for resource in KINDS if resource.kind == "Event")


def parser() -> Parser:
    verb = Parser("nsrunner events", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("-n", "--namespace", default="default", metavar="NAMESPACE", help="where to look (default)")
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="look in all namespaces")
    verb.add_argument("--for", dest="subject", default="", metavar="RESOURCE/NAME", help="only of this object")
    verb.add_argument("--types", default="", metavar="TYPES", help="only these: Normal, Warning, or both with a comma")
    verb.add_argument("-w", "--watch", action="store_true", help="go on, and show what happens")
    verb.add_argument("-o", "--output", default="", metavar="FORM", help="json, yaml, name")
    verb.add_argument("--no-headers", action="store_true", help="without the columns' names")
    return verb


def run(options: argparse.Namespace) -> int:
    types = _types(options.types)
    fields = _fields(options.subject)
    namespace = None if options.all_namespaces else options.namespace
    show = None
    if options.output:
        from .printers import printer

        show = printer(options.output)
    with connect() as client:
        listed = client.call("GET", _EVENTS.path(namespace), query={"fieldSelector": fields})
        found = [item for item in listed["items"] if not types or item.get("type") in types]
        found.sort(key=when)
        if show is not None:
            write(show([{"apiVersion": "v1", "kind": "Event", **item} for item in found], True))
        elif found:
            write(_table(found, options))
        elif not options.watch:
            where = "" if options.all_namespaces else f" in {escape(options.namespace)} namespace"
            say(f"No events found{where}.")
        if options.watch:
            options.no_headers = options.no_headers or bool(found)
            for event in changes(client, _EVENTS, namespace, listed["metadata"]["resourceVersion"], fields=fields):
                item = event["object"]
                if event["type"] == "DELETED" or (types and item.get("type") not in types):
                    continue
                write(show([item], False) if show is not None else _table([item], options))
                options.no_headers = True
    return exits.OK


def _types(text: str) -> frozenset[str]:
    found = frozenset(part.strip().capitalize() for part in text.split(",") if part.strip())
    if not found <= {"Normal", "Warning"}:
        raise Misuse('valid --types are: "Normal" or "Warning"')
    return found


def _fields(subject: str) -> str:
    if not subject:
        return ""
    kind, slash, name = subject.partition("/")
    if not slash or not name:
        raise Misuse("--for must be in resource/name form")
    return f"involvedObject.kind={find_resource(kind).kind},involvedObject.name={name}"


def when(event: Mapping[str, Any]) -> float:
    """When it happened last, in seconds since the epoch."""
    from nsrunner.model.printing.ages import parse_time

    series = event.get("series") or {}
    created = (event.get("metadata") or {}).get("creationTimestamp")
    for stamp in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"), created):
        if (moment := parse_time(stamp)) is not None:
            return moment
    return 0.0


def seen(event: Mapping[str, Any], now: float) -> str:
    """``3s``, or ``3s (x5 over 2m)`` of what happened several times."""
    from nsrunner.model.printing.ages import age, parse_time

    last = age(now - when(event))
    count = event.get("count") or (event.get("series") or {}).get("count") or 1
    first = parse_time(event.get("firstTimestamp") or event.get("eventTime"))
    return f"{last} (x{count} over {age(now - first)})" if count > 1 and first is not None else last


def _table(events: list[dict[str, Any]], options: argparse.Namespace) -> str:
    now = time.time()
    columns = [Column(title=title) for title in ("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")]
    rows = []
    for event in events:
        involved = event.get("involvedObject") or {}
        rows.append(
            [
                seen(event, now),
                event.get("type", ""),
                event.get("reason", ""),
                f"{involved.get('kind', '')}/{involved.get('name', '')}",
                (event.get("message") or "").strip(),
            ]
        )
        if options.all_namespaces:
            rows[-1].insert(0, event["metadata"].get("namespace", ""))
    if options.all_namespaces:
        columns.insert(0, Column(title="NAMESPACE"))
    return table(columns, rows, width=None, headers=not options.no_headers)
