from __future__ import annotations

import io
import time
from typing import Any

import pytest

from nsrunner.cli.progress import Progress, awaited
from nsrunner.cli.resources import of_kind
from nsrunner.cli.selection import Target

WEB = Target(of_kind("Pod"), "default", "web")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_drawn_over_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    with Progress(out) as progress:
        progress.show("short")
        progress.show("short")
        progress.show("longer than the terminal is wide \x1b")
    assert out.getvalue() == "\r\x1b[Kshort\r\x1b[Klonger than the ...\r\x1b[K"


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO(), "xterm"), (Terminal(), "dumb")])
def test_nothing_is_drawn_where_nothing_can_be(stream: io.StringIO, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    with Progress(stream) as progress:
        progress.show("text")
    assert stream.getvalue() == ""


def test_a_terminal_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with Progress(out) as progress:
        progress.show("text")
        out.close()
        progress.show("more")


WAITING = {
    "name": "a",
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container=a"}},
    "lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}},
}
UNREADY = {"type": "Ready", "status": "False", "message": "containers with unready status: [a]"}


@pytest.mark.parametrize(
    ("object", "text"),
    [
        (None, "pod/web: does not exist yet ..."),
        ({}, "pod/web: is there ..."),
        ({"status": {"phase": "Pending"}}, "pod/web: Pending ..."),
        (
            {"status": {"phase": "Running", "conditions": [UNREADY]}},
            "pod/web: Running, containers with unready status: [a] ...",
        ),
        (
            {"status": {"phase": "Running", "conditions": [UNREADY], "containerStatuses": [WAITING]}},
            "pod/web: Running, a waits: CrashLoopBackOff, next start at 00:00:10 ...",
        ),
        (
            {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}},
            "pod/web: is ending, killed at 00:00:00 at the latest ...",
        ),
    ],
)
def test_what_is_waited_for(object: dict[str, Any] | None, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert awaited(WEB, object) == text
