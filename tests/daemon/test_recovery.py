"""A daemon that is killed, a machine that reboots, shims and pauses that die: what becomes of the pods."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nsrunner.sandbox import cgroups, state
from nsrunner.sandbox.state import registered
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

NIGHTLY: Final = bool(os.environ.get("NSRUNNER_TEST_NIGHTLY"))
KILLS: Final = 300 if NIGHTLY else 25
SECONDS: Final = 60.0


def pod(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "host", "command": list(command)}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


def sh(text: str) -> tuple[str, str, str]:
    return "sh", "-c", text


def until(condition: Callable[[], object], what: str) -> None:
    """For what is seen from outside only: files of another process."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.01)


def wait_for(d: RealDaemon, name: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The pod, once its object is so, by a watch."""
    path = "/namespaces/default/pods"
    last: dict[str, Any] = {}
    for event in d.watch(path, fieldSelector=f"metadata.name={name}"):
        last = event["object"]
        if event["type"] != "DELETED" and condition(last):
            return last
    raise AssertionError(last)


def ready_after(restarts: int) -> Callable[[dict[str, Any]], object]:
    return lambda each: container_of(each).get("restartCount") == restarts and container_of(each)["ready"]


def container_of(object: dict[str, Any]) -> dict[str, Any]:
    return next(iter(object.get("status", {}).get("containerStatuses") or ()), {})


def test_a_killed_daemon_loses_nothing(daemon: RealDaemon) -> None:
    volume = {"volumes": [{"name": "data", "hostPath": {"path": str(daemon.root)}}]}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    runs = daemon.create(pod("runs", "sleep", "inf"))
    ends = sh("while ! test -e /data/go; do sleep 0.01; done; touch /data/gone; exit 7")
    daemon.create(pod("ends", *ends, restartPolicy="Never", container=mounts, **volume))
    daemon.stop(signal.SIGKILL)
    (daemon.root / "go").touch()
    until((daemon.root / "gone").exists, "it ends while nobody looks")
    daemon.start()
    after = daemon.call("GET", "/namespaces/default/pods/runs")
    assert container_of(after) == container_of(runs)
    ended = daemon.wait("ends", "Failed")
    assert container_of(ended)["state"]["terminated"]["exitCode"] == 7
    assert container_of(ended)["restartCount"] == 0
    daemon.delete("runs")
    daemon.delete("ends")


def test_shims_and_pauses_that_die_while_no_daemon_runs(daemon: RealDaemon) -> None:
    for name in ("shim", "pause", "never"):
        policy = "Never" if name == "never" else "Always"
        daemon.create(pod(name, "sleep", "inf", restartPolicy=policy))
    daemon.stop(signal.SIGKILL)
    for each in registered(daemon.roots):
        shim = state.noted_shim(each.paths.run)
        assert shim is not None
        if each.name == "pause":
            (pause,) = [pid for pid, parent in parents() if parent == shim.pid and "pause" in name_of(pid)]
            os.kill(pause, signal.SIGKILL)
        else:
            os.kill(shim.pid, signal.SIGKILL)
    daemon.start()
    for name in ("shim", "pause"):
        found = wait_for(daemon, name, ready_after(1))
        last = container_of(found)["lastState"]["terminated"]
        assert last["exitCode"] == 137
    failed = daemon.wait("never", "Failed")
    assert container_of(failed)["state"]["terminated"]["exitCode"] == 137
    for name in ("shim", "pause", "never"):
        daemon.delete(name)


def parents() -> list[tuple[int, int]]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found.append((int(entry), int(fields[1])))
    return found


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def test_a_reboot(daemon: RealDaemon) -> None:
    """/run is empty and nothing runs; the store and the volumes are there."""
    counting = sh("echo again >> /data/starts; test $(wc -l < /data/starts) -gt 1 || exit 3; exec sleep inf")
    volume = {"volumes": [{"name": "data", "emptyDir": {}}]}
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    init = [{"name": "init", "image": "host", "command": ["true"]}]
    daemon.create(pod("counts", *counting, container=mount, initContainers=init, **volume), until="")
    before = wait_for(daemon, "counts", ready_after(1))
    daemon.create(pod("done", "true", restartPolicy="Never"), until="Succeeded")
    daemon.create(pod("once", "sleep", "inf", restartPolicy="Never"))
    daemon.create(pod("going", *sh("trap '' TERM; sleep inf & wait; wait"), terminationGracePeriodSeconds=600))
    daemon.call("DELETE", "/namespaces/default/pods/going")
    done = daemon.call("GET", "/namespaces/default/pods/done")
    power_off(daemon)
    nobodys = Path(daemon.roots.state, "pods", "nobodys-0000")
    nobodys.mkdir()
    daemon.start()
    after = wait_for(daemon, "counts", ready_after(2))
    assert after["status"]["startTime"] == before["status"]["startTime"]
    (init_status,) = after["status"]["initContainerStatuses"]
    assert init_status["state"]["terminated"]["exitCode"] == 0
    assert daemon.call("GET", "/namespaces/default/pods/done")["status"] == done["status"]
    assert daemon.wait("once", "Failed")["status"]["phase"] == "Failed"
    names = {each["metadata"]["name"] for each in daemon.call("GET", "/namespaces/default/pods")["items"]}
    assert "going" not in names or daemon.wait("going", "deleted")
    until(lambda: not nobodys.exists(), "what is nobody's is removed")
    uid = after["metadata"]["uid"]
    (starts,) = Path(daemon.roots.state, "pods", uid).rglob("starts")
    assert starts.read_text() == "again\n" * 3
    for name in ("counts", "done", "once"):
        daemon.delete(name)


def power_off(d: RealDaemon) -> None:
    d.stop(signal.SIGKILL)
    pods = registered(d.roots)
    for each in pods:
        shim = state.noted_shim(each.paths.run)
        if shim is not None:
            state.kill(shim)
        if each.cgroup:
            assert cgroups.kill(each.cgroup, within=10)
            cgroups.remove(each.cgroup)
    shutil.rmtree(d.roots.run)


def test_a_daemon_killed_at_any_instant_of_a_churn(daemon: RealDaemon) -> None:
    """Creates, crashes, probes and deletes beside many kills: no container lost, doubled or left; each end is counted
    with its code."""
    dice = random.Random(4)
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    crash = sh("echo start >> /data/log; sleep 0.0$((RANDOM % 9)); echo 5 >> /data/log; exit 5")
    volume = {"volumes": [{"name": "data", "hostPath": {"path": str(daemon.root / "data")}}]}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}], "readinessProbe": probe}
    (daemon.root / "data").mkdir()
    stays = daemon.create(pod("stays", "sleep", "inf", container={"readinessProbe": probe}), until="Ready")
    daemon.create(pod("crashes", *crash, container=mounts, **volume), until="")
    expected: dict[str, int] = {}
    accepted = Counter[str]()
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name, code = f"churn-{number}", number % 100
            try:
                daemon.create(pod(name, *sh(f"sleep 0.0{number % 7}; exit {code}"), restartPolicy="Never"), until="")
            except (OSError, Exception):  # noqa: BLE001 - the daemon died: accepted or not
                accepted["unknown"] += 1
                stop.wait(0.02)
                continue
            expected[name] = code
            if number % 3 == 0:
                try:
                    daemon.call("DELETE", f"/namespaces/default/pods/{name}", gracePeriodSeconds=str(number % 2))
                except Exception:  # noqa: BLE001 - as above
                    accepted["unknown"] += 1
                expected.pop(name)

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        for _ in range(KILLS):
            stop.wait(dice.random() * 0.25)
            daemon.restart(signal.SIGKILL)
    finally:
        stop.set()
        worker.join(SECONDS)
    for name, code in expected.items():
        ended = daemon.wait(name, "Failed" if code else "Succeeded")
        assert container_of(ended)["state"]["terminated"]["exitCode"] == code, name
        assert container_of(ended)["restartCount"] == 0
    assert container_of(daemon.wait("stays", "Ready")) == container_of(stays)
    crashed = daemon.call("GET", "/namespaces/default/pods/crashes")
    restarts = container_of(crashed)["restartCount"]
    lines = (daemon.root / "data" / "log").read_text().split()
    assert lines[:-1:2] == ["start"] * len(lines[:-1:2])
    assert lines.count("start") in (restarts + 1, restarts)
    last = container_of(crashed).get("lastState", {}).get("terminated") or container_of(crashed)["state"]["terminated"]
    assert last["exitCode"] == 5
    assert not [line for line in daemon.log if "Traceback" in line or "internal error" in line], daemon.log
    for each in daemon.call("GET", "/namespaces/default/pods")["items"]:
        daemon.delete(each["metadata"]["name"])
    until(lambda: not registered(daemon.roots), "nothing is left")
