"""Requests that a page from elsewhere could have made, and what each answer says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.api.server.asked import PODS, asked

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("origin", ["https://example.com", "null", "https://daemon.example.com", "https://[", ""])
async def test_other_pages_are_refused(tmp_path: Path, origin: str) -> None:
    async with asked(tmp_path) as ask:
        code, status = await ask("GET", PODS, Origin=origin)
        assert (code, status["reason"]) == (403, "Forbidden")


async def test_who_asks_with_our_own_address_is_a_program(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        code, _ = await ask("GET", PODS, Origin="http://Daemon")
        assert code == 200


async def test_headers_of_each_answer(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        for path in ("/version", PODS, "/nowhere", f"{PODS}?watch=1&timeoutSeconds=1"):
            async with ask.session.get(f"http://daemon{path}") as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cache-Control"] == "no-cache, private"
