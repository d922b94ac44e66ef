"""``nsrunner delete``: objects of the daemon; a pod is given the time to end."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Final

from ..api.client import Refused, TooLate
from ..errors import HostError
from . import exits
from .deleting import delete_object, wait_until_gone
from .durations import duration
from .output import escape, say, write
from .parser import Misuse, Parser
from .resources import connect
from .selection import Target, add_selection, targets

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner delete (RESOURCE NAME... | RESOURCE/NAME... | -f FILE) [options]"

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
    add_selection(verb)
    verb.add_argument("--grace-period", type=int, metavar="SECONDS", help="instead of the pod's own; 0 needs --force")
    verb.add_argument("--now", action="store_true", help="a grace period of one second")
    verb.add_argument("--force", action="store_true", help="at once: the object goes, and what runs is killed")
    verb.add_argument("--wait", action="store_true", default=True, help="wait until it is gone (true)")
    verb.add_argument("--timeout", type=duration, default=0.0, metavar="DURATION", help="wait no longer; 0: for ever")
    verb.add_argument("--ignore-not-found", action="store_true", help="what is not there is deleted already")
    verb.add_argument("--cascade", default="background", metavar="HOW", help="accepted: nothing here owns anything")
    verb.add_argument(
        "--dry-run",
        default="none",
        choices=["none", "client", "server"],
        metavar="HOW",
        help="change nothing: client or server",
    )
    verb.add_argument("-o", "--output", default="", choices=["", "name"], metavar="name", help="print names only")
    return verb


_SUFFIX: Final = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


def run(options: argparse.Namespace) -> int:
    grace = _grace(options)
    if options.all and options.selector:
        raise Misuse("setting 'all' parameter but found a non empty selector")
    code = exits.OK
    going: list[tuple[Target, str]] = []
    with connect() as client:
        wanted = targets(client, options)
        if not wanted:
            say("No resources found")
        for target in wanted:
            try:
                if options.dry_run == "client":
                    client.call("GET", target.path)
                else:
                    uid = delete_object(client, target, grace, dry=options.dry_run == "server")
                    going.append((target, uid))
            except Refused as error:
                if error.code != 404 or not options.ignore_not_found:
                    say(str(error))
                    code = exits.FAILED
                continue
            _tell(target, options, forced=options.force and grace == 0)
    if options.wait and options.dry_run == "none":
        _wait(going, options.timeout or None)
    return code


def _tell(target: Target, options: argparse.Namespace, *, forced: bool) -> None:
    if options.output == "name":
        write(f"{target.resource.singular}/{escape(target.name)}\n")
        return
    force = "force " if forced else ""
    where = f" from {escape(target.namespace)} namespace" if target.namespace else ""
    write(f'{target.resource.singular} "{escape(target.name)}" {force}deleted{where}{_SUFFIX[options.dry_run]}\n')


def _wait(going: Sequence[tuple[Target, str]], timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    for target, uid in going:
        try:
            wait_until_gone(target, uid, None if deadline is None else max(deadline - time.monotonic(), 0.001))
        except TooLate:
            raise HostError(f"timed out waiting for the condition on {target.resource.plural}/{target.name}") from None


def _grace(options: argparse.Namespace) -> int | None:
    if options.now:
        if options.grace_period is not None:
            raise Misuse("--now and --grace-period cannot be specified together")
        return 1
    given: int | None = options.grace_period
    if given is not None and given < 0:
        return None
    if options.force:
        return given or 0
    if given == 0:
        return 1  # as kubectl: without --force the object stays until its processes are gone
    return given
