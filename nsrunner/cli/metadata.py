"""What ``label`` and ``annotate`` have in common: changes of a map in the metadata of objects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..api.client import Client, Refused
from ..errors import UsageError
from . import exits
from .output import escape, say, write
from .parser import Misuse, Parser
from .resources import connect
from .selection import Target, add_selection, targets

__all__ = ["Words", "add_changes", "change", "parse_changes"]


class Words(NamedTuple):
    """How one of the verbs speaks."""

    field: str
    """``labels`` or ``annotations``."""
    one: str
    done: str


def add_changes(verb: Parser, words: Words) -> None:
    add_selection(verb)
    verb.add_argument("--overwrite", action="store_true", help="also those that have another value already")
    verb.add_argument("--list", action="store_true", help=f"print the {words.field} as they are then")
    verb.add_argument("--resource-version", default="", metavar="VERSION", help="only if this is the current one")
    verb.add_argument(
        "--dry-run",
        choices=["none", "client", "server"],
        default="none",
        metavar="HOW",
        help="change nothing: client or server",
    )
    verb.add_argument(
        "-o", "--output", default="", metavar="FORM", help="json, yaml, name: the objects as they are then"
    )


class Changes(NamedTuple):
    set: dict[str, str]
    remove: tuple[str, ...]


def parse_changes(words: Sequence[str], what: Words) -> tuple[list[str], Changes]:
    """Takes ``key=value`` and ``key-`` from the end of the words; the others come first. Raises Misuse."""
    resources: list[str] = []
    values: dict[str, str] = {}
    removed: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key:
            values[key] = value
        elif not equals and word.endswith("-") and len(word) > 1:
            removed.append(word[:-1])
        elif values or removed:
            raise Misuse(f"all resources must be specified before {what.one} changes: {word}")
        else:
            resources.append(word)
    both = sorted(set(values) & set(removed))
    if both:
        raise Misuse(f"can not both modify and remove a {what.one} in the same command: {', '.join(both)}")
    return resources, Changes(values, tuple(removed))


def change(options: argparse.Namespace, words: Words) -> int:
    """Raises Misuse, Refused."""
    options.what, changes = parse_changes(options.what, words)
    if not changes.set and not changes.remove and not options.list:
        raise Misuse(f"at least one {words.one} update is required")
    show = None
    if options.output:
        from .printers import printer

        show = printer(options.output)
    code = exits.OK
    with connect() as client:
        wanted = targets(client, options)
        several = len(wanted) > 1
        for target in wanted:
            try:
                object, text = _change(client, target, changes, words, options)
            except Refused as error:
                say(str(error))
                code = exits.FAILED
                continue
            except _HasValue as error:
                say(f"error: {error}")
                code = exits.FAILED
                continue
            if show is not None:
                write(show([object], False))
            elif text:
                write(f"{target.resource.singular}/{escape(target.name)} {text}{_SUFFIX[options.dry_run]}\n")
            if options.list:
                there = object["metadata"].get(words.field) or {}
                head, indent = (f"Listing {words.field} for {escape(str(target))}:\n", " ") if several else ("", "")
                lines = [f"{indent}{escape(key)}={escape(there[key])}\n" for key in sorted(there)]
                write(head + "".join(lines))
    return code


_SUFFIX: Final = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


class _HasValue(UsageError):
    """A value is there already, and is not to be overwritten."""


def _change(
    client: Client, target: Target, changes: Changes, words: Words, options: argparse.Namespace
) -> tuple[dict[str, Any], str]:
    """The object as it is then, and what became of it."""
    object = client.call("GET", target.path)
    there: dict[str, str] = object["metadata"].get(words.field) or {}
    if not options.overwrite:
        for key, value in changes.set.items():
            if there.get(key, value) != value:
                raise _HasValue(f"'{key}' already has a value ({there[key]}), and --overwrite is false")
    if not changes.set and not changes.remove:
        return object, ""
    for key in changes.remove:
        if key not in there:
            say(f'{words.one} "{key}" not found.')
    wanted: dict[str, str | None] = {**changes.set, **dict.fromkeys(key for key in changes.remove if key in there)}
    after = {key: value for key, value in {**there, **wanted}.items() if value is not None}
    removed_only = not changes.set and all(value is None for value in wanted.values())
    text = (
        f"not {words.done}"
        if after == there
        else f"un{words.done}"
        if removed_only and words.one == "label"
        else words.done
    )
    if options.dry_run == "client" or not wanted:
        return {**object, "metadata": {**object["metadata"], words.field: after}}, text
    metadata: dict[str, Any] = {words.field: wanted}
    if options.resource_version:
        metadata["resourceVersion"] = options.resource_version
    query = {"fieldManager": f"nsrunner-{words.one}", "dryRun": "All" if options.dry_run == "server" else ""}
    answer = client.call(
        "PATCH", target.path, query=query, body={"metadata": metadata}, content_type="application/merge-patch+json"
    )
    return answer, text
