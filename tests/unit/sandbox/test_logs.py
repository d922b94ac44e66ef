"""The log reader against files that are written, rotated and deleted under its eyes."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox.log_lines import LogEntry, Skipped, parse_line, render, timestamp, written_since
from nsrunner.sandbox.logs import LogReader, attempts, follow, read, tail

STAMP = "2026-01-02T03:04:05.000000000Z"


def line(text: str, stream: str = "stdout", tag: str = "F", stamp: str = STAMP) -> bytes:
    return f"{stamp} {stream} {tag} {text}\n".encode()


def texts(items: object) -> list[str]:
    return [item.data.decode() for item in items if isinstance(item, LogEntry)]  # type: ignore[attr-defined]


class Log:
    """Writes as the shim does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "0.log"
        self.path.touch()
        self.rotations = 0

    def write(self, *lines: str) -> None:
        with self.path.open("ab") as file:
            file.write(b"".join(line(text) for text in lines))

    def rotate(self, keep: int = 4) -> None:
        name = f"0.log.20260102-0304{self.rotations:02}"
        self.rotations += 1
        self.path.rename(self.directory / name)
        self.path.touch()
        rotated = sorted(self.directory.glob("0.log.*"))
        for old in rotated[: max(0, len(rotated) - keep)]:
            old.unlink()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_lines_of_the_format() -> None:
    assert parse_line(line("hello world")[:-1]) == LogEntry(STAMP, "stdout", False, b"hello world")
    assert parse_line(line("", "stderr", "P")[:-1]) == LogEntry(STAMP, "stderr", True, b"")
    assert parse_line(line("x", tag="F:later")[:-1]) == LogEntry(STAMP, "stdout", False, b"x")


@pytest.mark.parametrize("garbage", [b"", b"nothing", b"a b c", b"t stdin F x", b"t stdout X x", b"\xff\x00 stdout"])
def test_what_is_no_log_line_is_shown_as_it_is(garbage: bytes) -> None:
    assert parse_line(garbage) == LogEntry("", "stdout", False, garbage)


def test_render_joins_partial_entries_and_stamps_only_beginnings() -> None:
    items = [
        LogEntry("T1", "stdout", True, b"one "),
        LogEntry("T2", "stderr", False, b"err"),
        Skipped(7),
        LogEntry("T3", "stdout", False, b"line"),
        LogEntry("T4", "stdout", False, b"next"),
    ]
    assert b"".join(render(items)) == b"one err\nline\nnext\n"
    assert b"".join(render(items, timestamps=True)) == b"T1 one T2 err\nline\nT4 next\n"


def test_render_stops_at_the_limit() -> None:
    items = [LogEntry("T", "stdout", False, b"0123456789")] * 3
    assert b"".join(render(items, limit=15)) == b"0123456789\n0123"
    assert b"".join(render(items, limit=0)) == b""


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-01-02T03:04:05.000000000Z", True),
        ("2026-01-02T03:04:04.999999999Z", False),
        ("2026-01-02T03:04:05Z", True),
        ("2026-01-02T03:04:04.9Z", False),
        ("2026-01-02T05:04:04.5+02:00", False),
        ("2026-01-02T05:04:05.123456789+02:00", True),
        ("garbage", True),
        ("", True),
    ],
)
def test_since_compares_moments_whatever_their_form(time: str, expected: bool) -> None:
    assert written_since(LogEntry(time, "stdout", False, b""), timestamp(1767323045)) is expected


def test_reads_the_current_file_or_the_history(log: Log) -> None:
    log.write("old")
    log.rotate()
    log.write("new")
    assert texts(read(str(log.directory), 0)) == ["new"]
    assert texts(read(str(log.directory), 0, history=True)) == ["old", "new"]


def test_rotated_files_of_one_second_are_read_in_their_order(log: Log) -> None:
    for name, text in (("-10", "third"), ("-2", "second"), ("", "first")):
        (log.directory / f"0.log.20260102-030405{name}").write_bytes(line(text))
    assert texts(read(str(log.directory), 0, history=True)) == ["first", "second", "third"]


@pytest.mark.parametrize("lines", [0, 1, 3, 5, 6, 100])
def test_tail_lines(log: Log, lines: int) -> None:
    log.write(*"abcde")
    assert texts(read(str(log.directory), 0, tail_lines=lines)) == list("abcde")[max(0, 5 - lines) :]


def test_tail_lines_across_chunks(log: Log) -> None:
    log.write(*(f"{number}-" + "x" * 1000 for number in range(200)))
    got = texts(read(str(log.directory), 0, tail_lines=150))
    assert [text.partition("-")[0] for text in got] == [str(number) for number in range(50, 200)]


def test_since_leaves_older_entries_out(log: Log) -> None:
    log.path.write_bytes(line("old", stamp="2020-01-01T00:00:00.000000000Z") + line("new"))
    assert texts(read(str(log.directory), 0, since=1767323045)) == ["new"]


