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


def test_the_node_may_allow_more_sysctls() -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}})
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.*",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.somaxconn",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core",))) is not None
