"""Tables of objects: as the server makes them, or from objects when there is no server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..api.client import Client, Refused
from . import exits
from .output import Column, escape, say, table, write
from .resources import Named, Resource
from .watching import changes

__all__ = ["offline_tables", "tables"]

_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def tables(client: Client, wanted: Sequence[Named], options: argparse.Namespace) -> int:
    """A table for each resource. Raises Refused, HostError."""
    code = exits.OK
    groups: dict[Resource, list[dict[str, Any]]] = {}
    include = "Object" if options.sort_by else ""
    watches = options.watch or options.watch_only
    for resource, name in wanted:
        named_watch = name and watches  # from a list: its version is that from which the changes come
        fields = f"metadata.name={name}" if named_watch else "" if name else options.field_selector
        query = {"labelSelector": "" if name else options.selector, "fieldSelector": fields, "includeObject": include}
        path = resource.path(_namespace(options), "" if named_watch else name, options.subresource)
        try:
            found = client.call("GET", path, query=query, accept=_TABLE)
            if named_watch and not found.get("rows"):
                client.call("GET", resource.path(_namespace(options), name))  # says that it is not there
            groups.setdefault(resource, []).append(found)
        except Refused as error:
            if error.code != 404 or not name:
                raise
            if not options.ignore_not_found:
                say(str(error))
                code = exits.FAILED
    shown = 0
    for resource, found_tables in groups.items():
        rows = [row for each in found_tables for row in each.get("rows") or ()]
        if rows and not options.watch_only:
            if shown:
                write("\n")
            shown += len(rows)
            _print(found_tables[0]["columnDefinitions"], rows, resource, options, kind=len(groups) > 1)
    if not shown and code == exits.OK and not watches and not any(name for _, name in wanted):
        _none(wanted, options)
    if watches and code == exits.OK and groups:
        version = groups[wanted[0].resource][0]["metadata"]["resourceVersion"]
        _watch(client, wanted[0], options, version, headers=not shown)
    return code


def _namespace(options: argparse.Namespace) -> str | None:
    return None if options.all_namespaces else options.namespace


def _none(wanted: Sequence[Named], options: argparse.Namespace) -> None:
    if not options.ignore_not_found:
        where = "" if options.all_namespaces else f" in {escape(options.namespace)} namespace"
        say(f"No resources found{where + '.' if wanted[0].resource.namespaced and where else ''}")


def _watch(client: Client, wanted: Named, options: argparse.Namespace, version: str, *, headers: bool) -> None:
    resource, name = wanted
    fields = f"metadata.name={name}" if name else options.field_selector
    definitions: list[dict[str, Any]] = []
    options.sort_by = ""
    options.no_headers = options.no_headers or not headers
    for event in changes(
        client, resource, _namespace(options), version, labels=options.selector, fields=fields, accept=_TABLE
    ):
        shown = event["object"]
        definitions = shown.get("columnDefinitions") or definitions
        if shown.get("rows"):
            _print(definitions, shown["rows"], resource, options, event=event["type"])
            options.no_headers = True
            sys.stdout.flush()


def _print(
    definitions: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    resource: Resource,
    options: argparse.Namespace,
    *,
    kind: bool = False,
    event: str = "",
) -> None:
    if options.sort_by:
        from .sorting import sorted_by

        rows = sorted_by(rows, options.sort_by, lambda row: row["object"])
    kept = [index for index, column in enumerate(definitions) if options.output == "wide" or not column.get("priority")]
    titles = [definitions[index]["name"].upper() for index in kept]
    lines = [[str(row["cells"][index]) for index in kept] for row in rows]
    if kind or options.show_kind or "all" in options.what:
        at = next((at for at, index in enumerate(kept) if definitions[index].get("format") == "name"), None)
        for line in () if at is None else lines:
            assert at is not None
            line[at] = f"{resource.singular}/{line[at]}"
    for line, row in zip(lines, rows, strict=True):
        metadata = row["object"]["metadata"]
        labels = metadata.get("labels") or {}
        line += [labels.get(name, "") for each in options.label_columns for name in each.split(",")]
        if options.show_labels:
            line.append(",".join(f"{name}={labels[name]}" for name in sorted(labels)) or "<none>")
        if options.all_namespaces and resource.namespaced:
            line.insert(0, metadata.get("namespace", ""))
        if event and options.output_watch_events:
            line.insert(0, event)
    titles += [name.rpartition("/")[2].upper() for each in options.label_columns for name in each.split(",")]
    if options.show_labels:
        titles.append("LABELS")
    if options.all_namespaces and resource.namespaced:
        titles.insert(0, "NAMESPACE")
    if event and options.output_watch_events:
        titles.insert(0, "EVENT")
    write(table([Column(title=title) for title in titles], lines, width=None, headers=not options.no_headers))


def offline_tables(objects: Sequence[dict[str, Any]], wanted: Sequence[Named], options: argparse.Namespace) -> None:
    """What a daemon would show of these objects."""
    import time

    from ..api.resources import served

    now = time.time()
    resources = {resource.info.kind: resource for resource in served("")}
    several = len({each.resource for each in wanted}) > 1
    shown = False
    for each in dict.fromkeys(each.resource for each in wanted):
        resource = resources[each.kind]
        found = [item for item in objects if item["kind"] == each.kind]
        if not found:
            continue
        if shown:
            write("\n")
        shown = True
        definitions = [
            {"name": column.name, "format": column.format, "priority": column.priority} for column in resource.columns
        ]
        rows = [{"cells": resource.row(item, now), "object": item} for item in found]
        _print(definitions, rows, each, options, kind=several)
    if not shown and not any(name for _, name in wanted):
        _none(wanted, options)
