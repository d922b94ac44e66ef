"""``run --detach``: the pods of manifests, and what they refer to, for the daemon to run."""

from __future__ import annotations

import argparse

from ..api.client import NoDaemon, Refused
from ..errors import HostError
from . import exits
from .files import Sourced, objects_of
from .output import escape, say, write
from .parser import Misuse
from .resources import connect, of_kind
from .writing import refusal

__all__ = ["run_detached"]

_OF_THE_FOREGROUND = ("timeout", "grace_period", "output", "record")


def run_detached(options: argparse.Namespace) -> int:
    """ConfigMaps and Secrets first: a pod finds them there. Raises Misuse, HostError."""
    for name in _OF_THE_FOREGROUND:
        if getattr(options, name):
            raise Misuse(f"--detach and --{name.replace('_', '-')} cannot be used together")
    found = [item for item in objects_of(options.files) if _wanted(item, options.pod)]
    found.sort(key=lambda item: item.object["kind"] == "Pod")
    code = exits.OK
    try:
        client = connect()
    except NoDaemon as error:
        raise HostError(f"{error}\nWithout --detach the pods run in the foreground, and need none.") from None
    with client:
        for source, object in found:
            resource = of_kind(object["kind"])
            namespace = object["metadata"].get("namespace") or options.namespace
            query = {"fieldManager": "nsrunner", "fieldValidation": "Strict"}
            try:
                made = client.call("POST", resource.path(namespace), query=query, body=object)
            except Refused as error:
                say(refusal(error, f'error when creating "{escape(source)}"'))
                code = exits.INTERNAL if error.code >= 500 else exits.USAGE
                continue
            write(f"{resource.singular}/{escape(made['metadata']['name'])} created\n")
    return code


def _wanted(item: Sourced, pods: list[str]) -> bool:
    return not pods or item.object["kind"] != "Pod" or item.object["metadata"].get("name") in pods
