"""``nsrunner describe``: all about an object, with what happened to it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..api.client import Client
from . import exits
from .blocks import Block, text_of
from .events import seen, when
from .output import Column, say, table, write
from .parser import Parser
from .resources import KINDS, connect
from .selection import Target, add_selection, fetched, targets

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner describe (RESOURCE [NAME...] | RESOURCE/NAME... | -f FILE)"

_DESCRIPTION: Final = """\
Tell all about objects: of a pod its containers with their states, what they wait for and until when, its probes,
mounts, conditions, and its events.
"""

_EPILOG: Final = """\
examples:
  nsrunner describe pod web           also of several whose names begin so
  nsrunner describe pods -l app=web
  nsrunner describe node

exit codes:
  0  told
  1  there is no such object, or the daemon does not answer
  2  bad usage
"""
_KIND: Final = {resource.kind: resource for resource in KINDS}


def parser() -> Parser:
    verb = Parser("nsrunner describe", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_selection(verb, all_flag=False)
    verb.add_argument("--show-events", action="store_true", default=True, help="with its events (true)")
    return verb


def run(options: argparse.Namespace) -> int:
    with connect() as client:
        wanted = _meant(client, targets(client, options, everything=True))
        if not wanted:
            where = "" if options.all_namespaces else f" in {options.namespace or 'default'} namespace"
            say(f"No resources found{where}.")
            return exits.OK
        found = fetched(client, wanted)
        first = True
        for target, object in found:
            text = _described(client, target.resource.kind, object)
            if options.show_events and target.resource.kind != "Event":
                text += _events(client, target.resource.kind, object)
            write(text if first else f"\n\n{text}")
            first = False
    return found.code


def _meant(client: Client, wanted: Sequence[Target]) -> list[Target]:
    """Each as it is or, if there is no object of that name, those whose names begin so."""
    names: dict[str, list[str]] = {}
    found: list[Target] = []
    for target in wanted:
        path = target.resource.path(target.namespace)
        if path not in names:
            names[path] = [item["metadata"]["name"] for item in client.call("GET", path).get("items") or ()]
        begin_so = [target._replace(name=name) for name in names[path] if name.startswith(target.name)]
        found += [target] if target.name in names[path] else begin_so or [target]
    return found


def _described(client: Client, kind: str, object: Mapping[str, Any]) -> str:
    return text_of(_block(client, kind, object))


def _block(client: Client, kind: str, object: Mapping[str, Any]) -> Block:
    if kind == "Pod":
        from .describe_pod import pod_block

        return pod_block(object, time.time())
    from .describe_others import object_block

    if kind != "Node":
        return object_block(kind, object)
    pods = client.call("GET", _KIND["Pod"].path(None), query={"fieldSelector": _LIVE})["items"]
    return object_block(kind, object, pods)


_LIVE: Final = "status.phase!=Succeeded,status.phase!=Failed"


def _events(client: Client, kind: str, object: Mapping[str, Any]) -> str:
    metadata = object["metadata"]
    fields = f"involvedObject.name={metadata['name']},involvedObject.kind={kind}"
    if kind != "Node":
        fields += f",involvedObject.uid={metadata['uid']}"
    listed = client.call("GET", _KIND["Event"].path(metadata.get("namespace")), query={"fieldSelector": fields})
    events = sorted(listed["items"], key=when)
    if not events:
        return "Events:            <none>\n"
    now = time.time()
    rows = [
        [
            f"  {event.get('type', '')}",
            event.get("reason", ""),
            seen(event, now),
            (event.get("source") or {}).get("component") or event.get("reportingComponent") or "",
            (event.get("message") or "").strip(),
        ]
        for event in events
    ]
    columns = [Column(title=title) for title in ("  Type", "Reason", "Age", "From", "Message")]
    return "Events:\n" + table(columns, rows, width=None, gap=2)
