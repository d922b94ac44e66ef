"""``nsrunner apply``: the objects of manifests, made or changed so that they are as the manifests say."""

from __future__ import annotations

import argparse
from typing import Any, Final

from ..api.client import Client, Refused, quote
from ..errors import UsageError
from . import exits
from .files import objects_of
from .output import escape, say
from .parser import Misuse, Parser
from .resources import connect
from .selection import add_files, add_namespace, label_matcher
from .writing import Writer, add_dry_run, add_validate, misplaced, refusal

__all__ = ["parser", "run"]

_APPLY: Final = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML, too."""
_USAGE: Final = "nsrunner apply -f FILE... [options]"

_DESCRIPTION: Final = """\
Make the objects of the manifests, or change those that exist so that they are as the manifests say: by a server-side
apply, which leaves alone what the manifests do not speak of.
"""

_EPILOG: Final = """\
examples:
  nsrunner apply -f pod.yaml
  nsrunner apply -f manifests/ -R --dry-run=server
  cat *.yaml | nsrunner apply -f - -n team

exit codes:
  0  every object is as its manifest says
  1  an object was refused, or the daemon does not answer
  2  bad usage, or a manifest that cannot be read
"""


def parser() -> Parser:
    verb = Parser("nsrunner apply", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_files(verb, "YAML or JSON, or a directory of it; - is stdin")
    add_namespace(verb)
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="only objects with these labels")
    verb.add_argument(
        "--server-side", action="store_true", help="as it is in any case; but fields of others are not taken over"
    )
    verb.add_argument("--force-conflicts", action="store_true", help="with --server-side: take them over")
    verb.add_argument("--field-manager", default="nsrunner", metavar="NAME", help="whose the fields are (nsrunner)")
    add_validate(verb)
    add_dry_run(verb)
    return verb


def run(options: argparse.Namespace) -> int:
    if not options.files:
        raise Misuse("must specify --filename")
    writer = Writer(options)
    if options.force_conflicts and not options.server_side:
        raise Misuse("--force-conflicts only works with --server-side")
    force = not options.server_side or options.force_conflicts
    chosen = label_matcher(options.selector)
    code = exits.OK
    sourced = objects_of(options.files, recursive=options.recursive)
    with connect() as client:
        for source, object in sourced:
            try:
                resource, namespace, name = writer.place(object)
                if not chosen(object["metadata"].get("labels") or {}):
                    continue
                after, what = _apply(client, writer, resource.path(namespace), name, object, force=force)
            except Refused as error:
                hint = _CONFLICT if error.reason == "Conflict" and not force else ""
                say(refusal(error, f'error when applying "{escape(source)}"') + hint)
                code = exits.FAILED
                continue
            except UsageError as error:
                say(misplaced(error, source))
                code = exits.FAILED
                continue
            writer.tell(resource, after, what)
    return code


_CONFLICT: Final = "\nWith --force-conflicts these fields are taken over from their managers."


def _apply(
    client: Client, writer: Writer, path: str, name: str, object: dict[str, Any], *, force: bool
) -> tuple[dict[str, Any], str]:
    """The object as it is then, and what became of it. Raises Refused."""
    here = f"{path}/{quote(name)}"
    if writer.pretends:
        try:
            client.call("GET", here)
        except Refused as error:
            if error.code != 404:
                raise
            return object, "created"
        return object, "configured"
    if not name:  # generateName makes another object each time
        return writer.call(client, "POST", path, object), "created"
    before = _version(client, here)
    after = writer.call(client, "PATCH", here, object, force=force, content_type=_APPLY)
    if not before:
        return after, "created"
    return after, "unchanged" if before == after["metadata"]["resourceVersion"] else "configured"


def _version(client: Client, path: str) -> str:
    """Of the object that is there; empty: there is none."""
    try:
        version: str = client.call("GET", path)["metadata"]["resourceVersion"]
    except Refused as error:
        if error.code != 404:
            raise
        return ""
    return version
