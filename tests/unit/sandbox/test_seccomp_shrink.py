"""A shorter program gives the same answers: both are run, on an interpreter of classic BPF."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsrunner.sandbox import seccomp_compile, security
from nsrunner.sandbox.seccomp import ALLOW, ERRNO, Profile, Rule, default_profile
from nsrunner.sandbox.seccomp_shrink import shrink

Code = list[tuple[int, int, int, int]]


def decode(program: bytes) -> Code:
    return list(struct.iter_unpack("<HBBI", program))


def encode(*code: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def answer(code: Code, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """What the kernel would return: seccomp_data is number, architecture, instruction pointer, six arguments."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments)
    at = accumulator = 0
    while True:
        kind, yes, no, value = code[at]
        at += 1
        match kind:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                at += value
            case 0x15:
                at += yes if accumulator == value else no
            case 0x25:
                at += yes if accumulator > value else no
            case 0x35:
                at += yes if accumulator >= value else no
            case 0x45:
                at += yes if accumulator & value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"instruction {kind:#x}")


def questions(code: Code) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Around every number and value that the program compares with."""
    values = sorted({value for kind, _, _, value in code if kind in (0x15, 0x25, 0x35, 0x45, 0x54)})
    around = {(value + step) % (1 << 32) for value in values for step in (-1, 0, 1)} | set(range(1100))
    chooser = random.Random(1)
    architectures = [value for value in values if value > 0x40000000] + [0, 0xC00000B7]
    for architecture, number in itertools.product(architectures, sorted(around)):
        for _ in range(2):
            words = [chooser.choice(values) << 32 * chooser.randrange(2) | chooser.choice(values) for _ in range(6)]
            yield architecture, number, tuple(word % (1 << 64) for word in words)


def unshrunk(profile: Profile) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seccomp_compile, "shrink", lambda program: program)
        return seccomp_compile.compile_profile.__wrapped__(profile)


def same(program: bytes) -> bytes:
    short = shrink(program)
    before, after = decode(program), decode(short)
    for question in questions(before):
        assert answer(before, *question) == answer(after, *question), question
    return short


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("capabilities", [security.DEFAULT, 0, (1 << 41) - 1])
def test_the_default_profile(machine: str, capabilities: int) -> None:
    program = unshrunk(default_profile(machine, capabilities))
    assert len(same(program)) < len(program) / 3


NAMES = st.sampled_from(["read", "write", "openat", "clone", "socket", "ioctl", "kill", "statx", "mount"])


@settings(max_examples=8, deadline=None)
@given(rules=st.dictionaries(NAMES, st.sampled_from([ALLOW, ERRNO | 1, ERRNO | 38, 0]), min_size=1))
def test_any_profile(rules: dict[str, int]) -> None:
    profile = Profile(
        default_action=ERRNO | 1,
        architectures=("x86_64",),
        rules=tuple(Rule(name=name, action=action) for name, action in rules.items()),
    )
    same(unshrunk(profile))


LOAD_ARCHITECTURE, LOAD_NUMBER, LOAD_ARGUMENT = (0x20, 0, 0, 4), (0x20, 0, 0, 0), (0x20, 0, 0, 16)
RETURN_1, RETURN_2, RETURN_3 = ((0x06, 0, 0, value) for value in (1, 2, 3))


def test_a_long_program_jumps_as_far_as_it_must() -> None:
    """Four hundred ranges of answers in turn: farther apart than a condition reaches."""
    code = [LOAD_ARCHITECTURE, (0x15, 1, 0, 7), RETURN_3, LOAD_NUMBER]
    for number in range(400):
        code += [(0x15, 0, 1, number * 2), RETURN_1 if number % 2 else RETURN_2]
    code += [RETURN_3, *[RETURN_3] * 600]  # never reached: the original need not be good
    same(encode(*code))


def test_what_follows_an_argument_is_copied() -> None:
    test = [LOAD_ARGUMENT, (0x54, 0, 0, 0xF0), (0x15, 0, 2, 0x10), LOAD_NUMBER, (0x25, 1, 0, 9), RETURN_1, RETURN_2]
    padding = [item for number in range(100, 140) for item in ((0x15, 0, 1, number), RETURN_3)]
    begin = [LOAD_ARCHITECTURE, (0x15, 1, 0, 7), RETURN_3, LOAD_NUMBER]
    code = [*begin, *padding, (0x15, 1, 0, 5), (0x25, 0, 7, 8), *test]
    assert len(same(encode(*code, RETURN_1))) < len(encode(*code))


@pytest.mark.parametrize(
    "code",
    [
        [RETURN_1],
        [LOAD_ARCHITECTURE, (0x35, 0, 1, 7), RETURN_1, RETURN_2],
        [LOAD_ARCHITECTURE, (0x54, 0, 0, 7), RETURN_1],
    ],
)
def test_what_cannot_be_shortened_stays(code: Code) -> None:
    assert shrink(encode(*code)) == encode(*code)
