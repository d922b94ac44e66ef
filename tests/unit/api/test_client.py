"""The CLI's client, against sockets that are not quite a daemon's."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nsrunner.api.client import Client, NoDaemon
from nsrunner.errors import HostError

NOBODY = 65534


def test_nobody_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with pytest.raises(NoDaemon, match="start one with 'nsrunner daemon'"):
        Client(path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(NoDaemon):
        Client(path)


@pytest.mark.needs_root
def test_a_socket_of_somebody_else(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.seteuid(NOBODY)  # as whom the kernel notes the listener
        try:
            server.listen()
        finally:
            os.seteuid(0)
        with pytest.raises(HostError, match="not the daemon's socket: user 65534 listens on it"):
            Client(path)
