"""``nsrunner uninstall-service``: the reverse of ``install-service``, and with ``--purge`` of everything since."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

from ..errors import UsageError
from . import exits
from .install_service import Places, systemctl
from .output import say
from .parser import Parser

if TYPE_CHECKING:
    from ..sandbox.state import RegisteredPod, Roots

__all__ = ["parser", "purge", "run"]

_USAGE: Final = "nsrunner uninstall-service [--purge [--yes]]"

_DESCRIPTION: Final = """\
Stop the daemon and remove its unit files. Its pods go on, and so does what it knows of them: install the service again,
or start "nsrunner daemon", and all is as it was.

With --purge the pods are ended first, each with its grace period, and then the daemon's state is removed: its store
with all objects, certificates and tokens, volumes, logs, and /etc/nsrunner. What you have put into
/var/lib/nsrunner/seccomp stays.
"""

_EPILOG: Final = """\
examples:
  nsrunner uninstall-service
  nsrunner uninstall-service --purge

exit codes:
  0  removed
  1  not root, not confirmed, or something could not be removed
  2  bad usage
"""

_STATE: Final = ("store.db", "store.db-wal", "store.db-shm")


def parser() -> Parser:
    verb = Parser("nsrunner uninstall-service", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("--purge", action="store_true", help="end the pods and remove the daemon's state, too")
    verb.add_argument("--yes", action="store_true", help="with --purge: do not ask")
    return verb


def run(options: argparse.Namespace, places: Places | None = None) -> int:
    from ..daemon.service import SOCKET_UNIT, UNIT
    from ..library.engine import require_root
    from ..sandbox.state import Roots

    require_root()
    places = places or Places()
    roots = Roots.from_environment()
    if options.yes and not options.purge:
        raise UsageError("--yes is for --purge")
    if options.purge and not (options.yes or _confirmed(roots, places)):
        say("nothing was removed")
        return exits.FAILED
    if options.purge:
        _drain()
    units = [name for name in (UNIT, SOCKET_UNIT) if os.path.lexists(f"{places.units}/{name}")]
    running = os.path.isdir(places.booted)
    if units and shutil.which("systemctl") is not None:
        systemctl("disable", "--quiet", *(("--now",) if running else ()), *units)
    for name in units:
        os.unlink(f"{places.units}/{name}")
    if units and running:
        systemctl("daemon-reload")
    say("the service is removed" if units else "there was no service")
    if options.purge:
        purge(roots, places)
        say("pods and state are removed")
    return exits.OK


def _confirmed(roots: Roots, places: Places) -> bool:
    count = len(_pods(roots))
    if not sys.stdin.isatty():
        raise UsageError("--purge asks before it removes anything; without a terminal say --yes")
    say(f"This ends {count} pods of the daemon and removes its state in {roots.state} and {places.config}.")
    sys.stderr.write('Type "yes" to go on: ')
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def _pods(roots: Roots) -> list[RegisteredPod]:
    from ..sandbox.state import registered

    return [pod for pod in registered(roots) if pod.owner.kind == "daemon"]


def _drain() -> None:
    """By the daemon that runs, or by one of our own."""
    from .daemon import parser as daemon_parser
    from .daemon import run as run_daemon

    run_daemon(daemon_parser().parse_words(["--drain"]))


def purge(roots: Roots, places: Places) -> None:
    """Removes what the daemon has left once its pods are gone; pods of others, and what the administrator has put
    there, stay."""
    for name in _STATE:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{roots.state}/{name}")
    for directory in (f"{roots.state}/pki", f"{roots.state}/cache", places.config):
        shutil.rmtree(directory, ignore_errors=True)
    for name in ("api.sock", "daemon.lock"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{roots.run}/{name}")
    for directory in (f"{roots.state}/pods", f"{roots.state}/seccomp", roots.state):
        with contextlib.suppress(OSError):  # somebody else's things are in it
            os.rmdir(directory)
