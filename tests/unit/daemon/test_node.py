"""The Node: what it says of the machine, and when it is written."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import Any

import pytest

from nsrunner.daemon.node import NodeStatus, Pressure, node_object, pressure
from nsrunner.sandbox.host import HostFacts
from unit.api.registry.served import serving

pytestmark = pytest.mark.asyncio


def facts(**changes: Any) -> HostFacts:
    values = {
        "hostname": "node-1", "ips": ("192.0.2.9", "2001:db8::9"), "kernel": (6, 1), "machine": "x86_64",
        "capabilities": 0, "uid": 0, "cgroup": "", "controllers": (), "device_filter": False, "submounts": (),
        "masked_paths": (), "cpus": 4, "memory": 2**30, "storage": 10 * 2**30, "oom_score_adj": 0, "rlimits": (),
        "resolv_conf": b"", "hosts": b"",
    }  # fmt: skip
    return HostFacts(**{**values, **changes})


class Machine:
    def __init__(self) -> None:
        self.problems = {"store": ""}
        self.pressure = Pressure()


def status(registry: Any, machine: Machine, *, seconds: float = 300.0, **changes: Any) -> NodeStatus:
    return NodeStatus(
        registry,
        node_object("node-1", facts(**changes), "0.1"),
        problems=lambda: machine.problems,
        look=lambda: machine.pressure,
        report_seconds=seconds,
    )


def conditions(node: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in node["status"]["conditions"]}


async def test_a_node_that_is_new(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        status(served.registry, Machine()).register()
        node = served.registry.get(served.resource("nodes"), "", "node-1")
        assert node["metadata"]["labels"]["kubernetes.io/arch"] == "amd64"
        assert node["status"]["capacity"] == {
            "cpu": "4", "memory": "1048576Ki", "ephemeral-storage": "10485760Ki", "pods": "110",
        }  # fmt: skip
        assert [each["address"] for each in node["status"]["addresses"]] == ["192.0.2.9", "2001:db8::9", "node-1"]
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.0+nsrunner.0.1"
        assert conditions(node) == {
            "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
            "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
            "PIDPressure": ("False", "KubeletHasSufficientPID"),
            "Ready": ("True", "KubeletReady"),
        }


async def test_what_clients_have_put_on_it_stays(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        status(served.registry, Machine()).register()
        resource = served.resource("nodes")
        node = served.registry.get(resource, "", "node-1")
        labels = {**node["metadata"]["labels"], "mine": "1"}
        metadata = {**node["metadata"], "labels": labels, "annotations": {"a": "b"}}
        served.registry.put(resource, {**node, "metadata": metadata, "spec": {"unschedulable": True}})
        status(served.registry, Machine(), cpus=8).register()
        again = served.registry.get(resource, "", "node-1")
        assert (again["metadata"]["labels"]["mine"], again["metadata"]["annotations"]) == ("1", {"a": "b"})
        assert (again["spec"], again["status"]["capacity"]["cpu"]) == ({"unschedulable": True}, "8")
        assert again["metadata"]["uid"] == node["metadata"]["uid"]


async def test_it_is_written_when_something_changes_and_as_a_heartbeat(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        machine = Machine()
        node = status(served.registry, machine)
        node.register()
        version = served.store.version
        node.update()
        assert served.store.version == version  # nothing has changed, and it is not time yet
        machine.pressure = Pressure(memory=True, disk=True, pids=True)
        machine.problems = {"store": "No space left on device", "journal": ""}
        node.update()
        found = served.registry.get(served.resource("nodes"), "", "node-1")
        assert conditions(found) == {
            "MemoryPressure": ("True", "KubeletHasInsufficientMemory"),
            "DiskPressure": ("True", "KubeletHasDiskPressure"),
            "PIDPressure": ("True", "KubeletHasInsufficientPID"),
            "Ready": ("False", "KubeletNotReady"),
        }
        assert found["status"]["conditions"][3]["message"] == "store: No space left on device"
        node.leave("node is shutting down")
        left = served.registry.get(served.resource("nodes"), "", "node-1")["status"]["conditions"][3]
        assert (left["status"], left["message"]) == ("False", "node is shutting down")


async def test_a_heartbeat_moves_no_transition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as served:
        node = status(served.registry, Machine(), seconds=0)
        node.register()
        monkeypatch.setattr("nsrunner.daemon.node.now_text", lambda: "2040-01-01T00:00:00Z")
        node.update()
        for each in served.registry.get(served.resource("nodes"), "", "node-1")["status"]["conditions"]:
            assert each["lastHeartbeatTime"] == "2040-01-01T00:00:00Z" != each["lastTransitionTime"]


def machine_with(monkeypatch: pytest.MonkeyPatch, files: dict[str, str], free: tuple[int, ...]) -> None:
    real = builtins.open

    def fake_open(path: Any, *rest: Any, **named: Any) -> Any:
        return io.StringIO(files[path]) if path in files else real(path, *rest, **named)

    blocks, available, inodes, inodes_available = free
    found = os.statvfs_result(
        (4096, 4096, blocks, available, available, inodes, inodes_available, inodes_available, 0, 255)
    )
    monkeypatch.setattr(builtins, "open", fake_open)
    monkeypatch.setattr(os, "statvfs", lambda path: found)


ENOUGH = {
    "/proc/meminfo": "MemTotal: 9999999 kB\nMemAvailable: 999999 kB\n",
    "/proc/loadavg": "0.1 0.1 0.1 1/100 999\n",
    "/proc/sys/kernel/pid_max": "32768\n",
}


@pytest.mark.parametrize(
    ("files", "free", "expected"),
    [
        ({}, (100, 50, 100, 50), Pressure()),
        ({}, (100, 9, 100, 50), Pressure(disk=True)),
        ({}, (100, 50, 100, 4), Pressure(disk=True)),
        ({}, (100, 50, 0, 0), Pressure()),  # a file system without a number of inodes
        ({"/proc/meminfo": "MemAvailable: 99999 kB\n"}, (100, 50, 100, 50), Pressure(memory=True)),
        ({"/proc/loadavg": "0 0 0 1/32000 9\n"}, (100, 50, 100, 50), Pressure(pids=True)),
        ({"/proc/meminfo": "odd\n", "/proc/loadavg": "odd\n"}, (100, 50, 100, 50), Pressure()),
    ],
)
async def test_pressure(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, str], free: tuple[int, ...], expected: Pressure
) -> None:
    machine_with(monkeypatch, {**ENOUGH, **files}, free)
    assert pressure("/") == expected
