"""What a container's process is: user, groups, capabilities, filters, limits, descriptors, signals, environment; and
that every way of starting one gives the same: first process, init container, restart, exec."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from real_pods import USR, Manifest, make_root, pod, shell, start, status_of
from world_probe import ARGV, Facts, exec_facts, facts, parse, probe

DEFAULT_CAPABILITIES = 0xA80425FB
"""containerd's: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
AUDIT_WRITE SETFCAP."""
NET_ADMIN, NET_RAW, CHOWN = 1 << 12, 1 << 13, 1 << 0

SAME = ("id", "umask", "limits", "oom", "fds", "env", "cwd", "uname", "ns")
SAME_STATUS = (
    *("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"),
    *("SigBlk", "SigIgn", "SigCgt", "Cpus_allowed"),
)


def capabilities(one: Facts) -> tuple[int, int, int, int, int]:
    """inheritable, permitted, effective, bounding, ambient."""
    inh, prm, eff, bnd, amb = (int(one.status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
    return inh, prm, eff, bnd, amb


def looked_at(security: Manifest | None = None, *, restart: bool = False, **fields: Any) -> Facts:
    """Facts of a container; an exec'd process has the same, and so has the container when it is started anew."""
    one = probe(securityContext=security or {}, **fields)
    with start(pod(one, restartPolicy="Always")) as running:
        first = facts(running)
        compare(first, exec_facts(running))
        if not restart:
            return first
        os.kill(running.pid(), 9)
        running.wait("Ready=False", timeout=20)
        again = facts(running)
        assert status_of(running, "main").restart_count == 1
        compare(first, again, but={"ns"})
    return first


def compare(first: Facts, second: Facts, but: frozenset[str] | set[str] = frozenset()) -> None:
    for section in SAME:
        if section not in but:
            assert first[section] == second[section], section
    for name in SAME_STATUS:
        assert first.status[name] == second.status[name], name


@pytest.mark.needs_cgroup2
def test_the_default() -> None:
    one = looked_at(restart=True)
    assert one["id"] == ["0 0 0"]
    assert capabilities(one) == (0, DEFAULT_CAPABILITIES, DEFAULT_CAPABILITIES, DEFAULT_CAPABILITIES, 0)
    assert (one.status["NoNewPrivs"], one.status["Seccomp"]) == ("0", "2")
    assert one["umask"] == ["0022"]
    assert one["fds"] == ["0", "1", "2"]
    assert one["cwd"] == ["/"]
    assert one["oom"] == ["1000"]
    # SIGPIPE and SIGXFSZ, which Python ignores, end programs here
    assert (one.status["SigBlk"], one.status["SigIgn"], one.status["SigCgt"]) == ("0" * 16,) * 3


def test_an_ordinary_user_has_no_capabilities_but_what_it_may_gain() -> None:
    one = looked_at({"runAsUser": 12345, "runAsGroup": 23456}, restart=True)
    assert one["id"] == ["12345 23456 23456"]
    inh, prm, eff, bnd, amb = capabilities(one)
    assert (inh, prm, eff, amb) == (0, 0, 0, 0)
    assert bnd & NET_RAW
    assert one.status["Uid"].split() == ["12345"] * 4
    assert one.status["Gid"].split() == ["23456"] * 4


def test_capabilities_dropped_and_added_and_no_new_privileges() -> None:
    wanted = {"drop": ["ALL"], "add": ["CAP_CHOWN", "net_admin"]}
    one = looked_at({"capabilities": wanted, "allowPrivilegeEscalation": False})
    assert capabilities(one) == (0, CHOWN | NET_ADMIN, CHOWN | NET_ADMIN, CHOWN | NET_ADMIN, 0)
    assert one.status["NoNewPrivs"] == "1"
    assert one.status["Seccomp"] == "2"


def test_privileged_and_unconfined() -> None:
    one = looked_at({"privileged": True})
    with open("/proc/self/status") as status:
        held = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm"))
    assert capabilities(one) == (0, held, held, held, 0)
    assert (one.status["NoNewPrivs"], one.status["Seccomp"]) == ("0", "0")
    one = looked_at({"seccompProfile": {"type": "Unconfined"}})
    assert one.status["Seccomp"] == "0"


def test_init_containers_get_the_same_as_others() -> None:
    context = {"runAsUser": 1234, "allowPrivilegeEscalation": False}
    init = shell("first", ARGV[2], securityContext=context)
    with start(pod(probe(securityContext=context), initContainers=[init])) as running:
        regular = facts(running)
        compare(parse(running.logs("first")), regular, but={"ns"})


