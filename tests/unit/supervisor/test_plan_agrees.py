"""What ``nsrunner validate`` says would fail, fails in the planner with the same reason, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.model.wouldfail import would_fail
from nsrunner.supervisor.plan import ConfigError, CreateError, admit
from unit.supervisor.planning import container, node, pod, start

VOLUME = {"volumes": [{"name": "v", "emptyDir": {}}]}


def mounted(path: str, **fields: Any) -> Any:
    return container({"volumeMounts": [{"name": "v", "mountPath": path, **fields}]}, **VOLUME)


@pytest.mark.parametrize(
    "asking",
    [
        pod({}),
        mounted("/a"),
        mounted("relative"),
        mounted("/proc/x"),
        mounted("/sys/fs/cgroup"),
        mounted("/dev/shm"),
        mounted("/"),
        mounted("/a/../b"),
        mounted("/v", subPathExpr="$(NONE)"),
        container({"command": []}),
        container({"args": ["a\0b"]}),
        container({"workingDir": "x"}),
        container({"terminationMessagePath": "x"}),
        container({"terminationMessagePath": "/"}),
        container({"terminationMessagePath": "/proc/self/x"}),
        container({"terminationMessagePath": "/sys/x"}),
        pod({"hostname": "h" * 63, "subdomain": "s", "setHostnameAsFQDN": True}),
        pod({"hostname": "h" * 30, "subdomain": "s", "setHostnameAsFQDN": True}),
        container({"securityContext": {"runAsNonRoot": True}}),
        container({"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}),
        container({"securityContext": {"runAsNonRoot": True, "runAsUser": 5}}),
        container({"securityContext": {"capabilities": {"add": ["FLY"]}}}),
        container({"securityContext": {"capabilities": {"drop": ["all"]}}}),
        pod({"os": {"name": "windows"}}),
        pod({"nodeSelector": {"kubernetes.io/os": "windows"}}),
        pod({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
        pod({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1\n"}]}}),
        pod({"dnsConfig": {"options": [{"name": "a b"}]}}),
    ],
)
def test_the_same_reason(asking: Any) -> None:
    expected = [found.reason for found in would_fail(asking)]
    rejection = admit(asking, node())
    if rejection is not None:
        assert expected == [rejection.reason]
        return
    try:
        start(asking)
    except ConfigError:
        assert expected[:1] == ["CreateContainerConfigError"]
    except CreateError:
        assert expected[:1] in (["CreateContainerError"], ["FailedCreatePodSandBox"])
    else:
        assert expected == []
