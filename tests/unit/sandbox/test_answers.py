"""Errors and results of execs in words."""

from __future__ import annotations

import errno
import os

import pytest

from nsrunner.errors import SandboxError
from nsrunner.sandbox import answers, native, transport
from nsrunner.sandbox.records import ExecResult
from nsrunner.sandbox.wire import Kind, Message, Tag


@pytest.fixture(autouse=True)
def step_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "step_name", lambda step: {7: "mount"}[step])


def test_an_error() -> None:
    error = answers.error(Message(Kind.ERROR, 1, {Tag.STEP: 7, Tag.ERRNO: errno.EPERM, Tag.PATH: "/a"}))
    assert isinstance(error, SandboxError)
    assert str(error) == "mount: /a: Operation not permitted"


def test_results() -> None:
    fields = {Tag.RECORD: 3, Tag.EXIT_CODE: 137, Tag.TIMED_OUT: 1}
    assert answers.exec_result(Message(Kind.EXEC_FINISHED, 0, fields), []) == ExecResult(
        record=3, exit_code=137, timed_out=True
    )
    failed = Message(Kind.EXEC_FINISHED, 0, {Tag.EXIT_CODE: 126, Tag.STEP: 7, Tag.ERRNO: errno.EACCES})
    assert answers.exec_result(failed, []).error == "mount: Permission denied"


def test_output_is_read_from_its_beginning_and_left_open() -> None:
    fd = transport.sealed_memfd("output", b"hello")
    os.lseek(fd, 3, os.SEEK_SET)
    assert answers.exec_result(Message(Kind.EXEC_FINISHED, 0, {}), [fd]).output == b"hello"
    os.close(fd)
