"""Pods that the node refuses."""

from __future__ import annotations

import pytest

from nsrunner.supervisor.plan_admit import admit
from unit.supervisor.planning import node, pod


def test_an_ordinary_pod_is_admitted() -> None:
    assert admit(pod({}), node()) is None


def test_another_os_is_refused() -> None:
    rejection = admit(pod({"os": {"name": "windows"}}), node())
    assert rejection is not None
    assert rejection.reason == "PodOSNotSupported"
    assert rejection.message == "Failed to admit pod as the OS field doesn't match node OS"


def test_another_os_label_is_refused() -> None:
    rejection = admit(pod({"nodeSelector": {"kubernetes.io/os": "windows"}}), node())
    assert rejection is not None
    assert rejection.reason == "PodOSSelectorNodeLabelDoesNotMatch"


@pytest.mark.parametrize("name", ["net.core.somaxconn", "kernel.msgmax", "net/core/somaxconn"])
def test_unsafe_sysctls_are_refused(name: str) -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": name, "value": "1"}]}})
    rejection = admit(asking, node())
    assert rejection is not None
    assert (rejection.reason, rejection.message) == (
        "SysctlForbidden",
        f'forbidden sysctl: "{name.replace("/", ".")}" not allowlisted',
    )


@pytest.mark.parametrize(
    ("field", "name", "problem"),
    [
        ("hostIPC", "kernel.shm_rmid_forced", "not allowed with host ipc enabled"),
        ("hostNetwork", "net.ipv4.tcp_syncookies", "not allowed with host net enabled"),
        ("hostIPC", "net.ipv4.tcp_syncookies", ""),
        ("hostNetwork", "kernel.shm_rmid_forced", ""),
    ],
)
def test_sysctls_of_namespaces_that_are_the_host_s_are_refused(field: str, name: str, problem: str) -> None:
    """CVE-2022-0532: it would be the host's that is set. Validation refuses them before; this is the second lock."""
    rejection = admit(pod({field: True, "securityContext": {"sysctls": [{"name": name, "value": "1"}]}}), node())
    assert (rejection.message if rejection is not None else "") == (
        f'forbidden sysctl: "{name}" {problem}' if problem else ""
    )


def test_the_node_may_allow_more_sysctls() -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}})
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.*",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.somaxconn",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core",))) is not None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.corex*", "net.core.somaxconn.*"))) is not None
