"""Names of signals."""

from __future__ import annotations

import signal

import pytest

from nsrunner.supervisor.signals import signal_number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("TERM", 15),
        ("SIGKILL", 9),
        ("USR1", signal.SIGUSR1),
        ("SIGRTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMAX-1", 63),
    ],
)
def test_names(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["", "NOPE", "SIGRTMAX+1", "RTMIN-1", "TERM+1", "RTMIN+x"])
def test_what_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="there is no signal"):
        signal_number(name)