def test_a_line_without_its_newline_comes_at_the_end_only(log: Log) -> None:
    log.path.write_bytes(line("whole") + line("begun")[:-1])
    with LogReader(str(log.directory), 0) as reader:
        assert texts(reader.read()) == ["whole"]
        assert reader.read() == []
        assert texts(reader.finish()) == ["begun"]
        assert reader.finish() == []


def test_a_line_that_never_ends_is_passed_over_in_bounded_memory(log: Log) -> None:
    log.path.write_bytes(b"x" * (3 << 20) + b"\n" + line("after"))
    items = list(read(str(log.directory), 0))
    assert texts(items) == ["after"]
    assert sum(item.bytes for item in items if isinstance(item, Skipped)) == 3 << 20


def test_a_reader_follows_through_rotations_without_loss(log: Log) -> None:
    log.write("0")
    with LogReader(str(log.directory), 0, watch=True) as reader:
        got = texts(reader.read())
        for number in range(1, 40):
            log.write(str(number))
            if number % 3 == 0:
                log.rotate()
                log.write(f"{number}+")
            if number % 2 == 0:
                while items := reader.read():
                    assert not any(isinstance(item, Skipped) for item in items)
                    got += texts(items)
        while items := reader.read():
            got += texts(items)
    expected = ["0"]
    for number in range(1, 40):
        expected += [str(number)] + [f"{number}+"] * (number % 3 == 0)
    assert got == expected


def test_files_that_were_rotated_away_unread_are_told(log: Log) -> None:
    size = len(line("x"))
    log.write("x")
    with LogReader(str(log.directory), 0, watch=True) as reader:
        assert texts(reader.read()) == ["x"]
        for _ in range(6):  # 5 files after the first are full, 2 of them are kept beside the current one
            log.rotate(keep=2)
            log.write("x")
        items = reader.read()
        assert items[0] == Skipped(3 * size)
        rest = list(items[1:])
        while more := reader.read():
            rest += more
        assert texts(rest) == ["x"] * 3


def test_the_open_file_is_read_to_its_end_although_it_is_deleted(log: Log) -> None:
    log.write("a")
    with LogReader(str(log.directory), 0, watch=True) as reader:
        assert texts(reader.read()) == ["a"]
        log.write("b")
        log.path.unlink()
        assert texts(reader.read()) == ["b"]
        assert reader.read() == []


def test_a_link_in_place_of_a_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "0.log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError):
        LogReader(str(tmp_path), 0)


def test_a_fifo_in_place_of_a_log_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.log")
    with pytest.raises(OSError, match="Not a regular file"):
        LogReader(str(tmp_path), 0)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LogReader(str(tmp_path), 0)
    assert attempts(str(tmp_path / "missing")) == []
    assert tail(str(tmp_path), 0, lines=80, size=2048) == b""


def test_attempts_are_those_with_a_current_file(tmp_path: Path) -> None:
    for name in ("0.log", "10.log", "9.log", "9.log.20260102-030405", "x.log", "1.log.tmp"):
        (tmp_path / name).touch()
    assert attempts(str(tmp_path)) == [0, 9, 10]


def test_tail_for_termination_messages(log: Log) -> None:
    log.write(*(f"line {number}" for number in range(100)))
    assert tail(str(log.directory), 0, lines=2, size=2048) == b"line 98\nline 99\n"
    assert tail(str(log.directory), 0, lines=80, size=10) == b"8\nline 99\n"


def test_no_descriptor_stays_open(log: Log) -> None:
    before = len(os.listdir("/proc/self/fd"))
    list(read(str(log.directory), 0))
    LogReader(str(log.directory), 0, watch=True).close()
    with pytest.raises(FileNotFoundError):
        LogReader(str(log.directory), 1, watch=True)
    for thread in threading.enumerate():
        if thread.name == "close inotify":
            thread.join(60)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.asyncio
async def test_follow_gives_what_is_there_then_what_comes_and_ends(log: Log) -> None:
    log.write("first")
    ended = asyncio.Event()
    got: list[str] = []
    async with asyncio.timeout(10):
        async for item in follow(str(log.directory), 0, ended):
            assert isinstance(item, LogEntry)
            got.append(item.data.decode())
            match got[-1]:
                case "first":
                    log.write("second")
                case "second":
                    log.rotate()
                    log.write("third")
                case "third":
                    log.write("last")
                    ended.set()
    assert got == ["first", "second", "third", "last"]


@pytest.mark.asyncio
async def test_follow_wakes_up_for_the_end_alone(log: Log) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().call_soon(ended.set)
    async with asyncio.timeout(10):
        assert [item async for item in follow(str(log.directory), 0, ended)] == []


@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(1, 50))
def test_any_bytes_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], n: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    content = b"\n".join(chunks)
    (directory / "0.log").write_bytes(content)
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert list(read(str(directory), 0)) == [parse_line(text) for text in lines]
    assert list(read(str(directory), 0, tail_lines=n)) == [parse_line(text) for text in lines[-n:]]
