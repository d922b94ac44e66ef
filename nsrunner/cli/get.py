"""``nsrunner get``: objects of the daemon, as a table or whole."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import UsageError
from . import exits
from .output import Column, escape, say, table, write
from .parser import Parser
from .resources import Named, Resource, connect, named

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner get (RESOURCE | RESOURCE NAME... | RESOURCE/NAME...) [options]"

_DESCRIPTION: Final = """\
Show objects of the daemon: pods, configmaps, secrets, events, namespaces, nodes, serviceaccounts.
"""

_EPILOG: Final = """\
examples:
  nsrunner get pods
  nsrunner get pods -A -o wide
  nsrunner get pod web -o yaml
  nsrunner get pods -l app=web -w

exit codes:
  0  shown
  1  there is no such object, or the daemon does not answer
  2  bad usage
"""
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def parser() -> Parser:
    verb = Parser("nsrunner get", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="+", metavar="RESOURCE", help="what to show, and of it what by name")
    verb.add_argument("-n", "--namespace", default="default", metavar="NAME", help="where to look (default)")
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="look in all namespaces")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="only those with these labels")
    verb.add_argument("--field-selector", default="", metavar="FIELDS", help="only those with these fields")
    verb.add_argument("-o", "--output", default="", metavar="FORM", help="wide, json, yaml or name")
    verb.add_argument("-w", "--watch", action="store_true", help="go on, and show what changes")
    verb.add_argument("--no-headers", action="store_true", help="without the columns' names")
    return verb


def run(options: argparse.Namespace) -> int:
    if options.output not in ("", "wide", "json", "yaml", "name"):
        raise UsageError(f"-o {options.output}: there is wide, json, yaml and name")
    wanted = named(options.what)
    with connect() as client:
        if options.output in ("", "wide"):
            return _tables(client, wanted, options)
        return _objects(client, wanted, options)


def _namespace(options: argparse.Namespace) -> str | None:
    return None if options.all_namespaces else options.namespace


def _query(options: argparse.Namespace) -> dict[str, object]:
    return {"labelSelector": options.selector, "fieldSelector": options.field_selector}


# --- whole ------------------------------------------------------------------------------------------------------------


def _objects(client: Client, wanted: Sequence[Named], options: argparse.Namespace) -> int:
    found: list[dict[str, Any]] = []
    code = exits.OK
    for resource, name in wanted:
        path = resource.path(_namespace(options), name)
        try:
            answer = client.call("GET", path, query={} if name else _query(options))
        except Refused as error:
            if error.code != 404 or not name:
                raise
            say(str(error))
            code = exits.FAILED
            continue
        found += [answer] if name else _items(answer, resource)
    single = len(wanted) == 1 and wanted[0].name
    if options.output == "name":
        write("".join(f"{_of(item)}/{item['metadata']['name']}\n" for item in found))
    elif found or not single:
        whole = found[0] if single else _list(found)
        _show(whole, options.output)
    if options.watch and code == exits.OK:
        for event in _watch(client, wanted, options, "application/json"):
            if options.output == "name":
                write(f"{_of(event['object'])}/{event['object']['metadata']['name']}\n")
            else:
                _show(event["object"], options.output)
    return code


def _items(answer: dict[str, Any], resource: Resource) -> list[dict[str, Any]]:
    return [{"apiVersion": "v1", "kind": resource.kind, **item} for item in answer.get("items") or ()]


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}


def _of(item: dict[str, Any]) -> str:
    return str(item.get("kind", "")).lower()


def _show(value: dict[str, Any], form: str) -> None:
    if form == "json":
        write(json.dumps(value, indent=4, ensure_ascii=False) + "\n")
        return
    import yaml

    write(yaml.safe_dump(value, sort_keys=True, allow_unicode=True, default_flow_style=False))


# --- tables -----------------------------------------------------------------------------------------------------------


def _tables(client: Client, wanted: Sequence[Named], options: argparse.Namespace) -> int:
    code = exits.OK
    groups: dict[Resource, list[dict[str, Any]]] = {}
    for resource, name in wanted:
        path = resource.path(_namespace(options), name)
        try:
            groups.setdefault(resource, []).append(
                client.call("GET", path, query={} if name else _query(options), accept=_TABLE)
            )
        except Refused as error:
            if error.code != 404 or not name:
                raise
            say(str(error))
            code = exits.FAILED
    shown = 0
    for resource, tables in groups.items():
        rows = [row for each in tables for row in each.get("rows") or ()]
        if rows:
            if shown:
                write("\n")
            shown += len(rows)
            prefix = f"{resource.singular}/" if len(groups) > 1 else ""
            _print(tables[0]["columnDefinitions"], rows, resource, options, prefix=prefix)
    if not shown and code == exits.OK and not options.watch:
        where = "" if options.all_namespaces else f" in {options.namespace} namespace"
        say(f"No resources found{where if wanted[0].resource.namespaced else ''}")
    if options.watch and code == exits.OK:
        _watch_tables(client, wanted, options, headers=not shown)
    return code


def _watch_tables(client: Client, wanted: Sequence[Named], options: argparse.Namespace, *, headers: bool) -> None:
    definitions: list[dict[str, Any]] = []
    for event in _watch(client, wanted, options, _TABLE):
        shown = event["object"]
        definitions = shown.get("columnDefinitions") or definitions
        if shown.get("rows"):
            options.no_headers = options.no_headers or not headers
            _print(definitions, shown["rows"], wanted[0].resource, options)
            headers = False
            sys.stdout.flush()


def _print(
    definitions: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    resource: Resource,
    options: argparse.Namespace,
    *,
    prefix: str = "",
) -> None:
    wide = options.output == "wide"
    kept = [index for index, column in enumerate(definitions) if wide or not column.get("priority")]
    columns = [Column(title=definitions[index]["name"].upper()) for index in kept]
    lines = []
    for row in rows:
        cells = [escape(str(row["cells"][index])) for index in kept]
        if prefix:
            cells[0] = prefix + cells[0]
        lines.append(cells)
    if options.all_namespaces and resource.namespaced:
        columns.insert(0, Column(title="NAMESPACE"))
        for line, row in zip(lines, rows, strict=True):
            line.insert(0, row["object"]["metadata"].get("namespace", ""))
    text = table(columns, lines, width=None)
    write(text.partition("\n")[2] if options.no_headers else text)


def _watch(
    client: Client, wanted: Sequence[Named], options: argparse.Namespace, accept: str
) -> Iterator[dict[str, Any]]:
    """The changes that come. Raises UsageError, Refused."""
    if len(wanted) != 1:
        raise UsageError("-w: one resource, or one object of it")
    resource, name = wanted[0]
    fields = f"metadata.name={name}" if name else options.field_selector
    version = client.call("GET", resource.path(_namespace(options)), query={"limit": 1})["metadata"]["resourceVersion"]
    query = {"watch": "true", "resourceVersion": version, "labelSelector": options.selector, "fieldSelector": fields}
    path = resource.path(_namespace(options))
    answer = client.checked(client.request("GET", path, query=query, accept=accept, timeout=None))
    for line in answer.lines():
        event = json.loads(line)
        if event["type"] == "ERROR":
            raise Refused(event["object"])
        if event["type"] != "BOOKMARK":
            yield event
