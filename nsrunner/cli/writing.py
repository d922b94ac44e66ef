"""What the verbs that write objects have in common: how they ask, what they print, how a refusal reads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import UsageError
from .output import escape, say, write
from .parser import Parser
from .resources import Resource, of_kind

__all__ = ["Writer", "add_dry_run", "add_validate", "misplaced", "refusal"]

_SUFFIX: Final = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


def add_dry_run(verb: Parser) -> None:
    verb.add_argument(
        "--dry-run", default="none", choices=["none", "client", "server"], metavar="HOW", help="none, client or server"
    )
    verb.add_argument(
        "-o", "--output", default="", metavar="FORM", help="json, yaml, name: the objects as they are then"
    )


_VALIDATION: Final = {"true": "Strict", "strict": "Strict", "warn": "Warn", "false": "Ignore", "ignore": "Ignore"}


def add_validate(verb: Parser) -> None:
    verb.add_argument(
        "--validate",
        default="strict",
        choices=sorted(_VALIDATION),
        metavar="HOW",
        help="strict, warn or ignore: unknown fields",
    )


def misplaced(error: UsageError, source: str) -> str:
    """What is wrong with an object before it is sent, and in which file it is."""
    return f"error: {escape(source)}: {error}" if source else f"error: {error}"


class Writer:
    """Writes objects and says what became of each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._dry: str = options.dry_run
        self._namespace: str = options.namespace
        self._show: Callable[[list[dict[str, Any]], bool], str] | None = None
        if options.output:
            from .printers import printer

            self._show = printer(options.output)
        self.query = {
            "fieldManager": getattr(options, "field_manager", "nsrunner"),
            "fieldValidation": _VALIDATION[getattr(options, "validate", "strict")],
            "dryRun": "All" if self._dry == "server" else "",
        }

    @property
    def pretends(self) -> bool:
        """Nothing is sent."""
        return self._dry == "client"

    def place(self, object: dict[str, Any]) -> tuple[Resource, str, str]:
        """Its resource, namespace and name. Raises UsageError."""
        metadata = object["metadata"]
        resource = of_kind(object["kind"])
        namespace = metadata.get("namespace") or self._namespace or "default"
        if resource.namespaced and self._namespace and namespace != self._namespace:
            raise UsageError(
                f"the namespace from the provided object {namespace!r} does not match the namespace "
                f"{self._namespace!r}: pass '--namespace={namespace}' to perform this operation"
            )
        return resource, namespace, str(metadata.get("name") or "")

    def call(
        self, client: Client, method: str, path: str, object: dict[str, Any], *, force: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Sends it; what the server warns of is said. ``force``: of a server-side apply, fields of other managers are
        taken over. Raises Refused."""
        warnings: list[str] = []
        query = {**self.query, "force": "true"} if force else self.query
        try:
            return client.call(method, path, query=query, body=object, warn=warnings, **more)
        finally:
            for warning in warnings:
                say(f"Warning: {escape(warning)}")

    def tell(self, resource: Resource, object: dict[str, Any], what: str) -> None:
        if self._show is not None:
            write(self._show([object], False))
            return
        name = str(object["metadata"].get("name") or "")
        write(f"{resource.singular}/{escape(name)} {what}{_SUFFIX[self._dry]}\n")


def refusal(error: Refused, what: str) -> str:
    """As kubectl tells it; ``what`` is what was being done, such as ``error when creating "pod.yaml"``."""
    if error.reason == "Invalid":
        return str(error)
    reason = f" ({error.reason})" if error.reason else ""
    return f"Error from server{reason}: {what}: {error.args[0]}"
