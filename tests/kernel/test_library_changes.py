"""What a program changes of a real pod that runs: conditions of others, ephemeral containers; and copies of it."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner import Pod, PodFailed
from nsrunner.model.types import Container, EphemeralContainer, VolumeMount


def manifest(**spec: Any) -> dict[str, Any]:
    main = {
        "name": "main",
        "image": "host",
        "command": ["sh", "-c", "echo payload > /v/file; exec sleep 1000"],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [main],
            **spec,
        },
    }


def test_a_gate_that_a_program_opens_and_closes() -> None:
    with Pod.from_dict(manifest(readinessGates=[{"conditionType": "shop/lb"}])) as pod:
        status = pod.wait("ContainersReady", timeout=20)
        conditions = {condition.type: condition for condition in status.conditions}
        assert (conditions["Ready"].status, conditions["Ready"].reason) == ("False", "ReadinessGatesNotReady")
        pod.set_condition("shop/lb", "True", reason="Registered")
        pod.wait("Ready", timeout=20)
        pod.set_condition("shop/lb", "False")
        pod.wait("Ready=False", timeout=20)


def test_24_a_debugger_shares_the_pods_volumes_and_network_and_is_never_restarted() -> None:
    with Pod.from_dict(manifest()) as pod:
        pod.wait("Ready", timeout=20)
        mounts = (VolumeMount(name="v", mount_path="/v"),)
        pod.add_ephemeral_container(
            EphemeralContainer(name="reader", image="host", command=("cat", "/v/file"), volume_mounts=mounts)
        )
        name = pod.debug(["sh", "-c", "hostname; ip -o address show eth0; exit 3"])
        assert name == "debugger-1"
        lines = list(pod.follow(name))
        assert lines[0] == "web"
        assert "192.0.2.1" in lines[1]
        assert list(pod.follow("reader")) == ["payload"]
        for status in pod.status.ephemeral_container_statuses:
            state = status.state
            assert state is not None and state.terminated is not None
            assert (state.terminated.exit_code, status.restart_count) == ({"reader": 0, name: 3}[status.name], 0)
        assert pod.status.phase == "Running"
        with pytest.raises(PodFailed, match="no-such-program"):
            pod.debug(["no-such-program"])


def test_24_a_debugger_looks_into_processes_that_are_shared() -> None:
    with Pod.from_dict(manifest(shareProcessNamespace=True)) as pod:
        pod.wait("Ready", timeout=20)
        name = pod.debug(["sh", "-c", "pid=$(pgrep -x sleep | head -n 1); cat /proc/$pid/root/v/file"], target="main")
        assert list(pod.follow(name)) == ["payload"]


def test_a_copy_with_another_command_and_a_debugger_in_it() -> None:
    with Pod.from_dict(manifest()) as pod:
        pod.wait("Ready", timeout=20)
        tools = Container(name="tools", image="host", command=("sleep", "1000"))
        with pod.copy("web-debug", command=["sleep", "2000"], add=tools) as copy:
            copy.wait("Ready", timeout=20)
            seen = copy.exec("tools", ["pgrep", "-af", "sleep [12]000"]).stdout.decode()
            assert "sleep 2000" in seen and "sleep 1000" in seen, "they see each other's processes"
            assert copy.exec("tools", ["hostname"]).stdout == b"web-debug\n"
        assert pod.status.phase == "Running"