@pytest.mark.parametrize(
    ("policy", "user", "groups"),
    [
        (None, {"runAsUser": 1000}, "1000 1001 1001 700 4001 4002"),
        ("Merge", {"runAsUser": 1000, "runAsGroup": 99}, "1000 99 99 700 4001 4002"),
        ("Strict", {"runAsUser": 1000}, "1000 1001 1001 4001 4002"),
        ("Merge", {"runAsUser": 4321}, "4321 0 0 4001 4002"),
        ("Strict", {"runAsGroup": 5}, "0 5 5 4001 4002"),
    ],
)
def test_groups(tmp_path: Path, policy: str | None, user: Manifest, groups: str) -> None:
    """The primary group, those of the image's /etc/group unless Strict, and those of the manifest."""
    fields = make_root(tmp_path)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nann:x:1000:1001::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nann:x:1001:\nreaders:x:700:bob,ann\nothers:x:701:bob\n")
    context = {**user, "supplementalGroups": [4001, 4002]}
    if policy:
        context["supplementalGroupsPolicy"] = policy
    with start(pod(probe(**fields), securityContext=context, volumes=[USR])) as running:
        assert facts(running)["id"] == exec_facts(running)["id"] == [groups]
        told = status_of(running, "main").user
        assert told is not None and told.linux is not None
        # id(1) shows the primary group twice, once as such
        shown = (told.linux.uid, told.linux.gid, *told.linux.supplemental_groups)
        assert " ".join(map(str, shown)) == groups


def test_limits_do_not_come_from_the_shell_that_started_nsrunner() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        one = looked_at()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert one.limits["Max open files"] == ("1024", str(min(hard, 524288)))
    assert one.limits["Max core file size"][0] == "0"


def test_an_umask_and_open_descriptors_of_ours_are_not_inherited() -> None:
    old = os.umask(0o077)
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.set_inheritable(write, True)
    try:
        one = looked_at()
    finally:
        os.umask(old)
        os.close(read)
        os.close(write)
    assert (one["umask"], one["fds"]) == (["0022"], ["0", "1", "2"])


@pytest.mark.parametrize(
    ("resources", "score"),
    [
        ({"requests": {"memory": "1Ki"}}, range(900, 1000)),
        ({}, range(1000, 1001)),
    ],
    ids=["Burstable", "BestEffort"],
)
def test_oom_score(resources: Manifest, score: range) -> None:
    assert int(looked_at(resources=resources)["oom"][0]) in score


def test_the_order_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSRUNNER_SECRET", "of the program that runs the pod")
    env = [
        {"name": "ZULU", "value": "1"},
        {"name": "ALPHA", "value": "$(ZULU)/$(LATER)/$$(ZULU)"},
        {"name": "LATER", "value": ""},
        {"name": "PATH", "value": "/usr/bin:/bin"},
        {"name": "LINES", "value": "a\tb \"c\" 'd'"},
    ]
    one = looked_at(env=env)
    assert one["env"] == [
        "PATH=/usr/bin:/bin",
        "HOSTNAME=pod",
        "ZULU=1",
        "ALPHA=1/$(LATER)/$(ZULU)",
        "LATER=",
        "LINES=a\tb \"c\" 'd'",
    ]


def test_working_directories() -> None:
    assert looked_at(workingDir="/usr/share")["cwd"] == ["/usr/share"]
    # one that is not there is made, in the container's own layer
    assert looked_at(workingDir="/srv/new/place")["cwd"] == ["/srv/new/place"]
    assert not os.path.exists("/srv/new/place")


def test_a_broken_pipe_ends_a_program() -> None:
    """With SIGPIPE ignored, as Python has it, yes would complain and end with 1."""
    script = "mkfifo /tmp/done; { yes; echo $? > /tmp/done; } | head -n 1 & cat /tmp/done; wait"
    with start(pod(shell("main", script))) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs() == "y\n141\n"


def test_containers_that_start_at_once_have_each_its_own_environment() -> None:
    """CVE-2021-21334."""
    many = [shell(f"c{n}", "env | grep ^OWN", env=[{"name": f"OWN{n}", "value": str(n)}]) for n in range(8)]
    with start(pod(*many)) as running:
        running.wait("Succeeded", timeout=30)
        assert [running.logs(f"c{n}") for n in range(8)] == [f"OWN{n}={n}\n" for n in range(8)]
