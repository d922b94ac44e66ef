"""What slow clients may hold of the memory."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.server import budget
from nsrunner.api.server.budget import SMALL, Budget
from unit.api.registry.served import config_map
from unit.api.server.asked import CONFIGS, asked

pytestmark = pytest.mark.asyncio


async def test_bodies_are_counted_while_they_are_held() -> None:
    held = Budget(10 * SMALL)
    with held.holding(6 * SMALL):
        assert held.held == 6 * SMALL
        with held.holding(SMALL):
            assert held.held == 6 * SMALL  # a small one is not worth it
        with pytest.raises(ApiError) as caught, held.holding(5 * SMALL):
            pass
        assert (caught.value.code, caught.value.headers) == (429, {"Retry-After": "1"})
    assert held.held == 0
    with held.holding(99 * SMALL):  # one alone always goes through
        pass
    assert held.held == 0


async def test_a_long_answer_arrives_whole(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        data = {f"k{at}": "x" * 90_000 for at in range(8)}
        code, _ = await ask("POST", CONFIGS, config_map(data=data))
        assert code == 201
        for _ in range(3):
            code, found = await ask("GET", f"{CONFIGS}/conf")
            assert (code, found["data"]) == (200, data)
        async with ask.session.head(f"http://d{CONFIGS}/conf") as answer:
            assert answer.status == 200 and int(answer.headers["Content-Length"]) > 8 * 90_000


async def test_clients_that_take_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what may be held others are asked to come again later; those who stall are let go in the end."""
    monkeypatch.setattr(Budget.__init__, "__defaults__", (30_000_000,))
    monkeypatch.setattr(budget.deliver, "__defaults__", (2.0,))
    async with asked(tmp_path) as ask:
        for at in range(12):  # more than any socket's buffer takes
            await ask("POST", CONFIGS, config_map(f"c{at}", data={f"k{at}": "x" * 90_000 for at in range(10)}))
        request = f"GET {CONFIGS} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        clients = []
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ask.path)
            await asyncio.get_running_loop().sock_sendall(client, request)
            clients.append(client)
        async with asyncio.timeout(20):
            while (await ask("GET", CONFIGS))[0] != 429:
                pass
            assert (await ask("GET", "/healthz"))[0] == 200
            while (await ask("GET", CONFIGS))[0] != 200:  # until the others have been let go
                pass
        for client in clients:
            client.close()
