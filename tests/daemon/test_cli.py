"""The command line against a real daemon with real pods, as its user sees it, and beside kubectl."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import real_pods
from kubectls import kubectl as kubectl
from kubectls import newest
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def web(**metadata: Any) -> real_pods.Manifest:
    """Two containers that can be told apart, and one that has ended."""
    pod = real_pods.pod(
        real_pods.shell("main", f"echo one; echo two; {SLEEP}"),
        real_pods.shell("side", f"echo beside; {SLEEP}"),
        name="web",
        initContainers=[real_pods.shell("init", "echo first")],
    )
    pod["metadata"] |= {"labels": {"app": "web"}, **metadata}
    return pod


@pytest.fixture
def crash(daemon: RealDaemon) -> RealDaemon:
    """With a pod that has ended once and waits to be started again."""
    pod = real_pods.pod(real_pods.shell("main", "echo boom; exit 3"), name="crash", restartPolicy="Always")
    daemon.create(pod, until="")
    path = "{.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    daemon.nsrunner("wait", "pod/crash", f"--for=jsonpath={path}")
    return daemon


# --- what is there ----------------------------------------------------------------------------------------------------

SHOWN = [
    "get pods",
    "get pods -o wide",
    "get pods -o wide --no-headers -A",
    "get pod web -o yaml",
    "get pods -o json",
    "get pod/web cm/conf",
    "get pods,cm -o name",
    "get pods --show-labels -L app,none",
    "get pods -l app=web --sort-by=.metadata.name",
    "get pods --field-selector status.phase=Running",
    "get pods -o custom-columns=N:.metadata.name,X:.status.none",
    "get pods -o jsonpath={.items[*].status.phase}",
    "get secret login -o yaml",
    "get nodes",
    "get ns",
    "get pod nope",
    "get pods -l app=nope",
    "get --raw /version",
    "logs web --tail=1",
    "logs web side",
    "logs nope",
    "label pod nope a=b",
    "delete pod nope",
    "wait pod/web --for=condition=Ready",
    "wait pod/web --for=condition=None --timeout=100ms",
    "create -f MANIFEST",
    "delete pod web --dry-run=server",
]


def masked(text: str) -> str:
    """Without what is another one a second later, and how a message begins."""
    text = re.sub(r"\b\d+(s|m\d+s|m)\b", "AGE", text)
    return re.sub(r"^(nsrunner|error): (error from server \(NotFound\): )?", "", text, flags=re.MULTILINE)


@newest
@pytest.mark.usefixtures("kubectl")
def test_what_kubectl_says_too(daemon: RealDaemon, tmp_path: Path) -> None:
    daemon.create(web(), until="Ready")
    daemon.nsrunner("create", "configmap", "conf", "--from-literal=a=b")
    daemon.nsrunner("create", "secret", "generic", "login", "--from-literal=a=b")
    manifest = tmp_path / "web.json"
    manifest.write_text(json.dumps(web()))
    for line in SHOWN:
        words = line.replace("MANIFEST", str(manifest)).split()
        ours, theirs = daemon.nsrunner(*words, check=False), daemon.kubectl(*words, check=False)
        if words[:2] == ["logs", "nope"]:  # kubectl says in which namespace
            assert (ours.returncode, masked(ours.stderr)) == (1, 'pods "nope" not found\n')
            continue
        said = (ours.returncode, masked(ours.stdout), masked(ours.stderr))
        assert said == (theirs.returncode, masked(theirs.stdout), masked(theirs.stderr)), line


def test_why_it_waits_and_until_when(crash: RealDaemon) -> None:
    told = crash.nsrunner("describe", "pod", "crash").stdout
    assert re.search(r"Next Start: +\d\d:\d\d:\d\d \((in \d+s|now)\), after a back-off of 10s", told)
    assert re.search(r"Exit Code: +3", told)
    assert "Back-off restarting failed container main" in told
    assert "CrashLoopBackOff" in crash.nsrunner("get", "pods").stdout
    shown = crash.nsrunner("top", "pods", "--once", "--interval=10ms").stdout
    assert re.search(r"^default +crash +0/1 +CrashLoopBackOff", shown, re.MULTILINE)


def test_use_of_containers(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")
    shown = daemon.nsrunner("top", "pods", "-l", "app=web", "--containers", "--no-headers", "--interval=10ms").stdout
    rows = [line.split() for line in shown.splitlines()]
    assert sorted(row[2] for row in rows) == ["main", "side"]
    assert all(re.fullmatch(r"\d+m", row[6]) and re.fullmatch(r"\d+[MK]i", row[7]) for row in rows)
    assert daemon.nsrunner("top", "pods", "-l", "app=other", "--interval=10ms").stderr == "No pods are running.\n"
    assert daemon.nsrunner("top", "pod", "nope", "--interval=10ms", check=False).returncode == 1


# --- logs -------------------------------------------------------------------------------------------------------------


def test_logs(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")

    def logs(*words: str) -> str:
        return str(daemon.nsrunner("logs", *words).stdout)

    assert logs("web") == "one\ntwo\n"
    assert logs("web", "-c", "side") == logs("web", "side") == "beside\n"
    assert logs("web", "-c", "init") == "first\n"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S* beside\n", logs("web", "side", "--timestamps"))
    assert logs("web", "side", "--since-time=2100-01-01T00:00:00Z") == ""
    assert logs("web", "side", "--limit-bytes=3") == "bes"
    assert logs("web", "--tail=0") == ""
    lines = logs("-l", "app=web", "--all-containers", "--prefix").splitlines()
    assert "[pod/web/init] first" in lines
    assert "[pod/web/side] beside" in lines
    assert daemon.nsrunner("logs", "web", "side", "-c", "main", check=False).returncode == 2
    refused = daemon.nsrunner("logs", "web", "-p", check=False)
    assert refused.stderr.endswith('previous terminated container "main" in pod "web" not found\n')


def test_logs_of_the_instance_before(crash: RealDaemon) -> None:
    assert crash.nsrunner("logs", "crash", "--previous").stdout == "boom\n"
    assert crash.nsrunner("logs", "-f", "crash").stdout == "boom\n"


def test_logs_are_followed_to_the_end_and_until_ctrl_c(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")
    command = [sys.executable, "-m", "nsrunner", "logs", "-f", "web", "side"]
    with subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "beside\n"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 130
    with subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "beside\n"
        daemon.nsrunner("delete", "pod", "web", "--now")
        assert follower.wait(30) == 0


# --- into containers --------------------------------------------------------------------------------------------------


def test_exec_ends_as_its_command_does(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")

    def code(*words: str, **options: Any) -> int:
        return int(daemon.nsrunner("exec", *words, check=False, **options).returncode)

    assert daemon.nsrunner("exec", "-i", "web", "--", "tr", "a-z", "A-Z", input="words").stdout == "WORDS"
    assert code("web", "-c", "side", "--", "sh", "-c", "exit 7") == 7
    assert code("web", "--", "sh", "-c", "kill -9 $$") == 137
    assert code("web", "--", "no-such-command") == 127
    assert code("web", "--", "/etc/passwd") == 126
    assert code("web", "-c", "init", "--", "true") == 1
    assert code("nope", "--", "true") == 1
    assert code("web", "true") == 2
    assert code("web") == 2


def test_copies_are_like_what_was_copied(daemon: RealDaemon, tmp_path: Path) -> None:
    daemon.create(web(), until="Ready")
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub").chmod(0o750)
    (tree / "run me").write_text("#!/bin/sh\n")
    (tree / "run me").chmod(0o755)
    (tree / "sub/data").write_bytes(os.urandom(300_000))
    daemon.nsrunner("cp", str(tree), "web:/tmp/there")
    daemon.nsrunner("cp", str(tree / "run me"), "default/web:/tmp/there/renamed", "-c", "main")
    seen = daemon.nsrunner("exec", "web", "--", "stat", "-c", "%a %n", "/tmp/there/sub", "/tmp/there/renamed").stdout
    assert seen == "750 /tmp/there/sub\n755 /tmp/there/renamed\n"
    daemon.nsrunner("cp", "web:/tmp/there", str(tmp_path / "back"))
    back = tmp_path / "back"
    assert sorted(str(path.relative_to(back)) for path in back.rglob("*")) == ["renamed", "run me", "sub", "sub/data"]
    assert (back / "sub/data").read_bytes() == (tree / "sub/data").read_bytes()
    assert stat.S_IMODE((back / "run me").stat().st_mode) == 0o755
    for words in (
        ["web:/nope", "x"],
        [str(tree / "nope"), "web:/tmp"],
        [str(tree), "web:/nope/deep"],
        [str(tree), "no:/"],
    ):
        assert daemon.nsrunner("cp", *words, check=False, cwd=tmp_path).returncode == 1
    assert not (tmp_path / "x").exists()


def test_debugging(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")
    look = ["debug", "web", "--image=host", "-q", "-i"]
    seen = daemon.nsrunner(*look, "--target=main", "--", "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline")
    assert "echo two" in seen.stdout
    assert "not found" in daemon.nsrunner(*look, "--target=nope", "--", "true", check=False).stderr.lower()
    hopeless = daemon.nsrunner(*look, check=False)  # the host's root has no command of its own
    assert (hopeless.returncode, "CreateContainerError: no command specified" in hopeless.stderr) == (1, True)
    daemon.nsrunner("debug", "web", "--copy-to=copy", "--share-processes", "--set-image=side=host", "-q")
    daemon.nsrunner("wait", "pod/copy", "--for=condition=Ready")
    assert "beside" in daemon.nsrunner("exec", "copy", "--", "ps", "ax").stdout
    daemon.nsrunner("delete", "pods", "web", "copy", "--now")


# --- ends -------------------------------------------------------------------------------------------------------------


def test_ways_to_delete(daemon: RealDaemon) -> None:
    for name in ("a", "b", "c"):
        pod = real_pods.pod(name=name)  # sleep, as PID 1, takes no TERM
        pod["spec"]["terminationGracePeriodSeconds"] = 300
        daemon.create(pod, until="Ready")
    assert daemon.nsrunner("delete", "pod", "a", "--wait=false").stdout == 'pod "a" deleted from default namespace\n'
    going = daemon.nsrunner("get", "pod", "a", "-o", "jsonpath={.metadata.deletionGracePeriodSeconds}").stdout
    assert going == "300"
    late = daemon.nsrunner("delete", "pod", "b", "--timeout=200ms", check=False)
    assert (late.returncode, late.stderr) == (1, "nsrunner: timed out waiting for the condition on pods/b\n")
    assert daemon.nsrunner("delete", "pod", "b", "--now").returncode == 0
    forced = daemon.nsrunner("delete", "pod", "c", "--force", "--grace-period=0")
    assert 'pod "c" force deleted' in forced.stdout
    assert daemon.nsrunner("delete", "pods", "--all", "--force").returncode == 0
    assert daemon.nsrunner("get", "pods").stderr == "No resources found in default namespace.\n"


def test_waits_for_what_comes_and_goes(daemon: RealDaemon, tmp_path: Path) -> None:
    def waiting(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nsrunner", "wait", *words, "--timeout=60s"]
        return subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, text=True)

    with waiting("pod/web", "--for=create") as made:
        manifest = tmp_path / "web.json"
        manifest.write_text(json.dumps(web()))
        assert daemon.nsrunner("run", "--detach", str(manifest)).stdout == "pod/web created\n"
        assert made.communicate(timeout=60) == ("pod/web condition met\n", None)
    daemon.nsrunner("wait", "-f", str(manifest), "--for=condition=Ready")
    with waiting("pods", "-l", "app=web", "--for=delete") as gone:
        daemon.nsrunner("delete", "-f", str(manifest), "--now")
        gone.communicate(timeout=60)
        assert gone.returncode == 0


def test_without_a_daemon(daemon: RealDaemon) -> None:
    daemon.create(web(), until="Ready")
    daemon.stop()
    shown = daemon.nsrunner("get", "pods")
    assert re.search(r"^web +0/2 +Unknown", shown.stdout, re.MULTILINE)
    assert shown.stderr.startswith("Warning: no daemon is running: this is the last known state, of ")
    for words in (
        "apply -f x.json",
        "describe pod web",
        "delete pod web",
        "events",
        "wait pod/web --for=delete",
        "edit pod web",
    ):
        (daemon.root / "x.json").write_text(json.dumps(web()))
        refused = daemon.nsrunner(*words.replace("x.json", str(daemon.root / "x.json")).split(), check=False)
        assert refused.returncode == 1
        assert re.fullmatch(
            r"nsrunner: no daemon is running \(\S+\): start one with 'nsrunner daemon'\n", refused.stderr
        )
    assert daemon.nsrunner("exec", "web", "--", "echo", "still").stdout == "still\n"
    assert daemon.nsrunner("logs", "web", "side").stdout == "beside\n"
    daemon.start()
    daemon.nsrunner("delete", "pod", "web", "--now")
