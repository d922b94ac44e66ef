from __future__ import annotations

import os
import pty
import signal
import termios
from collections.abc import Iterator

import pytest

from nsrunner.cli import terminal
from nsrunner.cli.terminal import ended_by_signals, raw, size


@pytest.fixture
def slave() -> Iterator[int]:
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


def cooked(fd: int) -> bool:
    return bool(termios.tcgetattr(fd)[3] & termios.ICANON)


def test_raw_and_back(slave: int) -> None:
    with raw(slave):
        assert not cooked(slave)
    assert cooked(slave)


def test_back_after_anything(slave: int) -> None:
    with pytest.raises(SystemExit), raw(slave):
        raise SystemExit(1)
    assert cooked(slave)
    assert signal.getsignal(signal.SIGTTOU) == signal.SIG_DFL


def test_what_is_no_terminal() -> None:
    read, write = os.pipe()
    with raw(read), raw(-1):
        pass
    os.close(read)
    os.close(write)


def test_size(slave: int, monkeypatch: pytest.MonkeyPatch) -> None:
    termios.tcsetwinsize(slave, (50, 132))
    real = os.get_terminal_size
    monkeypatch.setattr(terminal.os, "get_terminal_size", lambda fd: real(slave) if fd == 2 else real(-1))
    assert size() == (50, 132)
    termios.tcsetwinsize(slave, (0, 0))
    assert size() == (24, 80)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGQUIT, 131)]
)
def test_signals_unwind(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end, ended_by_signals():
        signal.raise_signal(number)
    assert end.value.code == code
    assert signal.getsignal(number) == before


def test_a_second_signal_does_not_interrupt_the_first() -> None:
    cleaned = False
    with pytest.raises(SystemExit) as end, ended_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleaned = True
    assert (end.value.code, cleaned) == (143, True)


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
