"""The daemon's sockets: the unix one always, TLS when it is asked for; its own, or the service manager's."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, TypeAlias

from nsrunner.api.certificates import Pki, server_context
from nsrunner.api.server.listen import unix_socket
from nsrunner.daemon.config import Config
from nsrunner.errors import HostError
from nsrunner.sandbox.state import Roots

__all__ = ["API_SOCKET", "Listener", "api_sockets", "pki_directory", "server_names", "token_key"]

Listener: TypeAlias = tuple[socket.socket, ssl.SSLContext | None]

API_SOCKET: Final = "api.sock"
"""In the run directory."""

_PATIENCE = 60.0
"""Seconds in which certificates must be made."""


def pki_directory(roots: Roots) -> str:
    return f"{roots.state}/pki"


def token_key(roots: Roots) -> str:
    """The file of the key that signs service accounts' tokens."""
    return f"{pki_directory(roots)}/service-accounts.key"


def server_names(config: Config) -> list[str]:
    """What clients may call the server: the address that it listens on, and this machine's own names."""
    address = _split(config.listen)[0]
    names = ["localhost", "127.0.0.1", "::1", config.hostname_override or socket.gethostname()]
    if address not in ("", "0.0.0.0", "::", *names):  # noqa: S104 - any address is no name
        names.append(address)
    return names


def _split(listen: str) -> tuple[str, int]:
    address, _, port = listen.rpartition(":")
    return address.strip("[]"), int(port or 0)


async def api_sockets(config: Config, roots: Roots, inherited: Sequence[socket.socket]) -> tuple[list[Listener], str]:
    """What to listen on, and the administrator's token for what is not the unix socket (empty: there is only that).
    ``inherited``: the service manager's, each in the place of one of ours. Raises HostError."""
    unix = [each for each in inherited if each.family == socket.AF_UNIX]
    inet = [each for each in inherited if each.family != socket.AF_UNIX]
    token, context = "", None
    if config.listen or inet:
        pki = Pki(pki_directory(roots))
        addresses = [each.getsockname()[0] for each in inet]
        await asyncio.to_thread(_make, pki.directory, [*server_names(config), *map(str, addresses)])
        context, token = server_context(pki), pki.token()
    if config.listen and not any(_same(each, config.listen) for each in inet):
        inet.append(_bound(config.listen))
    listeners: list[Listener] = [(each, context) for each in inet]
    return listeners + [(each, None) for each in unix or [unix_socket(f"{roots.run}/{API_SOCKET}")]], token


def _same(given: socket.socket, listen: str) -> bool:
    return tuple(given.getsockname()[:2]) == _split(listen)


def _bound(listen: str) -> socket.socket:
    address, port = _split(listen)
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.create_server((address, port), family=family, backlog=512)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        raise HostError(f"listen: {listen}: {why}") from None
    server.setblocking(False)
    return server


def _make(directory: str, names: list[str]) -> None:
    """In a child: what it takes to make certificates would stay in the daemon's memory for good."""
    program = "import sys; from nsrunner.api.certificates import Pki; Pki(sys.argv[1]).ensure(sys.argv[2:])"
    argv = [sys.executable, "-P", "-c", program, directory, *names]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise HostError(f"{directory}: certificates could not be made in time") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise HostError(f"{directory}: certificates cannot be made: {lines[-1] if lines else done.returncode}")
