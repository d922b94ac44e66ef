from __future__ import annotations

import io
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.cli import output
from nsrunner.cli.output import Column, Palette, colour_wanted, escape, escape_block, say, table, terminal_width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 日本 🚀", "plain ünïcode 日本 🚀"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("nul\0", "nul\\x00"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    shown = escape(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert not any(
        unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for char in shown
    )
    shown.encode("utf-8")


@given(st.text())
def test_escaping_is_idempotent_and_keeps_harmless_text(text: str) -> None:
    assert escape(escape(text)) == escape(text)
    assert escape_block(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("environment", "terminal", "wanted"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, wanted: bool) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour_wanted(Terminal() if terminal else io.StringIO()) is wanted


def test_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_width(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "44")
    assert terminal_width(io.StringIO()) == 44
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal_width(io.StringIO()) is None


COLUMNS = [
    Column(title="NAME"),
    Column(title="READY", right=True),
    Column(title="OWNER", keep=1),
    Column(title="AGE", keep=2),
]
ROWS = [["web", "1/2", "run (pid 7)", "5s"], ["da\x1btabase", "0/1", "x", "44m"]]


def test_table() -> None:
    assert table(COLUMNS, ROWS, width=None) == (
        "NAME           READY   OWNER         AGE\n"
        "web              1/2   run (pid 7)   5s\n"
        "da\\x1btabase     0/1   x             44m\n"
    )


def test_without_titles_the_columns_are_as_wide_as_what_is_in_them() -> None:
    columns = [Column(title="RESTARTS"), Column(title="B")]
    assert table(columns, [["1", "x"], ["22", "y"]], width=None, headers=False) == "1     x\n22    y\n"
    assert table(columns, [], width=None, headers=False) == ""


def test_a_narrow_terminal_loses_the_least_important_columns_first() -> None:
    assert table(COLUMNS, ROWS, width=35).splitlines()[0] == "NAME           READY   OWNER"
    assert table(COLUMNS, ROWS, width=5).splitlines()[0] == "NAME           READY"


def test_palette() -> None:
    assert Palette(False).paint("x", "red") == Palette(False).nth("x", 3) == "x"
    assert Palette(True).paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert Palette(True).nth("x", 0) != Palette(True).nth("x", 1)


def test_say_survives_a_closed_stream(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    closed.close()
    say("nobody hears", stream=closed)
    say("two\nlines \x1b")
    assert capsys.readouterr().err == "two\nlines \\x1b\n"


def test_text_that_is_left_alone_holds_nothing_unsafe() -> None:
    """``isprintable`` decides without the pattern: it must never let through what the pattern would find."""
    unsafe = re.compile(output._UNSAFE)
    printable = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if char.isprintable())
    assert unsafe.search(printable) is None
