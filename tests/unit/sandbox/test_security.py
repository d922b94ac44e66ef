"""Which capabilities a container gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox import security
from nsrunner.sandbox.security import ALL, DEFAULT, UnknownCapability, capability_sets, mask, names, parse

MKNOD = mask(("MKNOD",))


def bounding(
    *, add: tuple[str, ...] = (), drop: tuple[str, ...] = (), held: int = ALL, device_filter: bool = True
) -> int:
    return capability_sets(add=add, drop=drop, privileged=False, uid=0, held=held, device_filter=device_filter).bounding


def test_numbers_are_the_kernel_s() -> None:
    assert parse("CHOWN") == 1 << 0
    assert parse("SYS_ADMIN") == 1 << 21
    assert parse("MKNOD") == 1 << 27
    assert parse("CHECKPOINT_RESTORE") == 1 << 40
    with open("/proc/sys/kernel/cap_last_cap") as file:
        assert int(file.read()) >= 39  # of the oldest kernel that we promise


def test_the_default_set_is_containerd_s() -> None:
    assert names(DEFAULT) == (
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_SYS_CHROOT",
        "CAP_MKNOD",
        "CAP_AUDIT_WRITE",
        "CAP_SETFCAP",
    )


@pytest.mark.parametrize("name", ["NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "cap_net_admin"])
def test_spellings(name: str) -> None:
    assert parse(name) == 1 << 12


@pytest.mark.parametrize("name", ["", "CAP_", "FLY", "NET ADMIN", "CAP_CAP_CHOWN"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownCapability):
        parse(name)
    with pytest.raises(UnknownCapability):
        bounding(add=(name,))
    with pytest.raises(UnknownCapability):
        bounding(drop=(name,))


def test_rules() -> None:
    assert bounding() == DEFAULT
    assert bounding(device_filter=False) == DEFAULT & ~MKNOD
    assert bounding(device_filter=False, add=("MKNOD",)) == DEFAULT  # written out, so meant
    assert bounding(drop=("ALL",)) == 0
    assert bounding(drop=("ALL",), add=("CHOWN",)) == 1
    assert bounding(add=("ALL",)) == ALL
    assert bounding(add=("ALL",), device_filter=False) == ALL & ~MKNOD
    assert bounding(add=("ALL",), drop=("CHOWN",)) == ALL & ~1
    assert bounding(add=("CHOWN",), drop=("CHOWN",)) == DEFAULT & ~1
    assert bounding(drop=("MKNOD",)) == DEFAULT & ~MKNOD


def test_only_root_has_them_effective() -> None:
    sets = capability_sets(add=(), drop=(), privileged=True, uid=7, held=ALL, device_filter=True)
    assert (sets.bounding, sets.permitted) == (ALL, 0)


def test_nobody_can_give_what_they_do_not_have() -> None:
    sets = capability_sets(add=("SYS_TIME",), drop=(), privileged=False, uid=0, held=1, device_filter=True)
    assert (sets.bounding, sets.permitted, sets.missing) == (1, 1, mask(("SYS_TIME",)))
    sets = capability_sets(add=(), drop=(), privileged=True, uid=0, held=1, device_filter=True)
    assert (sets.bounding, sets.missing) == (1, 0)


@given(st.integers(0, ALL))
def test_names_and_mask_are_inverse(bits: int) -> None:
    assert mask(names(bits)) == bits


def test_masked_and_read_only_paths_do_not_overlap() -> None:
    assert not set(security.MASKED_PATHS) & set(security.READONLY_PATHS)
