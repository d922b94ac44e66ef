"""The options by which verbs are told of which objects they are to act on, and those objects."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..api.client import Client, Refused
from ..errors import UsageError
from . import exits
from .output import say
from .parser import Misuse, Parser
from .resources import Resource, named, of_kind

__all__ = ["Target", "add_files", "add_namespace", "add_selection", "fetched", "label_matcher", "targets"]


class Target(NamedTuple):
    """One object by its name."""

    resource: Resource
    namespace: str
    name: str

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.resource.singular}/{self.name}"


def add_namespace(verb: Parser) -> None:
    verb.add_argument("-n", "--namespace", default="", metavar="NAMESPACE", help="where to look (default)")


def add_files(verb: Parser, what: str = "of which objects: those in it") -> None:
    verb.add_argument("-f", "--filename", dest="files", action="append", default=[], metavar="FILE", help=what)
    verb.add_argument("-R", "--recursive", action="store_true", help="of a directory: also what is below it")


def add_selection(verb: Parser, *, all_flag: bool = True) -> None:
    """``RESOURCE [NAME]``, ``-f``, ``-l``, ``-n``, ``-A`` and ``--all``."""
    verb.add_argument("what", nargs="*", metavar="RESOURCE", help="such as pods, pod web, pod/web")
    add_files(verb)
    add_namespace(verb)
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="look in all namespaces")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="only those with these labels")
    verb.add_argument("--field-selector", default="", metavar="FIELDS", help="only those with these fields")
    if all_flag:
        verb.add_argument("--all", action="store_true", help="all of the resource")


def label_matcher(selector: str) -> Callable[[Mapping[str, str]], bool]:
    """Whether labels are those of ``-l``, for objects that the API does not choose; all are without one. Raises
    UsageError."""
    if not selector:
        return lambda labels: True
    from ..api.errors import ApiError
    from ..api.selectors import parse_labels

    try:
        return parse_labels(selector)
    except ApiError as error:
        raise UsageError(str(error)) from None


def namespace_of(options: argparse.Namespace) -> str:
    return options.namespace or "default"


def targets(client: Client, options: argparse.Namespace, *, everything: bool = False) -> list[Target]:
    """What the options name. ``everything``: a resource without names means all of it, also without ``--all``.

    Raises Misuse, UsageError, ManifestError, Refused.
    """
    if options.files:
        if options.what:
            raise Misuse("-f says of which objects: no resource beside it")
        from .files import objects_of

        return [
            Target(
                of_kind(object["kind"]),
                object["metadata"].get("namespace") or namespace_of(options),
                str(object["metadata"].get("name", "")),
            )
            for _, object in objects_of(options.files, recursive=options.recursive)
        ]
    found: list[Target] = []
    for resource, name in named(options.what):
        if name:
            if options.selector:
                raise Misuse("name cannot be provided when a selector is specified")
            if options.all_namespaces:
                raise Misuse("a resource cannot be retrieved by name across all namespaces")
            found.append(Target(resource, namespace_of(options), name))
        elif everything or options.selector or options.field_selector or getattr(options, "all", False):
            found += _selected(client, resource, options)
        else:
            raise Misuse("resource(s) were provided, but no name was specified: give names, -l LABELS or --all")
    return found


def _selected(client: Client, resource: Resource, options: argparse.Namespace) -> list[Target]:
    namespace = None if options.all_namespaces else namespace_of(options)
    query = {"labelSelector": options.selector, "fieldSelector": options.field_selector}
    listed = client.call("GET", resource.path(namespace), query=query)
    return [
        Target(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        for item in listed.get("items") or ()
    ]


class Fetched:
    """The objects of targets, one after the other; those that are refused are told of, and :attr:`code` remembers."""

    def __init__(self, client: Client, wanted: list[Target]) -> None:
        self._client = client
        self._wanted = wanted
        self.code = exits.OK

    def __iter__(self) -> Iterator[tuple[Target, dict[str, Any]]]:
        for target in self._wanted:
            try:
                object = self._client.call("GET", target.path)
            except Refused as error:
                say(str(error))
                self.code = exits.FAILED
                continue
            yield target, object


def fetched(client: Client, wanted: list[Target]) -> Fetched:
    return Fetched(client, wanted)
