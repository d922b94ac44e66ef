"""The ``nsrunner`` program: finds the verb, runs it, and turns whatever happens into a message and an exit code.

Only the chosen verb's module is imported, and nothing of weight before :func:`entry` has seen to Ctrl-C. Nothing leaves
:func:`main` but an exit code: not Ctrl-C, not a broken pipe, not a full disk.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import sys

from . import exits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final, NoReturn

__all__ = ["VERBS", "entry", "main"]

VERBS: Final = {
    "run": ("run", "run the pods of a manifest in the foreground, until they end"),
    "validate": ("validate", "check manifests without running anything"),
    "simulate": ("simulate", "show what would become of a pod, hours of it at once"),
    "daemon": ("daemon", "serve the Kubernetes API for the pods of this machine"),
    "apply": ("apply", "make the daemon's objects as manifests say"),
    "create": ("create", "create objects from manifests, files or values"),
    "get": ("get", "show objects of the daemon, one a line or whole"),
    "describe": ("describe", "tell all about an object, and what happened to it"),
    "delete": ("delete", "delete objects of the daemon"),
    "wait": ("wait", "wait until objects are as one wants them"),
    "events": ("events", "show what happened, the oldest first"),
    "label": ("label", "change the labels of objects"),
    "annotate": ("annotate", "change the annotations of objects"),
    "edit": ("edit", "change an object in an editor"),
    "replace": ("replace", "replace objects by those of manifests"),
    "top": ("top", "show what pods use, live"),
    "kubeconfig": ("kubeconfig", "print what kubectl needs to reach the daemon"),
    "install-service": ("install_service", "install the daemon as a service of systemd"),
    "uninstall-service": ("uninstall_service", "remove the service, and its pods and state if asked to"),
    "ps": ("ps", "list the running pods"),
    "logs": ("logs", "show what containers have written"),
    "exec": ("exec", "run a command in a running container"),
    "attach": ("attach", "connect to the process of a running container"),
    "cp": ("cp", "copy files to and from containers"),
    "debug": ("debug", "run a debugging container in a pod, or in a copy of it"),
    "port-forward": ("port_forward", "reach a port of a pod from here"),
    "doctor": ("doctor", "say what this host can do, and how to get what it lacks"),
    "completion": ("completion", "print the completion script for a shell"),
    "version": ("version", "print the version"),
}
"""Verb to (module, what it does in a few words), in the order of the help."""

_HIDDEN: Final = {"__complete": "complete"}

_HELP: Final = """\
usage: nsrunner VERB ...

Kubernetes Pods without Kubernetes: runs Pod manifests as plain Linux processes
in shared namespaces, with the kubelet's lifecycle.

{verbs}

Try it:

  nsrunner doctor                what can this host do?
  nsrunner run pod.yaml          run a pod; Ctrl-C ends it gracefully
  nsrunner logs -f web           from a second terminal
  nsrunner exec -it web -- sh

Environment:

  NO_COLOR, FORCE_COLOR   without colour; with colour also into a pipe
  NSRUNNER_ROOT           a directory for all state and logs, instead of
                          /run, /var/lib and /var/log
  NSRUNNER_DEBUG          show where an internal error happened

