"""``nsrunner exec``: one more process in a running container."""

from __future__ import annotations

import argparse
import errno
import os
from typing import TYPE_CHECKING, Final

from ..errors import SandboxError, UsageError
from . import exits
from .output import say
from .parser import Parser

if TYPE_CHECKING:
    from ..sandbox.client import Client
    from .pods import RunningPod

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner exec POD [-c CONTAINER] [-i] [-t] -- COMMAND [ARG...]"

_DESCRIPTION: Final = """\
Run a command in a running container: in its namespaces, with its user, capabilities, environment and working directory.

Without -t the command writes to where this program's standard output and error go. With -t it gets a terminal of its
own; together with -i, that is what an interactive shell needs. When this program ends, so does the command with all
that it started.
"""

_EPILOG: Final = """\
examples:
  nsrunner exec web -- ps ax
  nsrunner exec -it web -c nginx -- sh
  tar c site | nsrunner exec -i web -- tar x -C /srv

exit codes:
  0-255  that of the command; 128 + n when signal n ended it
  1      also: no such pod or container, or not root
  2      bad usage
  126    the command could not be run; 127 it was not found
  130    Ctrl-C, without -t; 143 TERM or a hang-up
"""


def parser() -> Parser:
    verb = Parser("nsrunner exec", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, takes_command=True)
    verb.add_argument("pod", metavar="POD", help="name or uid of a running pod")
    verb.add_argument("-c", "--container", metavar="CONTAINER", help="default: the pod's first one")
    verb.add_argument("-i", "--stdin", action="store_true", help="pass standard input on to the command")
    verb.add_argument("-t", "--tty", action="store_true", help="give the command a terminal")
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="the pod's, when the name alone is ambiguous")
    return verb


def run(options: argparse.Namespace) -> int:
    if not options.command:
        say(
            "nsrunner exec: you must specify at least one command for the container, after --\n"
            "See 'nsrunner exec --help'."
        )
        return exits.USAGE
    from ..sandbox.client import Client
    from ..sandbox.exec_spec import ExecSpec
    from .exec_session import session
    from .pods import chosen_container, find_pod
    from .terminal import size

    pod = find_pod(options.pod, options.namespace, options.container)
    container = chosen_container(pod, options.container)
    if options.tty and options.stdin and not os.isatty(0):
        say("Unable to use a TTY - input is not a terminal or the right kind of file")
    with Client(pod.record.paths.run) as client:
        rows, columns = size() if options.tty else (0, 0)
        spec = ExecSpec(
            container_id=_container_id(client, pod, container),
            argv=tuple(options.command),
            tty=options.tty,
            rows=rows,
            columns=columns,
            env=(f"TERM={os.environ.get('TERM') or 'xterm'}",) if options.tty else (),
        )
        try:
            result = session(client, spec, stdin=options.stdin)
        except SandboxError as error:
            code = _start_failure(error)
            if code is None:
                raise
            say(f"nsrunner: exec failed: {_about(error, spec.argv[0])}")
            return code
    if result.error:
        say(f"nsrunner: exec failed: {result.error}")
    return result.exit_code


_COMMAND_STEPS: Final = frozenset({"exec", "find executable in PATH"})
"""Steps (``csrc/steps.h``) that fail because of the command that was asked for."""


def _start_failure(error: SandboxError) -> int | None:
    """127 for a command that does not exist, 126 for one that cannot be run; None: the command is not to blame."""
    if error.step not in _COMMAND_STEPS:
        return None
    return exits.NOT_FOUND if error.errno in (0, errno.ENOENT) else exits.NOT_EXECUTABLE


def _about(error: SandboxError, command: str) -> str:
    """In the words of runc, which ``kubectl exec`` shows."""
    program = error.path or command
    reason = os.strerror(error.errno).lower()
    if error.step != "exec" and error.errno in (0, errno.ENOENT):
        return f'exec: "{program}": executable file not found in $PATH'
    if error.errno == errno.ENOENT:
        return f'exec: "{program}": stat {program}: {reason}'
    return f'exec: "{program}": {reason}'


def _container_id(client: Client, pod: RunningPod, container: str) -> str:
    for info in client.snapshot.running:
        if info.name == container:
            return info.container_id
    state = pod.status_of(container).get("state") or {}
    kind = next((kind for kind in ("terminated", "waiting") if state.get(kind) is not None), "")
    why = ", ".join(filter(None, (kind, (state.get(kind) or {}).get("reason"))))
    raise UsageError(f'container "{container}" in pod "{pod.name}" is not running' + (f": {why}" if why else ""))
