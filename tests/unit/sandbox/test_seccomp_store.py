"""Filters that were compiled before are found again, and only those."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nsrunner.sandbox import seccomp_compile, seccomp_store
from nsrunner.sandbox.host import HostFacts, gather
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_store import seccomp_program
from nsrunner.sandbox.state import Roots


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[Roots]:
    seccomp_store._default.cache_clear()
    yield Roots(state=str(tmp_path / "lib"))
    seccomp_store._default.cache_clear()


@pytest.fixture(scope="module")
def facts() -> HostFacts:
    return gather()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    original: Callable[[Any], bytes] = seccomp_compile.compile_profile

    def count(profile: Any) -> bytes:
        calls.append(profile)
        return original(profile)

    monkeypatch.setattr(seccomp_compile, "compile_profile", count)
    return calls


def forget() -> None:
    """As a new process begins."""
    seccomp_store._default.cache_clear()


def test_the_default_is_compiled_once_a_machine(roots: Roots, facts: HostFacts, compiled: list[Any]) -> None:
    first = seccomp_program("", facts, roots, 1)
    assert seccomp_program("", facts, roots, 1) == first
    forget()
    assert seccomp_program("", facts, roots, 1) == first
    assert len(compiled) == 1
    assert seccomp_program("", facts, roots, 1 << 21) != first
    assert len(compiled) == 2
    assert Path(roots.state, "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["cut", "changed", "stamp", "writable", "link", "empty"])
def test_a_file_that_is_not_as_it_was_written_is_not_used(
    roots: Roots, facts: HostFacts, compiled: list[Any], damage: str
) -> None:
    first = seccomp_program("", facts, roots, 1)
    (path,) = Path(roots.state, "cache").iterdir()
    data = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(data[:-8])
        case "changed":
            path.write_bytes(data[:-10] + bytes([data[-10] ^ 1]) + data[-9:])
        case "stamp":
            path.write_bytes(b"0" + data)
        case "writable":
            path.chmod(0o666)
        case "link":
            path.rename(path.with_name("elsewhere"))
            path.symlink_to("elsewhere")
        case "empty":
            path.write_bytes(b"")
    forget()
    assert seccomp_program("", facts, roots, 1) == first
    assert len(compiled) == 2


def test_without_a_place_to_keep_it(tmp_path: Path, facts: HostFacts, compiled: list[Any]) -> None:
    (tmp_path / "file").touch()
    forget()
    assert seccomp_program("", facts, Roots(state=str(tmp_path / "file")), 2).code
    assert len(compiled) == 1


def test_profiles_of_the_administrator(roots: Roots, facts: HostFacts) -> None:
    directory = Path(roots.seccomp)
    directory.mkdir(parents=True)
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}
    (directory / "my.json").write_text(json.dumps(profile))
    first = seccomp_program("my.json", facts, roots, 0)
    assert first.code and first.flags == 4
    profile["syscalls"] = [{"names": ["umount2"], "action": "SCMP_ACT_ERRNO"}]
    (directory / "my.json").write_text(json.dumps(profile))
    assert seccomp_program("my.json", facts, roots, 0) != first, "a changed file counts at once"


@pytest.mark.parametrize("text", ["", "{}", '{"defaultAction": "SCMP_ACT_FLY"}'])
def test_profiles_that_cannot_be_used_name_the_file(roots: Roots, facts: HostFacts, text: str) -> None:
    Path(roots.seccomp).mkdir(parents=True)
    Path(roots.seccomp, "my.json").write_text(text)
    with pytest.raises(ProfileError, match=r"seccomp/my\.json"):
        seccomp_program("my.json", facts, roots, 0)
    with pytest.raises(ProfileError, match=r"other\.json"):
        seccomp_program("other.json", facts, roots, 0)
