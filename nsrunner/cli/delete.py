"""``nsrunner delete``: objects of the daemon; a pod is given the time to end."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from ..api.client import Client, Refused
from ..errors import UsageError
from . import exits
from .apply import manifests
from .output import escape, say, write
from .parser import Parser
from .resources import Named, Resource, connect, named, of_kind

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner delete (RESOURCE NAME... | RESOURCE/NAME... | RESOURCE -l LABELS | -f FILE) [options]"

_DESCRIPTION: Final = """\
Delete objects. A pod gets TERM, its grace period and then KILL; the command waits until nothing of it is left.
"""

_EPILOG: Final = """\
examples:
  nsrunner delete pod web
  nsrunner delete -f pod.yaml --now
  nsrunner delete pods --all

exit codes:
  0  deleted
  1  there is no such object, or the daemon does not answer
  2  bad usage
"""


def parser() -> Parser:
    verb = Parser("nsrunner delete", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("what", nargs="*", metavar="RESOURCE", help="what to delete")
    verb.add_argument("-f", "--filename", dest="files", action="append", default=[], metavar="FILE", help="all in it")
    verb.add_argument("-n", "--namespace", default="default", metavar="NAME", help="where to look (default)")
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="with --all or -l: in all namespaces")
    verb.add_argument("-l", "--selector", default="", metavar="LABELS", help="those with these labels")
    verb.add_argument("--all", action="store_true", help="all of the resource")
    verb.add_argument("--grace-period", type=int, metavar="SECONDS", help="instead of the pod's own; 0 needs --force")
    verb.add_argument("--now", action="store_true", help="a grace period of one second")
    verb.add_argument("--force", action="store_true", help="at once: the object goes, and what runs is killed")
    verb.add_argument("--wait", default="true", metavar="BOOL", help="wait until it is gone (true)")
    verb.add_argument("--ignore-not-found", action="store_true", help="what is not there is deleted already")
    return verb


def run(options: argparse.Namespace) -> int:
    grace = _grace(options)
    wait = _truth(options.wait)
    with connect() as client:
        targets = _targets(client, options)
        code = exits.OK
        going: list[tuple[Resource, str, str, str]] = []
        for resource, namespace, name in targets:
            body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
            if grace is not None:
                body["gracePeriodSeconds"] = grace
            try:
                answer = client.call("DELETE", resource.path(namespace, name), body=body)
            except Refused as error:
                if error.code == 404 and options.ignore_not_found:
                    continue
                say(str(error))
                code = exits.FAILED
                continue
            forced = " force" if options.force and grace == 0 else ""
            write(f'{resource.singular} "{escape(name)}"{forced} deleted\n')
            uid = (answer.get("metadata") or {}).get("uid") or (answer.get("details") or {}).get("uid", "")
            going.append((resource, namespace, name, uid))
        if wait:
            for each in going:
                _wait(client, *each)
    return code


def _grace(options: argparse.Namespace) -> int | None:
    if options.now:
        if options.grace_period is not None:
            raise UsageError("--now and --grace-period cannot be specified together")
        return 1
    given: int | None = options.grace_period
    if given is not None and given < 0:
        return None
    if options.force:
        return given or 0
    if given == 0:
        return 1  # as kubectl: without --force the object stays until its processes are gone
    return given


def _truth(text: str) -> bool:
    if text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    raise UsageError(f'--wait={text}: "true" or "false"')


def _targets(client: Client, options: argparse.Namespace) -> list[tuple[Resource, str, str]]:
    if options.files:
        if options.what:
            raise UsageError("-f says what to delete: no resource beside it")
        found = []
        for _source, object in manifests(options.files):
            metadata = object["metadata"]
            found.append((of_kind(object["kind"]), metadata.get("namespace") or options.namespace, metadata["name"]))
        return found
    wanted = named(options.what)
    if all(each.name for each in wanted):
        return [(each.resource, options.namespace, each.name) for each in wanted]
    if not options.all and not options.selector:
        raise UsageError("resource(s) were provided, but no name was specified: give names, -l LABELS or --all")
    return [target for each in wanted for target in _selected(client, each, options)]


def _selected(client: Client, wanted: Named, options: argparse.Namespace) -> list[tuple[Resource, str, str]]:
    namespace = None if options.all_namespaces else options.namespace
    found = client.call("GET", wanted.resource.path(namespace), query={"labelSelector": options.selector})
    return [
        (wanted.resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in found["items"]
    ]


def _wait(client: Client, resource: Resource, namespace: str, name: str, uid: str) -> None:
    """Until this very object is gone."""
    path = resource.path(namespace)
    found = client.call("GET", path, query={"fieldSelector": f"metadata.name={name}"})
    if not any(item["metadata"]["uid"] == uid for item in found.get("items") or ()):
        return
    query = {
        "watch": "true",
        "fieldSelector": f"metadata.name={name}",
        "resourceVersion": found["metadata"]["resourceVersion"],
    }
    with connect() as watcher:
        answer = watcher.checked(watcher.request("GET", path, query=query, timeout=None))
        for line in answer.lines():
            event = json.loads(line)
            gone = event["type"] == "DELETED" or event["object"].get("metadata", {}).get("uid") not in ("", uid)
            if event["type"] == "ERROR":
                raise Refused(event["object"])
            if gone:
                return
