"""What a pod's policies do to its processes, by effect: sysctls, seccomp profiles, deadlines, limits."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nsrunner import Pod
from nsrunner.sandbox.state import Roots
from real_pods import Manifest, container, next_event, pod, start, terminated, waiting


def run(running: Pod, script: str, name: str = "main") -> str:
    """Both streams of a script, in order."""
    return running.exec(name, ["sh", "-c", f"exec 2>&1\n{script}"]).stdout.decode()


# --- sysctls ----------------------------------------------------------------------------------------------------------

SYSCTLS = {
    "net.ipv4.ip_unprivileged_port_start": "0",  # containerd's defaults
    "net.ipv4.ping_group_range": "0\t2147483647",
    "net.ipv4.tcp_fin_timeout": "11",  # the manifest's
    "kernel.shm_rmid_forced": "1",
}


def host_values() -> dict[str, str]:
    return {name: Path("/proc/sys", name.replace(".", "/")).read_text() for name in SYSCTLS}


def test_sysctls_are_the_pods_own() -> None:
    before = host_values()
    asked = [{"name": "net/ipv4/tcp_fin_timeout", "value": "11"}, {"name": "kernel.shm_rmid_forced", "value": "1"}]
    other = container("other", securityContext={"runAsUser": 1234})
    with start(pod(container(), other, securityContext={"sysctls": asked})) as running:
        running.wait("Ready", timeout=20)
        for name in ("main", "other"):
            for sysctl, value in SYSCTLS.items():
                assert run(running, f"cat /proc/sys/{sysctl.replace('.', '/')}", name) == f"{value}\n", sysctl
        listen = "use IO::Socket::INET; print IO::Socket::INET->new(LocalPort => 80, Listen => 1) ? 'bound' : $!"
        assert running.exec("other", ["perl", "-e", listen]).stdout == b"bound"
    assert host_values() == before


def test_the_hosts_network_keeps_its_sysctls() -> None:
    before = host_values()
    with start(pod(hostNetwork=True, hostIPC=True)) as running:
        running.wait("Ready", timeout=20)
    assert host_values() == before


def test_an_unsafe_sysctl_is_why_the_node_rejects_a_pod() -> None:
    with start(pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]})) as running:
        status = running.wait("Failed", timeout=20)
        assert (status.reason, status.message) == (
            "SysctlForbidden",
            'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
        )
        assert next_event(running.events(), "SysctlForbidden").type == "Warning"
        assert status.container_statuses == ()


def test_unsafe_sysctls_that_are_allowed_are_the_pods_alone() -> None:
    wanted = {"kernel.msgmax": "4321", "net.core.somaxconn": "123"}
    before = [Path("/proc/sys", *name.split(".")).read_text() for name in wanted]
    sysctls = [{"name": name, "value": value} for name, value in wanted.items()]
    allowed = ("kernel.msg*", "net.core.somaxconn")
    with start(pod(securityContext={"sysctls": sysctls}), allowed_unsafe_sysctls=allowed) as running:
        running.wait("Ready", timeout=20)
        assert run(running, "cat /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn") == "4321\n123\n"
    assert [Path("/proc/sys", *name.split(".")).read_text() for name in wanted] == before


# --- seccomp ----------------------------------------------------------------------------------------------------------

EPERM, ENOSYS = 1, 38
REFUSED = {
    "unshare(272, 0x10000000)": EPERM,
    "setns(308, 0, 0)": EPERM,
    "mount(165, 0, 0, 0, 0, 0)": EPERM,
    "keyctl(250, 0, -3, 0)": EPERM,
    "add_key(248, 0, 0, 0, 0, 0)": EPERM,
    "bpf(321, 0, 0, 0)": EPERM,
    "socket(41, 38, 5, 0)": EPERM,  # AF_ALG
    "clone(56, 0x10000000, 0, 0, 0, 0)": EPERM,  # CLONE_NEWUSER
    "clone3(435, 0, 0)": ENOSYS,  # so that libc falls back to clone, whose flags can be seen
    "not yet there(1000)": ENOSYS,
}
CALLS = "".join(
    f"syscall({call.partition('(')[2]} == -1 or die q({call}); print 0 + $!, qq(\\n);\n" for call in REFUSED
)
X86_64 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="this machine cannot: the numbers are x86_64's")


@X86_64
@pytest.mark.parametrize("no_new_privs", [False, True])
def test_the_default_filter_by_what_it_refuses(no_new_privs: bool) -> None:
    """Of the first process and of an exec; also for uid 0, also without no_new_privs."""
    context = {"allowPrivilegeEscalation": not no_new_privs}
    one = container("main", "sh", "-c", 'perl -e "$1"; exec sleep 1000', "sh", CALLS, securityContext=context)
    with start(pod(one)) as running:
        running.wait("Ready", timeout=20)
        lines = running.follow()
        assert [int(next(lines)) for _ in REFUSED] == list(REFUSED.values())
        assert running.exec("main", ["perl", "-e", CALLS]).stdout.split() == [b"%d" % n for n in REFUSED.values()]


def profile(name: str, **fields: object) -> None:
    path = Path(Roots.from_environment().seccomp, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", **fields}))


def localhost(name: str) -> Manifest:
    return {"seccompProfile": {"type": "Localhost", "localhostProfile": name}}


def test_a_profile_of_the_host() -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30}
    profile("below/no-mkdir.json", syscalls=[rule])
    other = container("other", securityContext={"seccompProfile": {"type": "Unconfined"}})
    with start(pod(container("main"), other, securityContext=localhost("below/no-mkdir.json"))) as running:
        running.wait("Ready", timeout=20)
        assert "Read-only file system" in run(running, "mkdir /root/x")
        assert run(running, "mkdir /root/x && echo made", "other") == "made\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.json", None, "no such file or directory"),
        ("bad.json", {"defaultAction": "SCMP_ACT_NOTHING"}, "unknown or unsupported action 'SCMP_ACT_NOTHING'"),
    ],
)
def test_a_profile_that_cannot_be_used_is_never_passed_over(
    name: str, content: dict[str, object] | None, message: str
) -> None:
    if content is not None:
        profile(name, **content)
    with start(pod(securityContext=localhost(name))) as running:
        assert message in next_event(running.events(), "Failed").message
        assert waiting(running).reason == "CreateContainerError"
        assert name in (waiting(running).message or "")


def test_a_profile_that_lets_nothing_pass_is_told_at_once() -> None:
    """Not even the end of the process that was to become the program: it must not try for ever."""
    profile("nothing.json", defaultAction="SCMP_ACT_ERRNO")
    with start(pod(securityContext=localhost("nothing.json"), restartPolicy="Never")) as running:
        running.wait("Failed", timeout=10)
        ended = terminated(running)
        assert (ended.exit_code, ended.reason) == (128, "StartError")


# --- time and resources -----------------------------------------------------------------------------------------------


def test_an_active_deadline() -> None:
    with start(pod(activeDeadlineSeconds=1, restartPolicy="Always")) as running:
        status = running.wait("Failed", timeout=20)
        message = "Pod was active on the node longer than the specified deadline"
        assert (status.reason, status.message) == ("DeadlineExceeded", message)
        assert terminated(running).exit_code == 137
        assert next_event(running.events(), "DeadlineExceeded").message == message


def test_a_limit_that_nothing_enforces_is_told() -> None:
    limits = {"limits": {"cpu": "100m", "memory": "64Mi"}}
    prepare = container("prepare", "true", resources=limits)
    with start(pod(container(resources=limits), initContainers=[prepare])) as running:
        status = running.wait("Ready", timeout=20)
        assert status.qos_class == "Guaranteed"
        assert status.container_statuses[0].allocated_resources.keys() == {"cpu", "memory"}
        events = running.events()
        told = [next_event(events, "LimitNotEnforced") for _ in range(2)]
        assert {event.type for event in told} == {"Warning"}
        assert [event.message for event in told] == [
            f"the limits of container {name} are not enforced: cpu, memory" for name in ("prepare", "main")
        ]
