"""``nsrunner replace``: objects as they are in manifests, whatever they were before."""

from __future__ import annotations

import argparse
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import UsageError
from . import exits
from .deleting import delete_object, wait_until_gone
from .output import say
from .parser import Misuse, Parser
from .resources import Resource, connect
from .selection import Target, add_files, add_namespace
from .writing import Writer, add_dry_run, add_validate, misplaced, refusal

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner replace -f FILE... [--force] [options]"

_DESCRIPTION: Final = """\
Replace objects that exist by those of the manifests. Of a pod only little can change while it runs; with --force it is
deleted, with the time it needs to end, and made anew.
"""

_EPILOG: Final = """\
examples:
  nsrunner replace -f pod.yaml --force
  nsrunner get cm conf -o yaml | sed s/slow/fast/ | nsrunner replace -f -

exit codes:
  0  all of them are as in the manifests
  1  one was refused or is not there, or the daemon does not answer
  2  bad usage, or a manifest that cannot be read
"""


def parser() -> Parser:
    verb = Parser("nsrunner replace", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_files(verb, "YAML or JSON, or a directory of it; - is stdin")
    add_namespace(verb)
    verb.add_argument("--force", action="store_true", help="delete what is there, and create it anew")
    verb.add_argument("--grace-period", type=int, metavar="SECONDS", help="with --force: instead of the pod's own")
    add_validate(verb)
    add_dry_run(verb)
    return verb


def run(options: argparse.Namespace) -> int:
    if not options.files:
        raise Misuse("must specify --filename to replace")
    if options.force and options.dry_run != "none":
        raise Misuse("--dry-run can not be used when --force is set")
    from .files import objects_of

    writer = Writer(options)
    code = exits.OK
    sourced = objects_of(options.files, recursive=options.recursive)
    with connect() as client:
        for source, object in sourced:
            try:
                resource, namespace, name = writer.place(object)
                after = _replace(client, writer, resource, namespace, name, object, options)
            except Refused as error:
                say(refusal(error, f'error when replacing "{source}"'))
                code = exits.FAILED
                continue
            except UsageError as error:
                say(misplaced(error, source))
                code = exits.FAILED
                continue
            writer.tell(resource, after, "replaced")
    return code


def _replace(
    client: Client,
    writer: Writer,
    resource: Resource,
    namespace: str,
    name: str,
    object: dict[str, Any],
    options: argparse.Namespace,
) -> dict[str, Any]:
    target = Target(resource, namespace, name)
    if writer.pretends:
        return object
    if not options.force:
        return writer.call(client, "PUT", target.path, object)
    try:
        uid = delete_object(client, target, options.grace_period)
    except Refused as error:
        if error.code != 404:
            raise
    else:
        wait_until_gone(target, uid)
    metadata = {key: value for key, value in object["metadata"].items() if key not in ("resourceVersion", "uid")}
    return writer.call(client, "POST", resource.path(namespace), {**object, "metadata": metadata})
