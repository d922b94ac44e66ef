"""A daemon that is killed, a machine that reboots, shims and pauses that die: what becomes of the pods."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nsrunner.errors import HostError
from nsrunner.sandbox import cgroups, state
from nsrunner.sandbox.published import published
from nsrunner.sandbox.state import registered
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

NIGHTLY: Final = bool(os.environ.get("NSRUNNER_TEST_NIGHTLY"))
KILLS: Final = 300 if NIGHTLY else 15
AT_ONCE: Final = 10
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
    shown = daemon.nsrunner("get", "pods")
    assert [line.split()[2] for line in shown.stdout.splitlines()[1:]] == ["Unknown", "Unknown"]
    assert shown.stderr.startswith("Warning: no daemon is running: this is the last known state, of ")
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
        os.kill(pause_of(shim.pid) if each.name == "pause" else shim.pid, signal.SIGKILL)
    daemon.start()
    for name in ("shim", "pause"):
        found = wait_for(daemon, name, ready_after(1))
        last = container_of(found)["lastState"]["terminated"]
        assert last["exitCode"] == 137
    failed = daemon.wait("never", "Failed")
    assert container_of(failed)["state"]["terminated"]["exitCode"] == 137
    for name in ("shim", "pause", "never"):
        daemon.delete(name)


def pause_of(shim: int) -> int:
    (pause,) = [pid for pid, parent in parents() if parent == shim and "pause" in name_of(pid)]
    return pause


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


class Churn:
    """Pods that come, end and go while their daemon is killed; only so many at a time."""

    def __init__(self, d: RealDaemon) -> None:
        self.daemon = d
        self.stop = threading.Event()
        self.expected: dict[str, int] = {}
        """Exit codes of those that were accepted and are not checked yet."""
        self.wrong: list[object] = []
        self.checked = 0

    def run(self) -> None:
        for number in itertools.count(1):
            if self.stop.is_set():
                return
            name, code = f"churn-{number}", number % 100
            try:
                self.daemon.create(
                    pod(name, *sh(f"sleep 0.0{number % 7}; exit {code}"), restartPolicy="Never"), until=""
                )
            except (HostError, OSError):  # the daemon died: accepted or not
                self.stop.wait(0.02)
                continue
            try:
                if number % 3:
                    self.expected[name] = code
                else:
                    path = f"/namespaces/default/pods/{name}"
                    self.daemon.call("DELETE", path, gracePeriodSeconds=str(number % 2))
                if len(self.expected) > AT_ONCE:
                    self.check(next(iter(self.expected)))
            except (HostError, OSError):
                continue  # as above

    def check(self, name: str) -> None:
        """One that has ended, with its exit code; then it goes."""
        path = f"/namespaces/default/pods/{name}"
        status = self.daemon.call("GET", path)["status"]
        if status.get("phase") not in ("Succeeded", "Failed"):
            return
        code, shown = self.expected.pop(name), status["containerStatuses"][0]
        if (shown["state"]["terminated"]["exitCode"], shown["restartCount"]) != (code, 0):
            self.wrong.append((name, code, shown))
        self.checked += 1
        self.daemon.call("DELETE", path, gracePeriodSeconds="0")


def kill_below(d: RealDaemon, name: str, deaths: dict[str, int]) -> None:
    """Kills the shim or the pause of a pod whose container runs. What comes of it is one restart."""
    shown = published_of(d, name)
    if container_of(shown).get("restartCount") != deaths[name] or not container_of(shown)["ready"]:
        return  # it has not come back yet
    (found,) = [each for each in registered(d.roots) if each.name == name]
    shim = state.noted_shim(found.paths.run)
    assert shim is not None
    os.kill(pause_of(shim.pid) if name.startswith("pause") else shim.pid, signal.SIGKILL)
    deaths[name] += 1


def published_of(d: RealDaemon, name: str) -> dict[str, Any]:
    """The pod as nsrunner ps shows it, be there a daemon or not."""
    (found,) = [each for each in registered(d.roots) if each.name == name]
    return published(found.paths.run) or {}


def test_a_daemon_killed_at_any_instant_of_a_churn(daemon: RealDaemon) -> None:
    """Creates, crashes, probes and deletes beside many kills, of shims and pauses, too: no container lost, doubled or
    left; each end is counted with its code; what a new daemon shows first is right."""
    dice = random.Random(4)
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    crash = sh("echo start >> /data/log; sleep 0.0$((RANDOM % 9)); echo 5 >> /data/log; exit 5")
    volume = {"volumes": [{"name": "data", "hostPath": {"path": str(daemon.root / "data")}}]}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}], "readinessProbe": probe}
    (daemon.root / "data").mkdir()
    stays = daemon.create(pod("stays", "sleep", "inf", container={"readinessProbe": probe}), until="Ready")
    daemon.create(pod("crashes", *crash, container=mounts, **volume), until="")
    victims = {f"{what}-{number}": 0 for number in range(3) for what in ("shim", "pause")}
    for name in victims:
        daemon.create(pod(name, "sleep", "inf"))
    churn = Churn(daemon)
    worker = threading.Thread(target=churn.run)
    worker.start()
    try:
        for number in range(KILLS):
            churn.stop.wait(dice.random() * 0.25)
            if number % 2:
                kill_below(daemon, dice.choice([*victims]), victims)
            daemon.stop(signal.SIGKILL)
            if number % 2 == 0:
                kill_below(daemon, dice.choice([*victims]), victims)
            daemon.start()
            assert container_of(daemon.call("GET", "/namespaces/default/pods/stays")) == container_of(stays)
    finally:
        churn.stop.set()
        worker.join(SECONDS)
    assert not churn.wrong
    for name in [*churn.expected]:
        daemon.wait(name, "Failed" if churn.expected[name] else "Succeeded")
        churn.check(name)
    assert churn.checked >= KILLS and not churn.wrong
    assert container_of(daemon.wait("stays", "Ready")) == container_of(stays)
    assert sum(victims.values()) >= KILLS // 20
    for name, deaths in victims.items():
        assert (
            container_of(wait_for(daemon, name, ready_after(deaths)))["lastState"].keys() == {"terminated"}
            or not deaths
        )
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
