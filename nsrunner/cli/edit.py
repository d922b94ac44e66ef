"""``nsrunner edit``: an object in an editor, and back again."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import tempfile
from collections.abc import Set as AbstractSet
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import HostError, ManifestError, UsageError
from . import exits
from .files import objects_of
from .output import escape, say, write
from .parser import Misuse, Parser
from .printers import as_list, to_yaml
from .resources import connect, of_kind
from .selection import add_selection, fetched, targets

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner edit (RESOURCE NAME... | RESOURCE/NAME...) [options]"

_DESCRIPTION: Final = """\
Open objects in the editor of KUBE_EDITOR or EDITOR (vi), and write back what was changed. What is refused comes back
into the editor, with the reason on top; an empty file, or one without changes, ends it.
"""

_EPILOG: Final = """\
examples:
  nsrunner edit configmap conf
  KUBE_EDITOR='code --wait' nsrunner edit pod/web

exit codes:
  0  written, or nothing was changed
  1  refused, the editor failed, or there is no such object
  2  bad usage
"""
_HEAD: Final = """\
# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""


def parser() -> Parser:
    verb = Parser("nsrunner edit", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_selection(verb, all_flag=False)
    return verb


def run(options: argparse.Namespace) -> int:
    if not options.what and not options.files:
        raise Misuse("say of which resource, such as 'pod web' or 'cm/conf'")
    with connect() as client:
        found = fetched(client, targets(client, options, everything=True))
        objects = [_editable(object) for _, object in found]
        if found.code or not objects:
            return found.code
        return _edit(client, objects)


def _editable(object: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in object["metadata"].items() if name != "managedFields"}
    return {**object, "metadata": metadata}


def _edit(client: Client, objects: list[dict[str, Any]]) -> int:
    original = to_yaml(objects[0] if len(objects) == 1 else as_list(objects))
    text, reasons, before = original, "", original
    while True:
        edited = _in_editor(_HEAD + reasons + text)
        body = "".join(f"{line}\n" for line in edited.splitlines() if not line.startswith("#"))
        if not body.strip():
            say("Edit cancelled, saved file was empty.")
            return exits.OK if not reasons else _kept(edited)
        if body == original:
            say("Edit cancelled, no changes made.")
            return exits.OK
        if reasons and body == before:
            say("error: Edit cancelled, no valid changes were saved.")
            return _kept(edited)
        try:
            problems = _write(client, body, {_identity(object) for object in objects})
        except _Another as error:
            say(f"error: {error}")
            return _kept(edited)
        if not problems:
            return exits.OK
        before = text = body
        reasons = "".join(f"# {line}\n" for problem in problems for line in problem.split("\n")) + "#\n"


class _Another(UsageError):
    """What was edited is no longer the object that it was: nothing that another look would mend."""


def _identity(object: dict[str, Any]) -> tuple[object, ...]:
    metadata = object["metadata"]
    return object.get("apiVersion"), object["kind"], metadata.get("namespace"), metadata.get("name")


def _kept(edited: str) -> int:
    fd, path = tempfile.mkstemp(prefix="nsrunner-edit-", suffix=".yaml")
    with open(fd, "w", encoding="utf-8") as file:
        file.write(edited)
    say(f'A copy of your changes has been stored to "{path}"')
    return exits.FAILED


def _in_editor(text: str) -> str:
    """What the editor made of it. Raises HostError."""
    command = shlex.split(os.environ.get("KUBE_EDITOR") or os.environ.get("EDITOR") or "vi")
    fd, path = tempfile.mkstemp(prefix="nsrunner-edit-", suffix=".yaml")  # 0600: it may be a Secret
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            code = subprocess.run([*command, path], check=False).returncode
        except OSError as error:
            raise HostError(f'there was a problem with the editor "{command[0]}": {error.strerror}') from None
        if code:
            raise HostError(f'there was a problem with the editor "{command[0]}": exit code {code}')
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    finally:
        os.unlink(path)


def _write(client: Client, body: str, known: AbstractSet[tuple[object, ...]]) -> list[str]:
    """What kept it from being written, nothing if it was. ``known``: which objects it may be about. Raises _Another."""
    fd, path = tempfile.mkstemp(prefix="nsrunner-edit-", suffix=".yaml")
    try:
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(body)
        objects = [item.object for item in objects_of([path])]
    except (ManifestError, UsageError) as error:
        return [str(error).replace(path, "the edited file")]
    finally:
        os.unlink(path)
    if any(_identity(object) not in known for object in objects):
        raise _Another("At least one of apiVersion, kind and name was changed")
    problems = []
    for object in objects:
        try:
            resource = of_kind(object["kind"])
            name = str(object["metadata"].get("name", ""))
            where = resource.path(object["metadata"].get("namespace") or "default", name)
            before = client.call("GET", where)
            query = {"fieldManager": "nsrunner-edit", "fieldValidation": "Strict"}
            after = client.call("PUT", where, query=query, body=object)
        except (Refused, UsageError) as error:
            problems.append(str(error))
            continue
        if before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]:
            write(f"{resource.singular}/{escape(name)} edited\n")
    return problems
