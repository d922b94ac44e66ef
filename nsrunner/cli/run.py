"""``nsrunner run``: pods in the foreground, from their manifest to their exit code."""

from __future__ import annotations

import argparse
from typing import Final

from .durations import duration
from .parser import Parser
from .sysctls import add_allowed_unsafe_sysctls

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner run FILE... [options]"

_DESCRIPTION: Final = """\
Run the pods of one or more manifests in the foreground, until all of them have ended.

What the containers write goes to standard output, each line with its container's name; events and changes of state go
to standard error. ConfigMaps and Secrets in the same files are what the pods refer to. Nothing of a pod outlives the
command, not even when it is killed: no process, mount, namespace, cgroup or directory.

Ctrl-C deletes the pods gracefully: TERM, their grace period, KILL. A second Ctrl-C kills them at once. TERM and a
hang-up do the same as Ctrl-C.
"""

_EPILOG: Final = """\
examples:
  nsrunner run pod.yaml
  nsrunner run pod.yaml config.yaml --timeout 5m
  nsrunner run web.yaml --detach
  kubectl get pod web -o yaml | nsrunner run - --image-fallback host
  nsrunner run job.yaml -o json | jq .status.phase

exit codes:
  0         every pod Succeeded
  1-255     that of the first failed container, in the order of the spec
            (init containers first, sidecars never); 1 when a pod failed and no
            container did
  2         bad usage, or a manifest that was refused; nothing was run
  124       --timeout passed; the pods were deleted
  125       nsrunner or the host failed (not root, for instance)
  130, 143  deleted after Ctrl-C, or after TERM or a hang-up
  141       the reader of standard output went away; the pods were deleted
"""


def parser() -> Parser:
    verb = Parser("nsrunner run", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("files", nargs="+", metavar="FILE", help="a manifest (YAML or JSON); - is standard input")
    verb.add_argument(
        "--pod", action="append", default=[], metavar="NAME", help="run only this pod of the files (may be repeated)"
    )
    verb.add_argument("-n", "--namespace", default="default", metavar="NAME", help="for objects that name none")
    verb.add_argument(
        "--image-fallback",
        choices=["host"],
        default="",
        metavar="host",
        help="run images that are not on this host on the host's own root file system",
    )
    add_allowed_unsafe_sysctls(verb)
    verb.add_argument(
        "--timeout", type=duration, metavar="DURATION", help="delete the pods after this time (90s, 5m, 1h30m)"
    )
    verb.add_argument(
        "--grace-period",
        type=_seconds,
        metavar="SECONDS",
        help="on Ctrl-C or --timeout, instead of the pods' terminationGracePeriodSeconds; 0 kills at once",
    )
    verb.add_argument(
        "-o",
        "--output",
        choices=["json"],
        metavar="json",
        help="print the final pod (several: a List) on standard output; the containers' lines go to standard error",
    )
    verb.add_argument(
        "--record", metavar="FILE", help="write down what happens to the pods, for 'nsrunner simulate --replay'"
    )
    verb.add_argument("--detach", action="store_true", help="hand the pods to the daemon, and end at once")
    verb.add_argument("--no-prefix", action="store_true", help="print the containers' lines as they are")
    verb.add_argument("--timestamps", action="store_true", help="print each line with the time it was written")
    verb.add_argument("-q", "--quiet", action="store_true", help="of events and states, show only what went wrong")
    return verb


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise argparse.ArgumentTypeError(f'invalid number of seconds "{text}"')
    return int(text)


def run(options: argparse.Namespace) -> int:
    if options.detach:
        from .run_detached import run_detached

        return run_detached(options)
    import asyncio

    from .manifest import chosen_objects
    from .run_session import run_objects

    objects = chosen_objects(options.files, namespace=options.namespace, pods=options.pod)
    return asyncio.run(run_objects(objects, options))
