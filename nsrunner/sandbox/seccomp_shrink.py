"""Makes a seccomp program shorter, with the same answers.

libseccomp compares with every system call that a profile names. The kernel translates, checks and compiles the program
anew for each process that it is put on, which takes a quarter of a millisecond for nine hundred instructions. Most
numbers lie next to others with the same answer: asking for ranges takes a fifth of that.

The program is followed for all numbers at once (sets of them part where it compares), up to an answer or to the first
instruction that looks at anything else, an argument most of all. From there on its own instructions are copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

__all__ = ["shrink"]

_INSTRUCTION = struct.Struct("<HBBI")
_LOAD, _RETURN, _JUMP, _EQUAL, _GREATER, _NOT_LESS, _BITS = 0x20, 0x06, 0x05, 0x15, 0x25, 0x35, 0x45
_CONDITIONS: Final = (_EQUAL, _GREATER, _NOT_LESS, _BITS)
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
"""Of ``struct seccomp_data``."""
_LAST: Final = (1 << 32) - 1
_REACH: Final = 255
"""How far a condition can jump."""


class _Instruction(NamedTuple):
    code: int
    yes: int
    no: int
    value: int


class _Answer(NamedTuple):
    """What follows for a set of numbers: a return value, or the program from an instruction on."""

    value: int
    at: int = -1


_Ranges: TypeAlias = list[tuple[int, _Answer]]
"""First number and answer, in order; each reaches to the next."""


class _Unknown(Exception):
    """The program does something that is not understood here."""


def shrink(program: bytes) -> bytes:
    """The same filter in fewer instructions; the program itself when that is not possible."""
    code = [_Instruction(*fields) for fields in _INSTRUCTION.iter_unpack(program)]
    try:
        others = _ranges(code, None)
        ranges = {architecture: _ranges(code, architecture)[0] for architecture in sorted(others[1])}
    except _Unknown:
        return program
    writer = _Writer(code)
    here = writer.table(others[0])
    for architecture, own in ranges.items():
        here = writer.condition(_EQUAL, architecture, writer.table(own), here)
    writer.put(_LOAD, _ARCHITECTURE_AT)
    short = writer.program()
    return short if len(short) < len(program) else program


def _ranges(code: Sequence[_Instruction], architecture: int | None) -> tuple[_Ranges, set[int]]:
    """The answers to all numbers of one architecture (None: of one that the program does not know), and with which
    architectures it was compared on the way: None's, with all. Raises _Unknown."""
    compared: set[int] = set()
    found: list[tuple[int, _Answer]] = []
    todo = [(0, -1, 0, _LAST)]
    while todo:
        at, loaded, low, high = todo.pop()
        instruction = code[at]
        match instruction.code:
            case 0x20 if instruction.value in (_NUMBER_AT, _ARCHITECTURE_AT):
                todo.append((at + 1, instruction.value, low, high))
            case 0x06:
                found.append((low, _Answer(instruction.value)))
            case 0x05:
                todo.append((at + 1 + instruction.value, loaded, low, high))
            case 0x15 | 0x25 | 0x35 if loaded == _ARCHITECTURE_AT:
                if instruction.code != _EQUAL:
                    raise _Unknown
                compared.add(instruction.value)
                yes = architecture == instruction.value
                todo.append((at + 1 + (instruction.yes if yes else instruction.no), loaded, low, high))
            case 0x15 | 0x25 | 0x35 if loaded == _NUMBER_AT:
                for first, last, yes in _parts(instruction):
                    if max(low, first) <= min(high, last):
                        target = at + 1 + (instruction.yes if yes else instruction.no)
                        todo.append((target, loaded, max(low, first), min(high, last)))
            case _ if loaded == _NUMBER_AT or instruction.code == _LOAD:
                found.append((low, _Answer(0, at)))  # the number is what is loaded there, too, when it is wanted
            case _:
                raise _Unknown
    found.sort()
    return [each for index, each in enumerate(found) if index == 0 or each[1] != found[index - 1][1]], compared


