"""``nsrunner create``: objects that are not there yet, from manifests or from values."""

from __future__ import annotations

import argparse
from typing import Any, Final

from ..api.client import Refused
from . import exits
from .output import say
from .parser import Misuse, Parser
from .resources import connect
from .selection import add_files, add_namespace
from .writing import Writer, add_dry_run, refusal

__all__ = ["parser", "run"]

_USAGE: Final = """\
nsrunner create -f FILE... [options]
       nsrunner create configmap NAME [--from-literal K=V] [--from-file ...]
       nsrunner create secret generic NAME [the same, and --type]
       nsrunner create namespace NAME"""

_DESCRIPTION: Final = """\
Create objects from manifests, or a ConfigMap, a Secret or a Namespace from values and files. One that is there already
is an error: 'nsrunner apply' changes it.
"""

_EPILOG: Final = """\
examples:
  nsrunner create -f pod.yaml
  nsrunner create configmap conf --from-file=app.ini --from-literal=mode=fast
  nsrunner create secret generic login --from-env-file=login.env
  nsrunner create namespace team

exit codes:
  0  all of them were created
  1  one was refused, or the daemon does not answer
  2  bad usage, or a file that cannot be read
"""


def parser() -> Parser:
    verb = Parser("nsrunner create", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="*", metavar="WHAT", help="configmap, secret generic or namespace, and its name")
    add_files(verb, "YAML or JSON, or a directory of it; - is stdin")
    add_namespace(verb)
    verb.add_argument("--from-literal", action="append", default=[], metavar="KEY=VALUE", help="one value")
    verb.add_argument("--from-file", action="append", default=[], metavar="FILE", help="[KEY=]FILE, or a directory")
    verb.add_argument("--from-env-file", action="append", default=[], metavar="FILE", help="lines KEY=VALUE")
    verb.add_argument("--type", default="Opaque", metavar="TYPE", help="of a Secret (Opaque)")
    add_dry_run(verb)
    return verb


def run(options: argparse.Namespace) -> int:
    writer = Writer(options)
    sourced = _objects(options)
    if writer.pretends:
        for _, object in sourced:
            resource, namespace, _ = writer.place(object)
            if resource.namespaced and options.namespace:
                object["metadata"].setdefault("namespace", namespace)
            writer.tell(resource, object, "created")
        return exits.OK
    code = exits.OK
    with connect() as client:
        for source, object in sourced:
            resource, namespace, _ = writer.place(object)
            try:
                created = writer.call(client, "POST", resource.path(namespace), object)
            except Refused as error:
                say(refusal(error, f'error when creating "{source}"') if source else _plain(error))
                code = exits.FAILED
                continue
            writer.tell(resource, created, "created")
    return code


def _plain(error: Refused) -> str:
    text = str(error)
    return f"error: failed to create: {error.args[0]}" if error.reason == "AlreadyExists" else text


def _objects(options: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    if options.files:
        if options.what:
            raise Misuse("-f says what to create: nothing beside it")
        from .files import objects_of

        return [(item.source, item.object) for item in objects_of(options.files, recursive=options.recursive)]
    from .create_values import config_map, namespace, secret

    match options.what:
        case ["configmap" | "cm", name]:
            return [("", config_map(name, options))]
        case ["secret", "generic", name]:
            return [("", secret(name, options))]
        case ["secret", *_]:
            raise Misuse("of secrets there is: create secret generic NAME")
        case ["namespace" | "ns", name]:
            return [("", namespace(name))]
        case ["configmap" | "cm" | "namespace" | "ns", *rest]:
            raise Misuse(f"exactly one NAME is required, got {len(rest)}")
        case []:
            raise Misuse("must specify one of -f, configmap, secret generic or namespace")
        case [other, *_]:
            raise Misuse(f'there is no "create {other}": create configmap, secret generic, namespace, or -f FILE')
    raise AssertionError(options.what)
