"""Go's spellings."""

from __future__ import annotations

import errno

import pytest

from nsrunner.supervisor.probes import words


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\a\b\f\n\r\t\v\x1b\x7f", '"\\a\\b\\f\\n\\r\\t\\v\\x1b\\x7f"'),
        ("grün ☺", '"grün ☺"'),
        ("\u200b\U000e0001", '"\\u200b\\U000e0001"'),
        (b"\x15\x03\xff", '"\\x15\\x03\\xff"'),
    ],
)
def test_quote(text: str | bytes, quoted: str) -> None:
    assert words.go_quote(text) == quoted


def test_the_rest() -> None:
    assert words.go_list(("sh", "-c", "exit 1")) == "[sh -c exit 1]"
    assert words.go_errno(errno.ECONNREFUSED) == "connection refused"
    assert words.host_port("192.0.2.1", 80) == "192.0.2.1:80"
    assert words.host_port("::1", 80) == "[::1]:80"