def _parts(instruction: _Instruction) -> Iterable[tuple[int, int, bool]]:
    """All numbers, parted by a condition: first, last, whether it holds."""
    value = instruction.value
    match instruction.code:
        case 0x15:
            return (0, value - 1, False), (value, value, True), (value + 1, _LAST, False)
        case 0x25:
            return (0, value, False), (value + 1, _LAST, True)
        case _:
            return (0, value - 1, False), (value, _LAST, True)


class _Writer:
    """Writes a program from its end: jumps lead forward only, and every target has its place when it is jumped to."""

    def __init__(self, original: Sequence[_Instruction]) -> None:
        self._original = original
        self._out: list[_Instruction] = []
        self._returns: dict[int, int] = {}
        self._copies: dict[int, int] = {}

    def program(self) -> bytes:
        return b"".join(_INSTRUCTION.pack(*instruction) for instruction in reversed(self._out))

    def put(self, code: int, value: int) -> int:
        """Places are counted from the end."""
        self._out.append(_Instruction(code, 0, 0, value))
        return len(self._out)

    def _near(self, target: int, more: int = 0) -> int:
        """The target, or a jump to it from within a condition's reach."""
        if len(self._out) + more - target <= _REACH:
            return target
        return self.put(_JUMP, len(self._out) - target)

    def condition(self, code: int, value: int, yes: int, no: int) -> int:
        yes = self._near(yes, more=1)  # the other one may need a jump, too
        no = self._near(no)
        here = len(self._out)
        self._out.append(_Instruction(code, here - yes, here - no, value))
        return here + 1

    def table(self, ranges: _Ranges) -> int:
        """Loads the number and finds its answer."""
        answers = {answer: self._answer(answer) for _, answer in reversed(ranges)}
        top = self._tree(ranges, answers)
        if len(ranges) == 1 and ranges[0][1].at < 0:
            return top
        self._follow_with(top)
        return self.put(_LOAD, _NUMBER_AT)

    def _tree(self, ranges: _Ranges, answers: dict[_Answer, int]) -> int:
        if len(ranges) == 1:
            return answers[ranges[0][1]]
        half = len(ranges) // 2
        upper = self._tree(ranges[half:], answers)
        lower = self._tree(ranges[:half], answers)
        return self.condition(_NOT_LESS, ranges[half][0], upper, lower)

    def _answer(self, answer: _Answer) -> int:
        if answer.at >= 0:
            return self._copy(answer.at)
        if answer.value not in self._returns:
            self._returns[answer.value] = self.put(_RETURN, answer.value)
        return self._returns[answer.value]

    def _copy(self, at: int) -> int:
        """The original program from there on."""
        for each in sorted(self._reached(at), reverse=True):
            if each in self._copies:
                continue
            instruction = self._original[each]
            if instruction.code == _RETURN:
                self._copies[each] = self._answer(_Answer(instruction.value))
            elif instruction.code == _JUMP:
                self._copies[each] = self._copies[each + 1 + instruction.value]
            elif instruction.code in _CONDITIONS:
                yes, no = (self._copies[each + 1 + skip] for skip in (instruction.yes, instruction.no))
                self._copies[each] = self.condition(instruction.code, instruction.value, yes, no)
            else:
                self._follow_with(self._copies[each + 1])
                self._out.append(instruction)
                self._copies[each] = len(self._out)
        return self._copies[at]

    def _follow_with(self, target: int) -> None:
        """What is written next is to go on there."""
        if target != len(self._out):
            self.put(_JUMP, len(self._out) - target)

    def _reached(self, at: int) -> set[int]:
        reached: set[int] = set()
        todo = [at]
        while todo:
            at = todo.pop()
            if at in reached:
                continue
            reached.add(at)
            code, yes, no, value = self._original[at]
            if code in _CONDITIONS:
                todo += (at + 1 + yes, at + 1 + no)
            elif code == _JUMP:
                todo.append(at + 1 + value)
            elif code != _RETURN:
                todo.append(at + 1)
        return reached
