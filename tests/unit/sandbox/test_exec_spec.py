"""An exec's spec in bytes, and what it takes to make them: ``nsrunner exec`` is to start quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given

from nsrunner.sandbox.exec_spec import ExecSpec, encode_exec
from nsrunner.sandbox.wire import MAX_SPEC, WireError
from unit.sandbox import specs
from unit.sandbox.specs import decode_spec


@given(specs.execs)
def test_exec(spec: ExecSpec) -> None:
    kind, fields = decode_spec(encode_exec(spec))
    found = dict(fields)
    assert kind == 3
    assert found.get("CONTAINER_ID", "") == spec.container_id
    assert [value for tag, value in fields if tag == "ARG"] == list(spec.argv)
    assert [value for tag, value in fields if tag == "ENV"] == list(spec.env)
    numbers = [found.get(name, 0) for name in ("TTY", "ROWS", "COLUMNS", "TIMEOUT_MS", "OUTPUT_LIMIT", "ATTACHED")]
    assert numbers == [spec.tty, spec.rows, spec.columns, spec.timeout_ms, spec.output_limit, spec.attached]


def test_bytes_that_are_no_utf8_survive_from_a_command_line() -> None:
    _, fields = decode_spec(encode_exec(ExecSpec(container_id="c", argv=("\udcff",))))
    assert [value for tag, value in fields if tag == "ARG"] == ["\udcff"]


@pytest.mark.parametrize("argv", [("a\0b",), ("\ud800",), ("x" * MAX_SPEC,)])
def test_what_cannot_be_carried_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(WireError):
        encode_exec(ExecSpec(container_id="c", argv=argv))


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(WireError):
        encode_exec(ExecSpec(container_id="c", argv=("a",), rows=-1))


def test_a_command_line_that_execs_imports_nothing_slow() -> None:
    modules = "nsrunner.cli.exec, nsrunner.cli.exec_session, nsrunner.cli.pods, nsrunner.sandbox.client"
    program = f"import sys, {modules}; print({{'msgspec', 'asyncio', 'inspect', 'dataclasses'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
