"""``nsrunner install-service``: the daemon as a service of systemd, started now and at each boot."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import HostError
from . import exits
from .output import say
from .parser import Parser

__all__ = ["Places", "parser", "place", "run", "systemctl"]

_USAGE: Final = "nsrunner install-service [--no-start]"

_DESCRIPTION: Final = """\
Install the daemon as a service of systemd, and start it: nsrunner.service and nsrunner.socket in /etc/systemd/system,
which run the nsrunner that this is, and /etc/nsrunner/config.yaml with every key in comments, if it is not there yet.

Done again it brings the unit files up to date and restarts the daemon; no pod notices.
"""

_EPILOG: Final = """\
examples:
  nsrunner install-service
  journalctl -u nsrunner
  nsrunner uninstall-service

exit codes:
  0  installed, and started unless that was not asked for
  1  not root, no systemd, or it could not be installed or started
  2  bad usage
"""

_PATIENCE: Final = 180.0
"""Seconds for one call of systemctl."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine."""

    units: str = "/etc/systemd/system"
    config: str = "/etc/nsrunner"
    booted: str = "/run/systemd/system"
    """There is such a directory when systemd runs (sd_booted(3))."""


def parser() -> Parser:
    verb = Parser("nsrunner install-service", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("--no-start", action="store_true", help="neither start it now nor at boot")
    return verb


def run(options: argparse.Namespace, places: Places | None = None) -> int:
    from ..daemon.service import SOCKET_UNIT, UNIT
    from ..library.engine import require_root

    require_root()
    places = places or Places()
    program = (sys.executable, "-I", "-m", "nsrunner")
    _config(places)
    if shutil.which("systemctl") is None:
        say(
            "nsrunner: there is no systemd on this machine, so no service was installed. Let your init system run\n"
            f"  {' '.join(program)} daemon"
        )
        return exits.FAILED
    place(places, program)
    say(f"wrote {places.units}/{UNIT} and {SOCKET_UNIT}")
    running = os.path.isdir(places.booted)
    if running:
        systemctl("daemon-reload")
    if options.no_start:
        return exits.OK
    systemctl("enable", "--quiet", SOCKET_UNIT, UNIT)
    if not running:
        say("systemd does not run here: the daemon starts when it does")
        return exits.OK
    systemctl("start", SOCKET_UNIT)
    systemctl("restart", UNIT)
    say("the daemon runs: nsrunner get nodes")
    return exits.OK


def place(places: Places, program: Sequence[str]) -> None:
    """Writes the unit files."""
    from ..daemon.service import SOCKET, SOCKET_UNIT, UNIT, unit

    os.makedirs(places.units, exist_ok=True)
    _write(f"{places.units}/{SOCKET_UNIT}", SOCKET)
    _write(f"{places.units}/{UNIT}", unit(tuple(program)))


def systemctl(*words: str) -> None:
    """Raises HostError with systemctl's own words."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise HostError(f"systemctl {' '.join(words)}: no answer within {_PATIENCE:g} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise HostError(f"systemctl {' '.join(words)}: {' '.join(lines) or f'exit code {done.returncode}'}")


def _config(places: Places) -> None:
    """What the administrator has written stays."""
    from ..daemon.service import CONFIG

    path = f"{places.config}/config.yaml"
    if not os.path.lexists(path):
        os.makedirs(places.config, 0o755, exist_ok=True)
        _write(path, CONFIG, 0o600)  # a static pod's URL may come with a password
        say(f"wrote {path}")


def _write(path: str, text: str, mode: int = 0o644) -> None:
    fresh = f"{path}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with open(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, mode)
        file.write(text)
    os.rename(fresh, path)
