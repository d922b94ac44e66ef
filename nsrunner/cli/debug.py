"""``nsrunner debug``: a container to look around from, in a running pod or in a copy of one."""

from __future__ import annotations

import argparse
import random
from typing import Any, Final

from ..api.client import Client
from ..errors import UsageError
from . import exits
from .debug_copy import copied
from .output import escape, say, write
from .parser import Misuse, Parser
from .progress import Progress
from .resources import connect, of_kind
from .selection import Target
from .watching import changes

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner debug POD --image IMAGE [-it] [options] [-- COMMAND [ARG...]]"

_DESCRIPTION: Final = """\
Add an ephemeral container to a running pod, to look at the others from; or, with --copy-to, run a copy of the pod with
a container more, or with one of its own changed.
"""

_EPILOG: Final = """\
examples:
  nsrunner debug -it web --image busybox --target nginx
  nsrunner debug web --image busybox -- ping -c1 192.0.2.1
  nsrunner debug -it crash --copy-to crash-debug -c main -- sh
  nsrunner debug web --copy-to web-2 --set-image nginx=nginx:1.27

exit codes:
  0    the container was added, or what we were attached to ended
  1    no such pod, or it was refused
  2    bad usage
  130  Ctrl-C
"""


def parser() -> Parser:
    verb = Parser("nsrunner debug", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, takes_command=True)
    verb.add_argument("pod", metavar="POD", help="name of a pod of the daemon")
    verb.add_argument("--image", default="", metavar="IMAGE", help="of the container that is added")
    verb.add_argument("-c", "--container", default="", metavar="CONTAINER", help="its name (debugger-XXXXX)")
    verb.add_argument("--target", default="", metavar="CONTAINER", help="whose processes it is to see")
    verb.add_argument("-i", "--stdin", action="store_true", help="pass standard input on to it")
    verb.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    verb.add_argument("--attach", action="store_true", default=None, help="connect to it (true with -i)")
    verb.add_argument("--arguments-only", action="store_true", help="COMMAND is for the image's own command")
    verb.add_argument("--env", action="append", default=[], metavar="KEY=VALUE", help="a variable of it")
    verb.add_argument("--image-pull-policy", default="", metavar="POLICY", help="of it")
    verb.add_argument("--copy-to", default="", metavar="NAME", help="of the copy that is run instead")
    verb.add_argument("--replace", action="store_true", help="with --copy-to: delete the pod itself")
    verb.add_argument("--same-node", action="store_true", help="accepted: there is one")
    verb.add_argument("--share-processes", action="store_true", default=True, help="of the copy: one PID namespace")
    verb.add_argument("--set-image", action="append", default=[], metavar="NAME=IMAGE", help="of the copy")
    verb.add_argument("--profile", default="general", metavar="NAME", help="accepted: general")
    verb.add_argument("-q", "--quiet", action="store_true", help="say nothing of our own")
    verb.add_argument("-n", "--namespace", default="default", metavar="NAMESPACE", help="the pod's (default)")
    return verb


def run(options: argparse.Namespace) -> int:
    _check(options)
    kind, slash, name = options.pod.rpartition("/")
    if slash and kind not in ("pod", "pods", "po"):
        raise Misuse(f"there is debugging of pods, not of {kind}: the node is this machine")
    target = Target(of_kind("Pod"), options.namespace, name)
    with connect() as client:
        pod = client.call("GET", target.path)
        if options.copy_to:
            container, made = copied(pod, options, _container(options))
            client.call("POST", target.resource.path(options.namespace), query=_QUERY, body=made)
            if options.replace:
                from .deleting import delete_object

                delete_object(client, target, None)
            name = options.copy_to
            if not (options.attach or options.stdin):
                write(f"pod/{escape(name)} created\n")
        else:
            container = _added(client, target, pod, options)
        attach = options.stdin if options.attach is None else options.attach
        if not attach:
            return exits.OK
        started = _wait_for(client, Target(target.resource, options.namespace, name), container)
    return _attached(started, container, options)


