"""Runs exec_session.session() in a process of its own, with a client that starts the command itself: no pod is needed.

exec_program.py [-i] [-t] -- COMMAND...
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from typing import Any

from nsrunner.cli.exec_session import session
from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.spec import ExecSpec


class Running:
    def __init__(self, console: int | None) -> None:
        self.console = console


class LocalClient:
    """Looks like sandbox.client.Client; its descriptor, the command's pidfd, is readable when the command has ended."""

    def exec(self, spec: ExecSpec, *, stdin: int = -1, stdout: int = -1, stderr: int = -1) -> Running:
        master = None
        if spec.tty:
            master, slave = pty.openpty()
            os.set_inheritable(master, False)
            command = ["setsid", "--ctty", *spec.argv]
            self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
            os.close(slave)
        else:
            self._process = subprocess.Popen(
                spec.argv, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._master = master
        if master is not None:
            self.resize(None, spec.rows, spec.columns)
        return Running(master)

    def fileno(self) -> int:
        return self._pidfd

    def process(self) -> bool:
        self._process.wait()
        return True

    def result(self, running: Running) -> ExecResult | None:
        code = self._process.poll()
        return None if code is None else ExecResult(record=0, exit_code=code if code >= 0 else 128 - code)

    def resize(self, running: Any, rows: int, columns: int) -> None:
        assert self._master is not None
        termios.tcsetwinsize(self._master, (rows, columns))


def main() -> int:
    at = sys.argv.index("--")
    flags, command = sys.argv[1:at], sys.argv[at + 1 :]
    client: Any = LocalClient()
    spec = ExecSpec(container_id="x", argv=tuple(command), tty="-t" in flags, rows=24, columns=80)
    result = session(client, spec, stdin="-i" in flags)
    sys.stderr.write(f"ended {result.exit_code}\n")
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
