"""Lookups: one for each name at a time, in threads of their own."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from nsrunner.supervisor.probes import names
from nsrunner.supervisor.probes.names import Names, UnknownName, literal
from unit.supervisor.probes.servers import run


def test_literals_are_not_looked_up() -> None:
    assert literal("192.0.2.1") == (socket.AF_INET, "192.0.2.1")
    assert literal("2001:db8::1") == (socket.AF_INET6, "2001:db8::1")
    assert literal("localhost") is None


def test_a_slow_lookup_is_shared_and_outlives_who_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = threading.Event(), []

    def slowly(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        assert answer.wait(10)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(names.socket, "getaddrinfo", slowly)

    async def script() -> None:
        lookups = Names()
        first, second = (asyncio.create_task(lookups.addresses("slow.example")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        answer.set()
        assert list(await second) == [(socket.AF_INET, "192.0.2.7")]
        assert asked == ["slow.example"]
        await lookups.addresses("slow.example")
        assert len(asked) == 2

    run(script())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "lookup x: no such host"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "lookup x: Temporary failure"),
        (UnicodeError("label too long"), "lookup x: no such host"),
        (ValueError("embedded null byte"), "lookup x: no such host"),
    ],
)
def test_no_address(monkeypatch: pytest.MonkeyPatch, error: Exception, why: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(names.socket, "getaddrinfo", fail)
    with pytest.raises(UnknownName, match=why):
        run(Names().addresses("x"))


def test_loops_share_nothing_but_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs of one process, each with its loop, look the same name up at the same time."""
    both = threading.Barrier(2)

    def together(host: str, *_: object, **__: object) -> list[object]:
        both.wait(10)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(names.socket, "getaddrinfo", together)
    lookups, found = Names(), []
    programs = [threading.Thread(target=lambda: found.append(run(lookups.addresses("x.example")))) for _ in range(2)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(20)
    assert found == [[(socket.AF_INET, "192.0.2.7")]] * 2
