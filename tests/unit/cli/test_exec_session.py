from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("exec_program.py")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


def words(flags: str, *command: str) -> list[str]:
    return [sys.executable, str(PROGRAM), *flags.split(), "--", *command]


def run(flags: str, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words(flags, *command), input=given, capture_output=True, timeout=60, check=False)


def test_descriptors_go_as_they_are() -> None:
    done = run("-i", "sh", "-c", "cat; echo oops >&2; exit 3", given=b"in\0\xff")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in\0\xff", b"oops\nended 3\n")


def test_files_are_copied_and_never_given(tmp_path: Path) -> None:
    given, taken = tmp_path / "given", tmp_path / "taken"
    given.write_bytes(b"x" * 100_000)
    script = "cat; for fd in 0 1 2; do test -p /proc/self/fd/$fd || echo no pipe; done; echo mine >/proc/self/fd/0"
    with given.open("rb") as stdin, taken.open("wb") as stdout:
        argv = words("-i", "sh", "-c", script)
        done = subprocess.run(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"ended 0\n")
    assert taken.read_bytes() == given.read_bytes() == b"x" * 100_000


def test_without_i_there_is_no_input() -> None:
    assert run("", "sh", "-c", "cat; echo end", given=b"unread").stdout == b"end\n"


def test_a_terminal_without_a_terminal() -> None:
    done = run(
        "-i -t",
        "sh",
        "-c",
        "test -t 0 && test -t 1 && read line && echo got $line; read more || echo over",
        given=b"hello\n",
    )
    assert b"got hello\r\n" in done.stdout
    assert done.stdout.endswith(b"over\r\n"), "the end of the input arrives"


def test_the_last_output_is_not_lost() -> None:
    assert len(run("-t", "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x").stdout) == 100_000


class Terminal:
    """A process on a pseudo terminal of its own."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)
        self.text = b""

    def expect(self, what: bytes) -> bytes:
        """Read until ``what`` is there; returns what came before."""
        deadline = time.monotonic() + 30
        while what not in self.text:
            assert time.monotonic() < deadline, self.text
            try:
                data = os.read(self.master, 4096)
            except OSError:
                data = b""
            assert data, f"{what!r} did not come: {self.text!r}"
            self.text += data
        before, _, self.text = self.text.partition(what)
        return before

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.master)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


def start(terminals: list[Terminal], flags: str, *command: str) -> Terminal:
    terminals.append(Terminal(words(flags, *command)))
    return terminals[-1]


def cooked(terminal: Terminal) -> bool:
    return bool(termios.tcgetattr(terminal.master)[3] & termios.ICANON)


def test_raw_while_it_runs_and_restored_after(terminals: list[Terminal]) -> None:
    terminal = start(terminals, "-i -t", "sh", "-c", "echo ready; read line; echo got $line")
    terminal.expect(b"ready\r\n")
    assert not cooked(terminal)
    terminal.send(b"hello\r")
    terminal.expect(b"got hello\r\n")
    terminal.expect(b"ended 0\r\n")
    assert cooked(terminal)
    assert terminal.wait() == 0


def test_ctrl_c_is_for_the_command(terminals: list[Terminal]) -> None:
    script = '$| = 1; $SIG{INT} = sub { print "interrupted\n"; exit 7 }; print "ready\n"; sleep 60'
    terminal = start(terminals, "-i -t", "perl", "-e", script)
    terminal.expect(b"ready\r\n")
    terminal.send(b"\x03")
    terminal.expect(b"interrupted\r\n")
    assert terminal.wait() == 7


def test_a_new_size(terminals: list[Terminal]) -> None:
    # The first size may come when the program runs already.
    look = '$_ = `stty size`; print if $_ ne "0 0\n"; exit 0 if /132/'
    script = f"$| = 1; sub look {{ {look} }} $SIG{{WINCH}} = \\&look; look(); sleep 60 while 1"
    terminal = start(terminals, "-i -t", "perl", "-e", script)
    terminal.expect(b"24 80\r\n")
    termios.tcsetwinsize(terminal.master, (50, 132))
    terminal.expect(b"50 132\r\n")
    assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130), (signal.SIGQUIT, 131)]
)
def test_signals_restore_the_terminal(terminals: list[Terminal], number: signal.Signals, code: int) -> None:
    terminal = start(terminals, "-i -t", "sh", "-c", "echo ready; read line")
    terminal.expect(b"ready\r\n")
    os.kill(terminal.pid, number)
    os.kill(terminal.pid, number)
    assert terminal.wait() in (code, -number)  # the second one may come when all is put back, and its default with it
    assert cooked(terminal)


def test_without_t_the_command_never_holds_our_terminal(terminals: list[Terminal]) -> None:
    script = "for fd in 0 1 2; do test -t $fd && echo tty $fd; done; echo error >&2; read line; echo got $line"
    terminal = start(terminals, "-i", "sh", "-c", script)
    terminal.send(b"hello\n")
    seen = terminal.expect(b"ended 0\r\n")
    assert b"tty" not in seen
    assert b"error\r\n" in seen
    assert b"got hello\r\n" in seen
    assert terminal.wait() == 0


def test_the_end_of_a_terminals_input(terminals: list[Terminal]) -> None:
    terminal = start(terminals, "-i", "sh", "-c", "cat; echo over")
    terminal.send(b"one\n")
    terminal.expect(b"one\r\none\r\n")
    terminal.send(b"\x04")
    terminal.expect(b"over\r\n")
    assert terminal.wait() == 0


def test_something_left_in_the_background_does_not_hold_us(terminals: list[Terminal]) -> None:
    terminal = start(terminals, "", "sh", "-c", "sleep 60 & echo $!")
    child = terminal.expect(b"\r\n")
    assert terminal.wait() == 0
    os.kill(int(child), signal.SIGKILL)


def test_a_command_that_does_not_read() -> None:
    done = run("-i -t", "true", given=b"x" * 200_000)
    assert done.returncode == 0
