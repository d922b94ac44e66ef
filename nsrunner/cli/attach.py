"""``nsrunner attach``: our streams, connected to those of a container's own process."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Final

from ..errors import UsageError
from . import exits
from .output import say
from .parser import Parser

if TYPE_CHECKING:
    from ..sandbox.client import Client
    from .pods import RunningPod

__all__ = ["NotRunning", "attach_to", "parser", "run"]

_USAGE: Final = "nsrunner attach POD [-c CONTAINER] [-i] [-t]"

_DESCRIPTION: Final = """\
Show what the process of a running container writes from now on. With -i our standard input goes to it, if its manifest
says 'stdin: true'; with -t our terminal is its, if it says 'tty: true'.
"""

_EPILOG: Final = """\
examples:
  nsrunner attach web
  nsrunner attach -it shell -c main

exit codes:
  0    the container ended, or our input did
  1    no such pod or container, or it does not run
  2    bad usage
  130  Ctrl-C, without -t: the container goes on
"""


class NotRunning(UsageError):
    """The container has ended, or waits."""


def parser() -> Parser:
    verb = Parser("nsrunner attach", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("pod", metavar="POD", help="name or uid of a running pod")
    verb.add_argument("-c", "--container", metavar="CONTAINER", help="default: the pod's first one")
    verb.add_argument("-i", "--stdin", action="store_true", help="pass standard input on to the container")
    verb.add_argument("-t", "--tty", action="store_true", help="our terminal is the container's")
    verb.add_argument("-q", "--quiet", action="store_true", help="say nothing of our own")
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="the pod's, when the name alone is ambiguous")
    return verb


def run(options: argparse.Namespace) -> int:
    from .pods import chosen_container, find_pod

    pod = find_pod(options.pod, options.namespace, options.container)
    container = chosen_container(pod, options.container)
    return attach_to(pod, container, stdin=options.stdin, tty=options.tty, quiet=options.quiet)


def attach_to(pod: RunningPod, container: str, *, stdin: bool, tty: bool, quiet: bool = False) -> int:
    """Until the container ends. Raises UsageError, SandboxError."""
    from ..sandbox.client import Client

    spec = _spec(pod, container)
    if tty and not spec.get("tty"):
        say(f"error: Unable to use a TTY - container {container} did not allocate one")
        tty = False
    if stdin and not spec.get("stdin"):
        say(f"Warning: container {container} takes no input: its manifest does not say 'stdin: true'")
        stdin = False
    with Client(pod.record.paths.run) as client:
        return _connected(client, _container_id(client, pod, container), stdin=stdin, tty=tty, quiet=quiet)


def _spec(pod: RunningPod, container: str) -> dict[str, Any]:
    spec = pod.object.get("spec") or {}
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for each in spec.get(group) or ():
            if each.get("name") == container:
                found: dict[str, Any] = each
                return found
    return {}


def _container_id(client: Client, pod: RunningPod, container: str) -> str:
    for info in client.snapshot.running:
        if info.name == container:
            return info.container_id
    raise NotRunning(f'container "{container}" in pod "{pod.name}" is not running')


def _connected(client: Client, container_id: str, *, stdin: bool, tty: bool, quiet: bool) -> int:
    from .exec_session import Copies, resizes
    from .terminal import ended_by_signals, raw, size

    theirs: list[int] = []
    with ended_by_signals(), resizes() as resized, raw(0 if stdin and tty else -1):
        copying = Copies()
        given = []
        for fd in (0, 1, 2):
            if (fd == 0 and not stdin) or (fd == 2 and tty):
                given.append(-1)
                continue
            read, write = os.pipe2(os.O_CLOEXEC)
            inner, outer = (read, write) if fd == 0 else (write, read)
            theirs.append(inner)
            given.append(inner)
            if fd == 0:
                copying.add(0, outer, close=True)
            else:
                copying.add(outer, fd)
        attachment = client.attach(container_id, stdin=given[0], stdout=given[1], stderr=given[2])
        for fd in theirs:
            os.close(fd)
        if tty:
            client.resize(container_id, *size())
        if stdin and os.isatty(0) and not quiet:
            say("If you don't see a command prompt, try pressing enter.")
            if tty:
                os.write(2, b"\r")  # the terminal is raw: a line feed alone does not go back to the first column

        def over() -> str | None:
            return client.ended(attachment)

        def resize() -> None:
            if tty:
                client.resize(container_id, *size())

        reason = copying.until(client, over, resized, resize)
    if reason == "slow":
        say("nsrunner: attach: the container wrote faster than its output was read, and was let go of")
        return exits.FAILED
    return exits.OK
