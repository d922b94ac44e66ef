"""What slow clients may hold of the memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.api.errors import ApiError
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
        for _ in range(4):
            code, found = await ask("GET", f"{CONFIGS}/conf")
            assert (code, found["data"]) == (200, data)
        async with ask.session.head(f"http://d{CONFIGS}/conf") as answer:
            assert answer.status == 200 and int(answer.headers["Content-Length"]) > 8 * 90_000