'nsrunner VERB --help' says more, exit codes included.
"""


def _help() -> str:
    width = max(len(verb) for verb in VERBS)
    return _HELP.format(verbs="\n".join(f"  {verb:<{width}}  {what}" for verb, (_, what) in VERBS.items()))


def _unknown(verb: str) -> int:
    from .output import escape, say
    from .parser import suggestion

    kind = "option" if verb.startswith("-") else "verb"
    say(f"nsrunner: unknown {kind} \"{escape(verb)}\".{suggestion(verb, VERBS)}\nSee 'nsrunner --help'.")
    return exits.USAGE


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(_help())
        return exits.USAGE
    verb, *rest = arguments
    if verb in ("-h", "--help") or (verb == "help" and not rest):
        sys.stdout.write(_help())
        return exits.OK
    if verb == "help":
        verb, rest = rest[0], ["--help"]
    if verb in ("-V", "--version"):
        verb = "version"
    name = VERBS[verb][0] if verb in VERBS else _HIDDEN.get(verb)
    if name is None:
        return _unknown(verb)
    module: Any = importlib.import_module(f"nsrunner.cli.{name}")
    options = module.parser().parse_words(rest)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code: int = module.run(options)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``nsrunner`` with these arguments (None: the process's own) and give the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    runs = arguments[:1] == ["run"]
    failed = exits.INTERNAL if runs else exits.FAILED
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except SystemExit as end:  # argparse: --help, or a usage error that it has told already
        code = end.code if isinstance(end.code, int) else exits.OK
    except KeyboardInterrupt:
        code = exits.INTERRUPTED
    except BrokenPipeError:
        code = exits.BROKEN_PIPE
    except OSError as error:
        _say(_describe(error))
        code = failed
    except Exception as error:  # noqa: BLE001 - the last resort of the program: a message, never a traceback
        code = _report(error, failed=failed, misused=exits.USAGE if runs else exits.FAILED)
    return _close_stdout(code)


def _say(message: str, *, prefix: str = "nsrunner: ") -> None:
    from .output import say

    say(f"{prefix}{message}")


def _describe(error: OSError) -> str:
    from .output import escape

    reason = error.strerror or str(error) or type(error).__name__
    return f"{escape(os.fsdecode(error.filename))}: {reason}" if isinstance(error.filename, str | bytes) else reason


def _report(error: Exception, *, failed: int, misused: int) -> int:
    from ..errors import ManifestError, NsrunnerError, UsageError

    while isinstance(error, ExceptionGroup):  # several tasks failed: the first one's reason
        error = error.exceptions[0]
    if isinstance(error, NsrunnerError):
        # What the server says has its own beginning, as kubectl's users and scripts know it.
        _say(str(error), prefix="" if getattr(error, "from_server", False) else "nsrunner: ")
        if isinstance(error, ManifestError):
            return exits.USAGE
        code: int | None = getattr(error, "exit_code", None)
        if code is not None:
            return code
        return misused if isinstance(error, UsageError) else failed
    if os.environ.get("NSRUNNER_DEBUG"):
        import traceback

        traceback.print_exception(error)
    _say(
        f"internal error: {type(error).__name__}: {error}\n"
        "This is a bug in nsrunner. NSRUNNER_DEBUG=1 shows where it happened; please report it."
    )
    return failed


def _close_stdout(code: int) -> int:
    """Flush here, where a failure can still be an exit code: at interpreter exit it would be a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return code or exits.BROKEN_PIPE
    except (OSError, ValueError) as error:
        _silence_stdout()
        if code == exits.OK:
            _say(f"cannot write standard output: {getattr(error, 'strerror', None) or error}")
            return exits.FAILED
    return code


def _silence_stdout() -> None:
    try:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):  # no descriptor behind it: nothing to silence
        pass


def _open_missing_descriptors() -> None:
    """Started with 0, 1 or 2 closed: give them /dev/null, or the next file opened would become standard output."""
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    os.close(null)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


_GARBAGE: Final = 50_000
"""Objects between two looks for cycles of garbage. Imports make half as many and none of it is garbage, so with
Python's own 700 a short run would spend a twentieth of its time looking for nothing."""


def entry() -> NoReturn:
    """The console script: :func:`main` for the whole process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while we import nothing is lost, and a traceback helps nobody
    gc.set_threshold(_GARBAGE)
    _open_missing_descriptors()
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot write a character gets an escape, never a UnicodeEncodeError.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    _end(main())


def _end(code: int) -> NoReturn:
    """End the process, and leave it to the kernel to take apart what is in it: Python would need a sixth of the whole
    time of a short run for that. Whoever asked to be called at the end (coverage, a profiler) is."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # main() has told what it could
            pass
    os._exit(code)
