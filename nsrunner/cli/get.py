"""``nsrunner get``: objects of the daemon, as a table or whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

from ..api.client import Client, NoDaemon, Refused
from . import exits
from .output import say, write
from .parser import Misuse, Parser
from .resources import Named, Resource, connect, named
from .watching import changes

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner get (RESOURCE | RESOURCE NAME... | RESOURCE/NAME...) [options]"

_DESCRIPTION: Final = """\
Show objects of the daemon: pods, configmaps, secrets, events, namespaces, nodes, serviceaccounts; 'all' means pods.

When no daemon runs, what it last wrote down is shown, and standard error says so. 'nsrunner ps' lists the pods that run
without one, too.
"""

_EPILOG: Final = """\
examples:
  nsrunner get pods
  nsrunner get pods,configmaps -A -o wide
  nsrunner get pod web -o yaml
  nsrunner get pods -l app=web -w
  nsrunner get pods --sort-by=.metadata.creationTimestamp
  nsrunner get pod web -o jsonpath='{.status.podIP}'
  nsrunner get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP

exit codes:
  0    shown
  1    there is no such object, or no daemon and nothing written down
  2    bad usage
  130  Ctrl-C, of -w
"""


def parser() -> Parser:
    verb = Parser("nsrunner get", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="*", metavar="RESOURCE", help="what to show, and of it what by name")
    verb.add_argument("-f", "--filename", dest="files", action="append", default=[], metavar="FILE", help="all in it")
    verb.add_argument("-R", "--recursive", action="store_true", help="of a directory: also what is below it")
    verb.add_argument("-n", "--namespace", default="default", metavar="NAMESPACE", help="where to look (default)")
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="look in all namespaces")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="only those with these labels")
    verb.add_argument("--field-selector", default="", metavar="FIELDS", help="only those with these fields")
    verb.add_argument(
        "-o",
        "--output",
        default="",
        metavar="FORM",
        help="wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=TITLE:PATH,...",
    )
    verb.add_argument("-w", "--watch", action="store_true", help="go on, and show what changes")
    verb.add_argument("--watch-only", action="store_true", help="only what changes from now on")
    verb.add_argument("--output-watch-events", action="store_true", help="with -w: say what each change is")
    verb.add_argument("--sort-by", default="", metavar="PATH", help="a field, such as .metadata.name")
    verb.add_argument("--show-labels", action="store_true", help="labels in a column of their own")
    verb.add_argument("-L", "--label-columns", action="append", default=[], metavar="LABEL", help="a column for each")
    verb.add_argument("--no-headers", action="store_true", help="without the columns' names")
    verb.add_argument("--show-kind", action="store_true", help="the kind before each name")
    verb.add_argument("--subresource", default="", metavar="NAME", help="of named objects: status, ephemeralcontainers")
    verb.add_argument("--chunk-size", type=int, default=0, metavar="N", help="accepted: lists come whole")
    verb.add_argument("--raw", default="", metavar="PATH", help="what the daemon answers to a GET of it, as it is")
    verb.add_argument("--show-managed-fields", action="store_true", help="in json and yaml")
    verb.add_argument("--ignore-not-found", action="store_true", help="what is not there is no error")
    return verb


def run(options: argparse.Namespace) -> int:
    if options.raw:
        return _raw(options)
    wanted = _wanted(options)
    plain = options.output in ("", "wide")
    show = None
    if not plain:
        from .printers import printer

        show = printer(options.output, headers=not options.no_headers, managed_fields=options.show_managed_fields)
    watches = options.watch or options.watch_only
    if watches and len(wanted) != 1:
        raise Misuse("you may only specify a single resource type or name with --watch")
    names = any(each.name for each in wanted)
    if names and options.all_namespaces:
        raise Misuse("a resource cannot be retrieved by name across all namespaces")
    if names and (options.selector or (options.field_selector and not watches)):
        raise Misuse("name cannot be provided when a selector is specified")
    if options.subresource and (watches or not all(each.name for each in wanted)):
        raise Misuse("subresource cannot be used when bulk resources are specified, nor with --watch")
    try:
        client = connect()
    except NoDaemon:
        if (
            watches
            or options.subresource
            or options.selector
            or options.field_selector
            or not _offline(wanted, options, show)
        ):
            raise
        return exits.OK if _found_all(wanted, options) else exits.FAILED
    with client:
        if show is None:
            from .get_table import tables

            return tables(client, wanted, options)
        return _objects(client, wanted, options, show)


def _raw(options: argparse.Namespace) -> int:
    """Raises Misuse, Refused, HostError."""
    if options.what or options.files or options.output or options.watch or options.watch_only:
        raise Misuse("arguments may not be passed when --raw is specified")
    if not options.raw.startswith("/"):
        raise Misuse(f"--raw {options.raw}: a path such as /version is expected")
    with connect() as client:
        for chunk in client.checked(client.request("GET", options.raw, accept="*/*", timeout=None)).chunks():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    return exits.OK


def _wanted(options: argparse.Namespace) -> list[Named]:
    if not options.files:
        if not options.what:
            raise Misuse("You must specify the type of resource to get, such as 'pods', 'pod web' or 'pod/web'")
        return named(["pods" if word == "all" else word for word in options.what])
    if options.what:
        raise Misuse("-f says what to get: no resource beside it")
    from .files import objects_of
    from .resources import of_kind

    found = objects_of(options.files, recursive=options.recursive)
    options.namespace = next((item.object["metadata"].get("namespace") for item in found), "") or options.namespace
    return [Named(of_kind(item.object["kind"]), str(item.object["metadata"].get("name", ""))) for item in found]


def _namespace(options: argparse.Namespace) -> str | None:
    return None if options.all_namespaces else options.namespace


# --- whole objects ----------------------------------------------------------------------------------------------------


def _objects(client: Client, wanted: Sequence[Named], options: argparse.Namespace, show: Any) -> int:
    found: list[dict[str, Any]] = []
    code = exits.OK
    version = ""
    for resource, name in wanted:
        path = resource.path(_namespace(options), name, options.subresource)
        query = {} if name else {"labelSelector": options.selector, "fieldSelector": options.field_selector}
        try:
            answer = client.call("GET", path, query=query)
        except Refused as error:
            if error.code != 404 or not name:
                raise
            if not options.ignore_not_found:
                say(str(error))
                code = exits.FAILED
            continue
        version = answer["metadata"]["resourceVersion"]
        found += [answer] if name else _items(answer, resource)
    single = len(wanted) == 1 and bool(wanted[0].name)
    if not options.watch_only:
        _show(found, options, show, several=not single)
    if (options.watch or options.watch_only) and code == exits.OK:
        resource, name = wanted[0]
        fields = f"metadata.name={name}" if name else options.field_selector
        for event in changes(client, resource, _namespace(options), version, labels=options.selector, fields=fields):
            object = event if options.output_watch_events else event["object"]
            write(show([object], False))
    return code


def _show(found: list[dict[str, Any]], options: argparse.Namespace, show: Any, *, several: bool) -> None:
    if options.sort_by:
        from .sorting import sorted_by

        found = sorted_by(found, options.sort_by)
    if found or several:
        write(show(found, several))


def _items(answer: dict[str, Any], resource: Resource) -> list[dict[str, Any]]:
    return [{"apiVersion": "v1", "kind": resource.kind, **item} for item in answer.get("items") or ()]


# --- without a daemon -------------------------------------------------------------------------------------------------


def _offline(wanted: Sequence[Named], options: argparse.Namespace, show: Any) -> bool:
    """Shows what is written down; False when nothing is."""
    from .offline import last_known

    known = last_known(wanted, _namespace(options))
    if known is None:
        return False
    say(known.warning)
    options.missing = known.missing
    found = known.objects
    if show is not None:
        _show(found, options, show, several=not (len(wanted) == 1 and wanted[0].name))
    else:
        from .get_table import offline_tables

        offline_tables(found, wanted, options)
    sys.stdout.flush()
    return True


def _found_all(wanted: Sequence[Named], options: argparse.Namespace) -> bool:
    for resource, name in options.missing:
        if not options.ignore_not_found:
            say(f'Error from server (NotFound): {resource.plural} "{name}" not found')
    return not options.missing or options.ignore_not_found
