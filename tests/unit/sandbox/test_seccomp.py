"""Seccomp profiles as rules: the default one and those in files, which are refused unless wholly understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox import security
from nsrunner.sandbox.seccomp import (
    ALLOW,
    ENOSYS,
    EPERM,
    ERRNO,
    FLAG_LOG,
    FLAG_SPEC_ALLOW,
    KILL_PROCESS,
    Argument,
    Profile,
    Rule,
    default_profile,
    load,
    parse,
)
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_table import ALLOWED, BY_CAPABILITY


def allowed(profile: Profile) -> set[str]:
    return {rule.name for rule in profile.rules if rule.action == ALLOW and not rule.arguments}


def test_every_system_call_is_named_once() -> None:
    assert len(set(ALLOWED)) == len(ALLOWED)
    assert not {"unshare", "setns", "mount", "bpf", "clone", "clone3", "socket", "socketcall", "keyctl"} & set(ALLOWED)


def test_the_default_profile() -> None:
    profile = default_profile("x86_64", security.DEFAULT)
    assert profile.default_action == ERRNO | EPERM
    assert profile.architectures == ("x86_64", "x86")
    assert "chroot" in allowed(profile)  # CAP_SYS_CHROOT is in the default set
    assert "arch_prctl" in allowed(profile)
    assert Rule("clone3", ERRNO | ENOSYS) in profile.rules
    assert [rule.arguments for rule in profile.rules if rule.name == "clone"] == [(Argument(0, 7, 0x7E020000, 0),)]
    assert [rule.arguments for rule in profile.rules if rule.name == "socket"] == [
        (Argument(0, 3, 37),),
        (Argument(0, 4, 39),),
        (Argument(0, 5, 41),),
    ]


def test_capabilities_open_system_calls() -> None:
    for name, calls in BY_CAPABILITY.items():
        assert set(calls) <= allowed(default_profile("x86_64", security.mask((name,))))
    assert "mount" not in allowed(default_profile("x86_64", security.ALL & ~security.mask(("SYS_ADMIN",))))


def test_administrators_clone_freely() -> None:
    profile = default_profile("x86_64", security.mask(("SYS_ADMIN",)))
    assert {"clone", "clone3"} <= allowed(profile)
    assert not any(rule.action == ERRNO | ENOSYS for rule in profile.rules)


def test_other_machines() -> None:
    assert default_profile("aarch64", 0).architectures == ("aarch64", "arm")
    with pytest.raises(ProfileError, match="no default seccomp profile for riscv64"):
        default_profile("riscv64", 0)


# --- files ------------------------------------------------------------------------------------------------------------


def read(data: Any, *, machine: str = "x86_64", kernel: tuple[int, int] = (6, 1), capabilities: int = 0) -> Profile:
    return parse(json.dumps(data).encode(), machine=machine, kernel=kernel, capabilities=capabilities)


DENY = "SCMP_ACT_ERRNO"


def test_a_plain_profile() -> None:
    profile = read(
        {
            "defaultAction": DENY,
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                {"name": "kill", "action": "SCMP_ACT_KILL_PROCESS", "comment": "why"},
                {"names": ["open"], "action": DENY, "errnoRet": 13},
                {
                    "names": ["socket"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
                },
            ],
        }
    )
    assert profile == Profile(
        default_action=ERRNO | 38,
        architectures=("x86_64", "x32"),
        flags=FLAG_LOG,
        rules=(
            Rule("read", ALLOW),
            Rule("write", ALLOW),
            Rule("kill", KILL_PROCESS),
            Rule("open", ERRNO | 13),
            Rule("socket", ALLOW, (Argument(0, 4, 1),)),
        ),
    )


def test_two_conditions_on_one_argument_are_alternatives() -> None:
    arguments = [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"} for value in (1, 2)]
    rules = read(
        {"defaultAction": DENY, "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": arguments}]}
    )
    assert [rule.arguments for rule in rules.rules] == [(Argument(0, 4, 1),), (Argument(0, 4, 2),)]


def test_conditions_on_different_arguments_all_hold() -> None:
    arguments = [{"index": index, "value": 1, "op": "SCMP_CMP_NE"} for index in (0, 1)]
    rules = read(
        {"defaultAction": DENY, "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": arguments}]}
    )
    assert [len(rule.arguments) for rule in rules.rules] == [2]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"includes": {}}, True),
        ({"includes": {"arches": ["amd64"]}}, True),
        ({"includes": {"arches": ["arm64", "s390x"]}}, False),
        ({"includes": {"caps": ["CAP_CHOWN"]}}, True),
        ({"includes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "4.8"}}, True),
        ({"includes": {"minKernel": "6.1"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
    ],
)
def test_docker_s_conditions(conditions: dict[str, Any], expected: bool) -> None:
    entry = {"names": ["read"], "action": "SCMP_ACT_ALLOW", **conditions}
    profile = read({"defaultAction": DENY, "syscalls": [entry]}, capabilities=1)
    assert bool(profile.rules) is expected


def test_docker_s_architectures() -> None:
    maps = [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
    ]
    assert read({"defaultAction": DENY, "archMap": maps}).architectures == ("x86_64", "x86", "x32")
    assert read({"defaultAction": DENY, "archMap": maps}, machine="aarch64").architectures == ("aarch64", "arm")


CALL = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"defaultAction": "SCMP_ACT_MAYBE"},
        {"defaultAction": "SCMP_ACT_NOTIFY"},
        {"defaultAction": DENY, "defaultErrnoRet": 5000},
        {"defaultAction": DENY, "defaultErrnoRet": True},
        {"defaultAction": DENY, "syscall": []},
        {"defaultAction": DENY, "listenerPath": "/x"},
        {"defaultAction": DENY, "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]},
        {"defaultAction": DENY, "syscalls": {}},
        {"defaultAction": DENY, "syscalls": ["read"]},
        {"defaultAction": DENY, "syscalls": [{"action": "SCMP_ACT_ALLOW"}]},
        {"defaultAction": DENY, "syscalls": [{"names": [1], "action": "SCMP_ACT_ALLOW"}]},
        {"defaultAction": DENY, "syscalls": [{"names": ["read"]}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "arguments": []}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "args": ["x"]}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "args": [{"index": 0, "value": 0, "op": "=="}]}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "includes": {"caps": ["CAP_FLY"]}}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "includes": {"distro": ["debian"]}}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "includes": {"minKernel": "new"}}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "excludes": []}, {**CALL, "excludes": ["x"]}]},
        {"defaultAction": DENY, "archMap": ["x"]},
        {"defaultAction": DENY, "flags": [{}]},
        {"defaultAction": DENY, "syscalls": [{**CALL, "args": [{"index": 0, "value": 0, "op": []}]}]},
    ],
)
def test_what_is_not_understood_is_refused(data: Any) -> None:
    with pytest.raises(ProfileError):
        read(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "defaultAction",
                        "syscalls",
                        "names",
                        "action",
                        "args",
                        "index",
                        "op",
                        "includes",
                        "flags",
                        "archMap",
                    ]
                ),
                inner | st.just("SCMP_ACT_ALLOW"),
            )
        ),
    )
)
def test_any_json_is_a_profile_or_refused(data: Any) -> None:
    try:
        read(data)
    except ProfileError:
        pass


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 200_000], ids=["open", "no text", "deep"])
def test_not_json(text: bytes) -> None:
    with pytest.raises(ProfileError, match="not JSON"):
        parse(text, machine="x86_64", kernel=(6, 1), capabilities=0)


def test_profiles_are_found_below_their_directory(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "web.json").write_bytes(b"{}")
    assert load(str(tmp_path), "team/web.json") == b"{}"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "missing.json", "link.json", "dir", "links/x"]
)
def test_nothing_else_is_read(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "seccomp"
    directory.mkdir()
    (tmp_path / "x").write_bytes(b"{}")
    (directory / "dir").mkdir()
    (directory / "link.json").symlink_to(tmp_path / "x")
    (directory / "links").symlink_to(tmp_path)
    with pytest.raises(ProfileError):
        load(str(directory), name)


def test_a_profile_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(ProfileError):
        load(str(tmp_path), "big.json")


def test_flags_default_to_what_runtimes_set() -> None:
    assert read({"defaultAction": DENY}).flags == FLAG_SPEC_ALLOW
    assert read({"defaultAction": DENY, "flags": []}).flags == 0
