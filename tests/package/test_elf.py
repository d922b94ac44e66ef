"""The installed ELF files have the hardening that meson.build asked for: a compiler drops a flag in silence."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import pytest

from package import elf

pytestmark = [pytest.mark.packaging, pytest.mark.needs_tool("readelf")]

HELPERS = ("nsrunner-pause", "nsrunner-shim")


def helper(name: str) -> Path:
    return Path(str(resources.files("nsrunner") / "libexec" / name))


def extension() -> Path:
    folder = Path(str(resources.files("nsrunner")))
    (found,) = folder.glob("_native*.so")
    return found


@pytest.fixture(params=[*HELPERS, "extension"])
def file(request: pytest.FixtureRequest) -> elf.Elf:
    return elf.read(extension() if request.param == "extension" else helper(request.param))


def test_position_independent(file: elf.Elf) -> None:
    assert file.kind == "DYN"


def test_read_only_relocations_bound_at_once(file: elf.Elf) -> None:
    assert "GNU_RELRO" in file.segments
    assert file.bind_now


def test_no_executable_stack_and_nothing_writable_and_executable(file: elf.Elf) -> None:
    assert file.segments["GNU_STACK"] == "RW"
    assert not [flags for flags in file.segments["LOAD"].split(",") if "W" in flags and "E" in flags]


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_static(name: str) -> None:
    found = elf.read(helper(name))
    assert "INTERP" not in found.segments
    assert found.needed == frozenset()


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_may_be_executed_by_everybody(name: str) -> None:
    assert os.stat(helper(name)).st_mode & 0o7777 == 0o755


def test_pause_is_tiny() -> None:
    assert helper("nsrunner-pause").stat().st_size < 20_000


def test_the_extension_needs_libc_only() -> None:
    assert elf.read(extension()).needed <= {"libc.so.6"}


def test_the_extension_exports_its_init_function_only() -> None:
    assert {name for name in elf.read(extension()).exported if not name.startswith("_")} == {"PyInit__native"}


def test_the_extension_has_stack_protectors_and_fortified_calls() -> None:
    imported = elf.read(extension()).imported
    assert "__stack_chk_fail" in imported
    assert [name for name in imported if name.endswith("_chk") and name != "__stack_chk_fail"]
