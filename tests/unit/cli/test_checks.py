from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from nsrunner.cli import checks
from nsrunner.errors import HostError
from nsrunner.sandbox import probe


def test_every_check_says_what_to_do() -> None:
    for check in checks.examine():
        assert check.name
        if check.problem is None:
            assert check.found, check
        else:
            assert check.lost and check.remedy, check


def test_without_root_only_what_can_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = {check.name: check for check in checks.examine()}
    assert list(found) == ["nsrunner", "kernel", "root", "nft", "python-prctl", "skopeo", "umoci"]
    assert found["root"].problem == "uid 1000"


def _broken() -> None:
    raise HostError("the extension cannot be loaded")


@pytest.mark.parametrize(
    ("release", "fine"), [("5.10.0-30-amd64", True), ("6.18", True), ("5.4.0", False), ("4.19", False), ("odd", False)]
)
def test_kernel(monkeypatch: pytest.MonkeyPatch, release: str, fine: bool) -> None:
    monkeypatch.setattr(checks.platform, "release", lambda: release)
    assert (checks._kernel().problem is None) is fine


def test_a_host_that_refuses_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(probe, "namespace", lambda name: "unshare: Operation not permitted")
    monkeypatch.setattr(probe, "overlay", lambda directory=None: "mount overlay: Invalid argument")
    monkeypatch.setattr(probe, "seccomp_filter", lambda: "seccomp: Invalid argument")
    monkeypatch.setattr(probe, "dummy_link", lambda kind="dummy": f"make a {kind} link: Operation not supported")
    monkeypatch.setattr(checks.host, "gather", _broken)
    monkeypatch.setattr(checks.process, "missing_rights", lambda names: list(names))
    monkeypatch.setattr(checks.process, "prctl", lambda: None)
    monkeypatch.setattr(checks.shutil, "which", lambda program, path: None)
    monkeypatch.setattr(checks.native, "load", _broken)
    found = {check.name: check for check in checks.examine()}
    assert found["nsrunner"].problem == "the extension cannot be loaded"
    assert {name for name, check in found.items() if check.problem is None} <= {"kernel", "root"}
    assert found["namespaces"].problem == "; ".join(
        f"{name}: unshare: Operation not permitted" for name in ("mount", "cgroup", "uts", "ipc", "pid", "net")
    )
    assert found["cgroup v2"].problem == "the extension cannot be loaded"
    assert found["device filter"].problem == "a BPF device filter cannot be attached to a cgroup"


def test_the_link_is_the_one_that_a_pod_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that can be made, in the order of csrc/netlink.c."""
    source = (Path(__file__).parents[3] / "csrc" / "netlink.c").read_text()
    match = re.search(r"kinds\[\] = {(.*)};", source)
    assert match is not None
    kinds = [kind.strip().strip('"') for kind in match[1].split(",")]
    for number, kind in enumerate(kinds):
        there = kinds[number:]
        monkeypatch.setattr(probe, "dummy_link", lambda kind, there=there: None if kind in there else "no")
        assert checks._link().found == f"eth0 of kind {kind}"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt-get install umoci"),
        ('NAME="x"\nID=ubuntu\nID_LIKE=debian\n', "apt-get install umoci"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install umoci"),
        ("ID=alpine", "apk add umoci"),
        ("ID=nixos", "install the package umoci"),
    ],
)
def test_how_to_get_a_package(monkeypatch: pytest.MonkeyPatch, release: str, command: str) -> None:
    monkeypatch.setattr(checks, "_read", lambda path: release)
    assert checks._install("umoci") == command
