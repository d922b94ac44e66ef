"""Paths inside of a container's root."""

from __future__ import annotations

import pytest

from nsrunner.model.places import clean, is_in_proc, is_no_file


@pytest.mark.parametrize(
    ("path", "place"),
    [("/a", "/a"), ("//a/", "/a"), ("/a/./b//c/..", "/a/b"), ("/..", "/"), ("///", "/"), ("", "/")],
)
def test_one_spelling(path: str, place: str) -> None:
    assert clean(path) == place


@pytest.mark.parametrize(
    ("path", "in_proc", "no_file"),
    [
        ("/", False, True),
        ("/x/..", False, True),
        ("/proc", True, True),
        ("//proc/1/../sys", True, True),
        ("/procfs", False, False),
        ("/sys/x", False, False),
        ("/dev/termination-log", False, False),
    ],
)
def test_where_nothing_can_be_put(path: str, in_proc: bool, no_file: bool) -> None:
    assert (is_in_proc(clean(path)), is_no_file(path)) == (in_proc, no_file)
