"""Made-up failures of system calls in a process and all that it starts, by strace(1).

strace counts the calls of each process by itself ("fail the third mkdirat"). Which number a call has is looked up in a
recording of an undisturbed run, so that a table of faults names calls by what they are for, not by their order.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Call", "Fault", "Tracer", "find", "hits", "read_calls", "without"]

_BEGIN = re.compile(r"(\d+) +(\w+)\((.*)")
_END = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_INJECTED = " (INJECTED)"


class Call(NamedTuple):
    """One system call, in the order in which they began."""

    pid: int
    name: str
    text: str
    """Its arguments and result as strace shows them; the result is missing when another process came in between."""
    number: int
    """Among those of the same name in the same process."""
    injected: bool


class Fault(NamedTuple):
    """What strace is told: ``name`` fails with ``error`` in each process that makes it for the ``number``-th time. A
    signal in the place of an error kills the process."""

    name: str
    number: int
    error: str
    always: bool = False
    """The later calls of that name fail, too."""

    def __str__(self) -> str:
        what = "signal" if self.error.startswith("SIG") else "error"
        return f"inject={self.name}:{what}={self.error}:when={self.number}{'+' * self.always}"


class Tracer:
    """strace on a process, from its construction to ``stop()``."""

    def __init__(self, pid: int, output: Path, *faults: Fault) -> None:
        """Returns when it is attached. Without faults everything is recorded, otherwise what is to fail."""
        self._output = output
        argv = ["strace", "-f", "-y", "-s", "256", "-o", str(output), "-p", str(pid)]
        if faults:
            argv += ["-e", "trace=" + ",".join(sorted({fault.name for fault in faults}))]
        for fault in faults:
            argv += ["-e", str(fault)]
        self._process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if " attached" not in line:
            self._process.communicate(timeout=20)
            raise AssertionError(line)

    def stop(self) -> list[Call]:
        """Lets go of the processes, which run on. What was recorded; may be called again."""
        self._process.terminate()
        self._process.communicate(timeout=20)
        return read_calls(self._output)


def read_calls(path: Path) -> list[Call]:
    """The calls of a recording."""
    calls: list[Call] = []
    begun: dict[int, int] = {}
    seen: dict[tuple[int, str], int] = defaultdict(int)
    for line in path.read_text(errors="replace").splitlines():
        if match := _BEGIN.match(line):
            pid, name = int(match[1]), match[2]
            seen[pid, name] += 1
            begun[pid] = len(calls)
            calls.append(Call(pid, name, match[3], seen[pid, name], match[3].endswith(_INJECTED)))
        elif (match := _END.match(line)) and match[2].endswith(_INJECTED):
            at = begun[int(match[1])]
            calls[at] = calls[at]._replace(injected=True)
    return calls


def without(calls: Sequence[Call], name: str, text: str) -> list[Call]:
    """The calls of those processes that have not made a certain one."""
    left_out = {call.pid for call in calls if call.name == name and text in call.text}
    return [call for call in calls if call.pid not in left_out]


def find(calls: Sequence[Call], name: str, text: str, nth: int = 1) -> tuple[str, int]:
    """Name and number of a call that both patterns match: of the ``nth`` that a fault of its number hits first. When
    another process has made as many calls of that name before, that one would be hit. Raises LookupError."""
    numbers: dict[str, set[int]] = defaultdict(set)
    others = []
    for call in calls:
        if not re.fullmatch(name, call.name):
            continue
        if re.search(text, call.text):
            if call.number in numbers[call.name]:
                others.append(f"{call.pid} {call.name} {call.number}: {call.text}")
            elif nth == 1:
                return call.name, call.number
            else:
                nth -= 1
        numbers[call.name].add(call.number)
    raise LookupError(f"no {name}({text}) to be hit; another process would be before: {others}")


def hits(calls: Sequence[Call], fault: Fault) -> list[Call]:
    """The calls that failed, or that killed their process."""
    fatal = fault.error.startswith("SIG")
    return [
        call for call in calls if call.injected or (fatal and (call.name, call.number) == (fault.name, fault.number))
    ]
