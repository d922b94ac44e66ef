"""``nsrunner create``: objects that are not there yet, from manifests or from values."""

from __future__ import annotations

import argparse
from typing import Any, Final

from ..api.client import Refused
from ..errors import UsageError
from . import exits
from .create_values import DOCKER_HUB
from .durations import duration
from .output import say, write
from .parser import Misuse, Parser
from .resources import connect, of_kind
from .selection import add_files, add_namespace
from .writing import Writer, add_dry_run, add_validate, misplaced, refusal

__all__ = ["parser", "run"]

_USAGE: Final = """\
nsrunner create -f FILE... [options]
       nsrunner create configmap NAME [--from-literal K=V] [--from-file ...]
       nsrunner create secret (generic | tls | docker-registry) NAME ...
       nsrunner create (namespace | serviceaccount) NAME
       nsrunner create token SERVICEACCOUNT [--duration ...]"""

_DESCRIPTION: Final = """\
Create objects from manifests, or a ConfigMap, a Secret, a Namespace or a ServiceAccount from values and files, or print
a token of a ServiceAccount. What is there already is an error: 'nsrunner apply' changes it.
"""

_EPILOG: Final = """\
examples:
  nsrunner create -f pod.yaml
  nsrunner create configmap conf --from-file=app.ini --from-literal=mode=fast
  nsrunner create secret generic login --from-env-file=login.env
  nsrunner create secret tls web --cert=web.crt --key=web.key
  nsrunner create namespace team
  nsrunner create token default --duration=1h

exit codes:
  0  all of them were created
  1  one was refused, or the daemon does not answer
  2  bad usage, or a file that cannot be read
"""
_KINDS: Final = "configmap, secret, namespace, serviceaccount or token"


def parser() -> Parser:
    verb = Parser("nsrunner create", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="*", metavar="WHAT", help="configmap, secret generic, namespace ..., and its name")
    add_files(verb, "YAML or JSON, or a directory of it; - is stdin")
    add_namespace(verb)
    verb.add_argument("--from-literal", action="append", default=[], metavar="KEY=VALUE", help="one value")
    verb.add_argument("--from-file", action="append", default=[], metavar="FILE", help="[KEY=]FILE, or a directory")
    verb.add_argument("--from-env-file", action="append", default=[], metavar="FILE", help="lines KEY=VALUE")
    verb.add_argument("--type", default="Opaque", metavar="TYPE", help="of a Secret (Opaque)")
    verb.add_argument("--cert", default="", metavar="FILE", help="of a tls Secret: the certificate, PEM")
    verb.add_argument("--key", default="", metavar="FILE", help="of a tls Secret: its key, PEM")
    verb.add_argument("--docker-server", default=DOCKER_HUB, metavar="URL", help="of a docker-registry Secret")
    verb.add_argument("--docker-username", default="", metavar="NAME", help="of a docker-registry Secret")
    verb.add_argument("--docker-password", default="", metavar="PASSWORD", help="of a docker-registry Secret")
    verb.add_argument("--docker-email", default="", metavar="ADDRESS", help="of a docker-registry Secret")
    verb.add_argument("--duration", type=duration, metavar="DURATION", help="for which a token is good (1h)")
    verb.add_argument("--audience", action="append", default=[], metavar="NAME", help="whom a token is for")
    add_validate(verb)
    add_dry_run(verb)
    return verb


def run(options: argparse.Namespace) -> int:
    if options.what[:1] == ["token"] and not options.files:
        return _token(options)
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
            try:
                resource, namespace, _ = writer.place(object)
                created = writer.call(client, "POST", resource.path(namespace), object)
            except Refused as error:
                say(refusal(error, f'error when creating "{source}"') if source else _plain(error, object))
                code = exits.FAILED
                continue
            except UsageError as error:
                say(misplaced(error, source))
                code = exits.FAILED
                continue
            writer.tell(resource, created, "created")
    return code


def _plain(error: Refused, object: dict[str, Any]) -> str:
    if error.reason != "AlreadyExists":
        return str(error)
    return f"error: failed to create {object['kind'].lower()}: {error.args[0]}"


def _token(options: argparse.Namespace) -> int:
    """A TokenRequest's answer, on standard output."""
    if len(options.what) != 2:
        raise Misuse(f"exactly one NAME is required, got {len(options.what) - 1}")
    spec: dict[str, Any] = {"audiences": options.audience or None}
    if options.duration is not None:
        spec["expirationSeconds"] = int(options.duration)
    request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": spec}
    with connect() as client:
        path = of_kind("ServiceAccount").path(options.namespace or "default", options.what[1], "token")
        answer = client.call("POST", path, body=request)
    write(f"{answer['status']['token']}\n")
    return exits.OK


def _objects(options: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    if options.files:
        if options.what:
            raise Misuse("-f says what to create: nothing beside it")
        from .files import objects_of

        return [(item.source, item.object) for item in objects_of(options.files, recursive=options.recursive)]
    from .create_values import config_map, docker_secret, namespace, secret, service_account, tls_secret

    match options.what:
        case ["configmap" | "cm", name]:
            return [("", config_map(name, options))]
        case ["secret", "generic", name]:
            return [("", secret(name, options))]
        case ["secret", "tls", name]:
            return [("", tls_secret(name, options))]
        case ["secret", "docker-registry", name]:
            return [("", docker_secret(name, options))]
        case ["secret", *_]:
            raise Misuse("of secrets there is: create secret (generic | tls | docker-registry) NAME")
        case ["serviceaccount" | "sa", name]:
            return [("", service_account(name))]
        case ["namespace" | "ns", name]:
            return [("", namespace(name))]
        case ["configmap" | "cm" | "namespace" | "ns" | "serviceaccount" | "sa", *rest]:
            raise Misuse(f"exactly one NAME is required, got {len(rest)}")
        case []:
            raise Misuse(f"must specify one of -f, {_KINDS}")
        case [other, *_]:
            raise Misuse(f'there is no "create {other}": -f FILE, {_KINDS}')
    raise AssertionError(options.what)