_QUERY: Final = {"fieldManager": "nsrunner-debug", "fieldValidation": "Strict"}


def _check(options: argparse.Namespace) -> None:
    if not options.image and not options.copy_to:
        raise Misuse(
            "--set-image may only be used with --copy-to"
            if options.set_image
            else "you must specify --image or --copy-to"
        )
    if options.tty and not options.stdin:
        raise Misuse("-i/--stdin is required for containers with -t/--tty=true")
    if options.target and options.copy_to:
        raise Misuse("--target is incompatible with --copy-to. Use --share-processes instead")
    if options.set_image and not options.copy_to:
        raise Misuse("--set-image may only be used with --copy-to")
    if options.copy_to and not options.image and not options.set_image and not options.container:
        raise Misuse("--copy-to: say what is to be different: --image, --set-image, or -c NAME with a command")


def _container(options: argparse.Namespace) -> dict[str, Any]:
    """The one that is added, as its manifest has it. Raises Misuse."""
    container: dict[str, Any] = {
        "name": options.container or f"debugger-{_suffix()}",
        "image": options.image,
        "terminationMessagePolicy": "File",
    }
    if options.stdin:
        container["stdin"] = True
    if options.tty:
        container["tty"] = True
    if options.command:
        container["args" if options.arguments_only else "command"] = options.command
    if options.image_pull_policy:
        container["imagePullPolicy"] = options.image_pull_policy
    for each in options.env:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise Misuse(f"invalid env: {each}: KEY=VALUE is expected")
        container.setdefault("env", []).append({"name": key, "value": value})
    return container


def _suffix() -> str:
    return "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))  # noqa: S311 - no secret


def _added(client: Client, target: Target, pod: dict[str, Any], options: argparse.Namespace) -> str:
    container = _container(options)
    if options.target:
        container["targetContainerName"] = options.target
    spec = {**pod["spec"], "ephemeralContainers": [*(pod["spec"].get("ephemeralContainers") or ()), container]}
    path = target.resource.path(target.namespace, target.name, "ephemeralcontainers")
    client.call("PUT", path, query=_QUERY, body={**pod, "spec": spec})
    if not options.quiet and not options.container:
        say(f"Defaulting debug container name to {container['name']}.")
    return str(container["name"])


def _wait_for(client: Client, target: Target, container: str) -> dict[str, Any]:
    """The pod, once the container runs, or has. Raises UsageError for one that cannot."""
    fields = f"metadata.name={target.name}"
    listed = client.call("GET", target.resource.path(target.namespace), query={"fieldSelector": fields})
    for pod in listed["items"]:
        if _runs(pod, container):
            found: dict[str, Any] = pod
            return found
    version = listed["metadata"]["resourceVersion"]
    with Progress() as progress:
        progress.show(f"container {container}: is started ...")
        for event in changes(client, target.resource, target.namespace, version, fields=fields):
            if event["type"] == "DELETED":
                raise UsageError(f'pod "{target.name}" was deleted')
            if _runs(event["object"], container):
                changed: dict[str, Any] = event["object"]
                return changed
    raise AssertionError("a watch has no end")


def _runs(pod: dict[str, Any], container: str) -> bool:
    from .pods import status_of

    state = status_of(pod, container).get("state") or {}
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in _HOPELESS:
        raise UsageError(f'container "{container}": {waiting["reason"]}: {waiting.get("message", "")}')
    return state.get("running") is not None or state.get("terminated") is not None


_HOPELESS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerError",
        "CreateContainerConfigError",
        "RunContainerError",
    }
)


def _attached(object: dict[str, Any], container: str, options: argparse.Namespace) -> int:
    """Connects to the container; of one that has ended, its log is shown."""
    from .attach import NotRunning, attach_to
    from .pods import find_pod

    uid = object["metadata"]["uid"]
    pod = find_pod(uid, options.namespace)._replace(object=object)
    try:
        return attach_to(pod, container, stdin=options.stdin, tty=options.tty, quiet=options.quiet)
    except NotRunning:
        from . import logs

        return logs.run(logs.parser().parse_words([uid, "-c", container]))
