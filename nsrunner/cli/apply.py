"""``nsrunner apply``: the objects of manifests, made or changed so that they are as the manifests say."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import ManifestError, UsageError
from . import exits
from .manifest import read_file
from .output import escape, say, write
from .parser import Parser
from .resources import connect, of_kind

__all__ = ["manifests", "parser", "run"]

_USAGE: Final = "nsrunner apply -f FILE... [options]"

_DESCRIPTION: Final = """\
Make the objects of the manifests, or change those that exist so that they are as the manifests say.
"""

_APPLY: Final = "application/apply-patch+yaml"

_EPILOG: Final = """\
examples:
  nsrunner apply -f pod.yaml
  cat *.yaml | nsrunner apply -f - -n team

exit codes:
  0  every object is as its manifest says
  1  an object was refused, or the daemon does not answer
  2  bad usage, or a manifest that cannot be read
"""


def parser() -> Parser:
    verb = Parser("nsrunner apply", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        required=True,
        metavar="FILE",
        help="YAML or JSON; - is stdin",
    )
    verb.add_argument("-n", "--namespace", default="", metavar="NAME", help="for objects that name none (default)")
    verb.add_argument("--dry-run", choices=["none", "server"], default="none", metavar="server", help="change nothing")
    return verb


def run(options: argparse.Namespace) -> int:
    objects = manifests(options.files)
    code = exits.OK
    query = {"fieldManager": "nsrunner", "fieldValidation": "Strict", "dryRun": _dry(options)}
    with connect() as client:
        for source, object in objects:
            resource = of_kind(object["kind"])
            name = object["metadata"].get("name", "")
            namespace = object["metadata"].get("namespace") or options.namespace or "default"
            warnings: list[str] = []
            try:
                what = _apply(client, resource.path(namespace), name, object, query, warnings)
            except Refused as error:
                say(_refusal(error, source))
                code = exits.FAILED
                continue
            finally:
                for warning in warnings:
                    say(f"Warning: {escape(warning)}")
            suffix = " (server dry run)" if options.dry_run == "server" else ""
            write(f"{resource.singular}/{escape(name)} {what}{suffix}\n")
    return code


def _dry(options: argparse.Namespace) -> str:
    return "All" if options.dry_run == "server" else ""


def _apply(
    client: Client, path: str, name: str, object: dict[str, Any], query: Mapping[str, str], warnings: list[str]
) -> str:
    if not name:  # generateName makes another object each time
        client.call("POST", path, query=query, body=object, warn=warnings)
        return "created"
    here = f"{path}/{name}"
    before = _version(client, here)
    query = {**query, "force": "true"}
    after = client.call("PATCH", here, query=query, body=object, content_type=_APPLY, warn=warnings)
    if not before:
        return "created"
    return "unchanged" if before == after["metadata"]["resourceVersion"] else "configured"


def _version(client: Client, path: str) -> str:
    """Of the object that is there; empty: there is none."""
    try:
        version: str = client.call("GET", path)["metadata"]["resourceVersion"]
    except Refused as error:
        if error.reason != "NotFound":
            raise
        return ""
    return version


def _refusal(error: Refused, source: str) -> str:
    message = str(error.args[0])
    if error.reason == "Invalid":
        return f"The {message[:1].upper()}{message[1:]}"
    return f'Error from server ({error.reason}): error when applying "{source}": {message}'


def manifests(files: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The objects of these files with the file of each; Lists are taken apart. Raises ManifestError, UsageError."""
    from ..model.source import read_documents

    found: list[tuple[str, dict[str, Any]]] = []
    for file in files:
        source = "STDIN" if file == "-" else file
        for document in read_documents(read_file(file)):
            if document.error is not None:
                raise ManifestError([document.error.field_error()], source=source, document=document.index)
            found += [(source, item) for item in _flat(document.value, source)]
    if not found:
        raise UsageError("no objects passed to apply")
    return found


def _flat(value: Any, source: str) -> list[dict[str, Any]]:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise UsageError(f"{source}: an object with apiVersion and kind is expected")
    if value["kind"].endswith("List"):
        return [each for item in value.get("items") or () for each in _flat(item, source)]
    if not isinstance(value.get("metadata"), dict):
        raise UsageError(f"{source}: {value['kind']}: metadata: Required value")
    return [value]
