"""``nsrunner wait``: until objects are as one wants them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

from ..api.client import Refused, TooLate
from . import exits
from .durations import duration
from .output import escape, say, write
from .parser import Misuse, Parser
from .progress import Progress, awaited
from .resources import connect
from .selection import Target, add_selection, targets
from .watching import changes

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner wait (RESOURCE NAME... | RESOURCE/NAME...) --for=WHAT"

_DESCRIPTION: Final = """\
Wait until objects are as --for says: condition=Ready, condition=Ready=False, jsonpath='{.status.phase}'=Running,
jsonpath='{.status.podIP}' (it has any value), create, or delete.
"""

_EPILOG: Final = """\
examples:
  nsrunner wait --for=condition=Ready pod/web --timeout=60s
  nsrunner wait --for=jsonpath='{.status.phase}'=Succeeded pod job
  nsrunner wait --for=delete pods --all
  nsrunner wait --for=create pod/web

exit codes:
  0    all of them are so
  1    the time is over, or there is no such object
  2    bad usage
  130  Ctrl-C
"""
_WEEK: Final = 7 * 86400.0

Check = Callable[[dict[str, Any] | None], bool]
"""Of an object, or None when there is none: whether it is as is wanted."""


def parser() -> Parser:
    verb = Parser("nsrunner wait", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_selection(verb)
    verb.add_argument("--for", dest="until", required=True, metavar="WHAT", help="what to wait for")
    verb.add_argument("--timeout", default="30s", metavar="DURATION", help="30s; 0: look once; below zero: a week")
    return verb


def run(options: argparse.Namespace) -> int:
    check = _check(options.until)
    seconds = _seconds(options.timeout)
    creation = options.until.lower() == "create"
    if creation and not options.files and not any("/" in word for word in options.what[:1]) and len(options.what) < 2:
        raise Misuse("--for=create needs the name of what is to be created")
    code = exits.OK
    with connect() as client:
        deadline = time.monotonic() + seconds
        wanted = targets(client, options)
        if not wanted and options.until.lower() != "delete":
            say("error: no matching resources found")
            return exits.FAILED
        for target in wanted:
            try:
                with Progress() as progress:
                    missing_fails = not creation and options.until.lower() != "delete"
                    _wait(target, check, deadline, progress, missing_fails=missing_fails)
            except TooLate:
                say(f"error: timed out waiting for the condition on {target.resource.plural}/{escape(target.name)}")
                code = exits.FAILED
            except Refused as error:
                say(str(error))
                code = exits.FAILED
            else:
                write(f"{target.resource.singular}/{escape(target.name)} condition met\n")
    return code


def _seconds(text: str) -> float:
    if text.startswith("-"):
        return _WEEK
    try:
        return duration(text)
    except argparse.ArgumentTypeError as error:
        raise Misuse(f"--timeout: {error}") from None


def _check(until: str) -> Check:
    """Raises Misuse, JsonPathError."""
    kind, _, rest = until.partition("=")
    kind = kind.lower()
    if kind == "delete" and not rest:
        return _gone_already
    if kind == "create" and not rest:
        return _there
    if kind == "condition" and rest:
        name, _, value = rest.partition("=")
        return _condition(name, value or "True")
    if kind == "jsonpath" and rest:
        return _json_path(rest)
    raise Misuse(f'unrecognized condition: "{until}"')


def _gone_already(object: dict[str, Any] | None) -> bool:
    return object is None


def _there(object: dict[str, Any] | None) -> bool:
    return object is not None


def _condition(name: str, value: str) -> Check:
    def check(object: dict[str, Any] | None) -> bool:
        conditions = ((object or {}).get("status") or {}).get("conditions") or ()
        return any(
            each.get("type", "").lower() == name.lower() and each.get("status", "").lower() == value.lower()
            for each in conditions
        )

    return check


def _json_path(rest: str) -> Check:
    from .jsonpath import JsonPath, relaxed

    end = rest.rfind("}") + 1 if rest.startswith("{") else rest.find("=")
    expression, value = (rest[:end], rest[end:]) if end > 0 else (rest, "")
    if value and (not value.startswith("=") or value == "="):
        raise Misuse(
            "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.phase}'=Running"
        )
    path, wanted = JsonPath(relaxed(expression)), value[1:].strip("'\"")

    def check(object: dict[str, Any] | None) -> bool:
        found = path.find(object or {})
        if not value:
            return bool(found)
        return bool(found) and path.render(object or {}) == wanted

    return check


def _wait(target: Target, check: Check, deadline: float, progress: Progress, *, missing_fails: bool) -> None:
    """Raises TooLate, Refused."""
    fields = f"metadata.name={target.name}"
    with connect() as client:
        if missing_fails:
            client.call("GET", target.path)
        found = client.call("GET", target.resource.path(target.namespace), query={"fieldSelector": fields})
        object = next(iter(found.get("items") or ()), None)
        if check(object):
            return
        client.deadline = deadline
        progress.show(awaited(target, object))
        # It may be made anew under its name while one waits for its deletion: this very one is meant.
        uid = object["metadata"]["uid"] if object is not None else None
        version = found["metadata"]["resourceVersion"]
        for event in changes(client, target.resource, target.namespace, version, fields=fields):
            gone = event["type"] == "DELETED"
            other = uid is not None and event["object"]["metadata"]["uid"] != uid
            if check(None if gone or (other and check(None)) else event["object"]):
                return
            progress.show(awaited(target, None if gone else event["object"]))
            if gone and missing_fails:
                raise Refused(_gone(target))


def _gone(target: Target) -> dict[str, Any]:
    message = f'{target.resource.plural} "{target.name}" not found'
    return {"code": 404, "reason": "NotFound", "message": message}
