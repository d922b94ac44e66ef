from __future__ import annotations

from nsrunner.cli import exits


def test_they_are_what_scripts_expect() -> None:
    """Part of the interface: a changed number breaks somebody's script."""
    assert {name: getattr(exits, name) for name in exits.__all__} == {
        "BROKEN_PIPE": 141,
        "FAILED": 1,
        "INTERNAL": 125,
        "INTERRUPTED": 130,
        "NOT_EXECUTABLE": 126,
        "NOT_FOUND": 127,
        "OK": 0,
        "TERMINATED": 143,
        "TIMEOUT": 124,
        "USAGE": 2,
    }
