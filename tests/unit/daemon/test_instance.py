"""One daemon for each root, and the one that is told to drain is the one that runs."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nsrunner.daemon.instance import drain_other, only_instance
from nsrunner.errors import HostError
from nsrunner.sandbox.state import Roots, this_process

PROGRAM = """
import signal, sys
from nsrunner.daemon.instance import only_instance
from nsrunner.sandbox.state import Roots
with only_instance(Roots(run=sys.argv[1])):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    print("ready", flush=True)
    print(signal.sigwait([signal.SIGUSR1]).name, flush=True)
"""


def test_a_second_one_is_refused_and_names_the_first(tmp_path: Path) -> None:
    roots = Roots(run=str(tmp_path))
    with only_instance(roots):
        assert (tmp_path / "daemon.pid").read_text() == f"{os.getpid()} {this_process().start_time}\n"
        with (
            pytest.raises(HostError, match=rf"{tmp_path}: another daemon \(pid {os.getpid()}\) serves there"),
            only_instance(roots),
        ):
            pass
    assert not (tmp_path / "daemon.pid").exists()
    with only_instance(roots):
        pass


def test_draining_another(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        pidfd = drain_other(Roots(run=str(tmp_path)))
        assert pidfd is not None
        try:
            assert other.stdout.readline() == "SIGUSR1\n"
            assert select.select([pidfd], [], [], 60)[0] == [pidfd]
        finally:
            os.close(pidfd)
        assert other.wait(60) == 0
    assert drain_other(Roots(run=str(tmp_path))) is None


@pytest.mark.parametrize("text", ["", "x y\n", "1\n", f"{os.getpid()} 1\n"], ids=["empty", "words", "init", "another"])
def test_a_process_that_is_not_the_daemon_gets_no_signal(tmp_path: Path, text: str) -> None:
    """Its number has been given to another process since, or the file is damaged."""
    (tmp_path / "daemon.pid").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "pidfd_send_signal", lambda *_: pytest.fail("a signal was sent"))
        assert drain_other(Roots(run=str(tmp_path))) is None
