"""Which sockets the daemon serves."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nsrunner.daemon.config import Config
from nsrunner.daemon.serving import api_sockets, server_names
from nsrunner.errors import HostError
from nsrunner.sandbox.state import Roots

pytestmark = pytest.mark.asyncio


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(run=str(tmp_path / "run"), state=str(tmp_path / "lib"))


async def test_the_unix_socket_alone_by_default(roots: Roots) -> None:
    ((server, tls),), token = await api_sockets(Config(), roots, [])
    with server:
        assert (server.family, tls, token) == (socket.AF_UNIX, None, "")
        assert not os.path.exists(roots.state)  # noqa: ASYNC240 - no certificates for nobody


async def test_tcp_is_always_tls_the_managers_too(roots: Roots, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "given"))
        unix.listen()
        port = inet.getsockname()[1]
        found, token = await api_sockets(Config(listen=f"127.0.0.1:{port}"), roots, [unix, inet])
        assert [(each is inet, each is unix, tls is None) for each, tls in found] == [
            (True, False, False),
            (False, True, True),
        ]
        assert len(token) > 40


async def test_an_address_that_is_taken(roots: Roots) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(HostError, match=f"listen: {listen}: Address already in use"):
            await api_sockets(Config(listen=listen), roots, [])


@pytest.mark.parametrize(("listen", "named"), [("0.0.0.0:1", False), ("[::]:1", False), ("192.0.2.7:1", True)])
async def test_names_of_the_server(listen: str, named: bool) -> None:
    names = server_names(Config(listen=listen, hostname_override="node-7"))
    assert names[:4] == ["localhost", "127.0.0.1", "::1", "node-7"] and len(names) == 4 + named
