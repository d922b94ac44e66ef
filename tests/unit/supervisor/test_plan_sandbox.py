"""What the containers of a pod share."""

from __future__ import annotations

import pytest

from nsrunner.sandbox import security
from nsrunner.sandbox.spec import EmptyDir, HostPath, MemoryDir, Namespaces
from nsrunner.supervisor.plan_types import CreateError
from unit.supervisor.planning import HELD, OWNER, UID, container, facts, node, pod, sandbox


def test_the_sandbox_of_an_ordinary_pod() -> None:
    plan = sandbox(pod({}), attempt=2)
    spec = plan.spec
    assert (spec.uid, spec.attempt, spec.owner) == (UID, 2, OWNER)
    assert spec.namespaces == Namespaces(network="pod", ipc="pod", pid="container")
    assert spec.paths.run == f"/run/nsrunner/pods/{UID}"
    assert spec.paths.logs == f"/var/log/pods/default_web_{UID}"
    assert spec.cgroup == f"/sys/fs/cgroup/nsrunner/{UID}"
    assert (spec.hostname, spec.address) == ("web", "192.0.2.1/32")
    assert plan.pod_ips == ("192.0.2.1",)
    assert plan.hostname == "web"
    assert dict(spec.sysctls) == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }
    assert {file.target: file.content for file in spec.files}["/etc/hostname"] == b"web\n"
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("address", "ips", "line"),
    [
        ("", (), b""),
        ("198.51.100.9/24", ("198.51.100.9",), b"198.51.100.9\tweb\n"),
        ("fd00::5/64", ("fd00::5",), b"fd00::5\tweb\n"),
    ],
)
def test_the_address_of_a_pod(address: str, ips: tuple[str, ...], line: bytes) -> None:
    """Without one there is none to show, and no line of /etc/hosts that begins with a blank."""
    plan = sandbox(pod({}), node(pod_address=address))
    assert (plan.spec.address, plan.pod_ips) == (address, ips)
    assert {file.name: file.content for file in plan.spec.files}["hosts"].endswith(b"ip6-allrouters\n" + line)


def test_a_shared_pid_namespace() -> None:
    assert sandbox(pod({"shareProcessNamespace": True})).spec.namespaces.pid == "pod"


def test_sysctls_of_the_pod_win_over_the_defaults() -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": "net/ipv4/ip_unprivileged_port_start", "value": "1024"}]}})
    assert dict(sandbox(asking).spec.sysctls)["net.ipv4.ip_unprivileged_port_start"] == "1024"


@pytest.mark.parametrize("value", ["1\n2", "1\x7f"])
def test_a_sysctl_is_one_line(value: str) -> None:
    """CVE-2022-0811: a second line would be a second setting."""
    asking = pod({"securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": value}]}})
    with pytest.raises(CreateError, match="has control characters"):
        sandbox(asking)


def test_volumes() -> None:
    asking = pod(
        {
            "volumes": [
                {"name": "a", "emptyDir": {}},
                {"name": "b", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                {"name": "c", "emptyDir": {"medium": "Memory"}},
                {"name": "d", "hostPath": {"path": "/srv", "type": "Directory"}},
                {"name": "e", "hostPath": {"path": "/srv/e"}},
                {"name": "f"},
            ]
        }
    )
    assert sandbox(asking).spec.volumes == (
        EmptyDir(name="a"),
        MemoryDir(name="b", size=1 << 20),
        MemoryDir(name="c", size=8 << 30),
        HostPath(name="d", path="/srv", type="Directory"),
        HostPath(name="e", path="/srv/e"),
        EmptyDir(name="f"),
    )


def test_a_memory_volume_is_no_larger_than_the_node() -> None:
    asking = pod({"volumes": [{"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "1Ti"}}]})
    assert sandbox(asking).spec.volumes == (MemoryDir(name="a", size=8 << 30),)


def test_limits_that_nothing_enforces_are_told() -> None:
    asking = container(
        {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
        volumes=[{"name": "d", "emptyDir": {"sizeLimit": "1Gi"}}],
    )
    warnings = sandbox(asking).warnings
    assert [warning.message for warning in warnings] == [
        "the limits of container main are not enforced: cpu, memory",
        "the sizeLimit of volume d is not enforced on a disk",
    ]
    assert warnings[0].container == "main"


def test_limits_of_the_pod_as_a_whole_are_told() -> None:
    (warning,) = sandbox(pod({"resources": {"limits": {"memory": "1Gi"}}})).warnings
    assert (warning.reason, warning.container) == ("LimitNotEnforced", "")
    assert warning.message == "the limits of the pod are not enforced: memory"


def test_what_is_no_limit_is_not_told() -> None:
    asking = container(
        {"resources": {"limits": {"cpu": "0"}}},
        volumes=[{"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, {"name": "d", "emptyDir": {}}],
    )
    assert sandbox(container({"resources": {"requests": {"cpu": "1"}}})).warnings == ()
    assert sandbox(asking).warnings == ()


def test_a_host_without_cgroups() -> None:
    plan = sandbox(pod({}), node(host=facts(cgroup="", device_filter=False)))
    assert plan.spec.cgroup == ""
    assert [warning.reason for warning in plan.warnings] == ["NoCgroup"]


def test_pause_is_no_more_protected_than_we_may_make_it() -> None:
    held = HELD & ~security.mask(("SYS_RESOURCE",))
    plan = sandbox(pod({}), node(host=facts(capabilities=held, oom_score_adj=100)))
    assert plan.spec.pause_oom_score_adj == 100
    assert sandbox(pod({})).spec.pause_oom_score_adj == -998
