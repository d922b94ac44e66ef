"""The daemon's sockets: the unix one always, TLS when it is asked for."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys

from nsrunner.api.certificates import Pki, server_context
from nsrunner.daemon.config import Config
from nsrunner.errors import HostError
from nsrunner.sandbox.state import Roots

__all__ = ["pki_directory", "server_names", "tls_socket"]

_PATIENCE = 60.0
"""Seconds in which certificates must be made."""


def pki_directory(roots: Roots) -> str:
    return f"{roots.state}/pki"


def server_names(config: Config) -> list[str]:
    """What clients may call the server: the address that it listens on, and this machine's own names."""
    address = _split(config.listen)[0]
    names = ["localhost", "127.0.0.1", "::1", config.hostname_override or socket.gethostname()]
    if address not in ("0.0.0.0", "::", *names):  # noqa: S104 - any address is no name
        names.append(address)
    return names


def _split(listen: str) -> tuple[str, int]:
    address, _, port = listen.rpartition(":")
    return address.strip("[]"), int(port or 0)


async def tls_socket(config: Config, roots: Roots) -> tuple[socket.socket, ssl.SSLContext, str]:
    """A listening socket, its TLS, and the administrator's token. Raises HostError."""
    pki = Pki(pki_directory(roots))
    await asyncio.to_thread(_make, pki.directory, server_names(config))
    context = server_context(pki)
    address, port = _split(config.listen)
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.create_server((address, port), family=family, backlog=512)
    except OSError as error:
        raise HostError(f"listen: {config.listen}: {error.strerror or error}") from None
    server.setblocking(False)
    return server, context, pki.token()


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
