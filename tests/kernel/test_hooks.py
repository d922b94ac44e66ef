"""Lifecycle hooks of real pods (kubelet-semantics 8, 10.2, 15)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nsrunner import Pod
from probed_server import HTTP, server, up
from real_pods import Manifest, next_event, pod, shell, start, status_of, terminated, waiting

STAYS = "trap 'exit 7' TERM; while :; do sleep 1000 & wait $!; done"


def test_post_start_comes_before_the_next_container() -> None:
    """8, 15: the container waits until its hook is done, and so do those after it; nothing else does."""
    wait = "mkfifo /shared/gate; echo hook > /proc/1/fd/1; read line < /shared/gate"
    first = shell("first", STAYS, volumeMounts=[{"name": "shared", "mountPath": "/shared"}])
    first["lifecycle"] = {"postStart": {"exec": {"command": ["sh", "-c", wait]}}}
    manifest = pod(first, shell("second", STAYS), volumes=[{"name": "shared", "emptyDir": {}}])
    with start(manifest) as running:
        next_event(running.events(), "Started")
        assert next(running.follow("first")) == "hook"
        assert waiting(running, "first").reason in ("ContainerCreating", "PodInitializing")
        assert waiting(running, "second").reason in ("ContainerCreating", "PodInitializing")
        assert running.exec("first", ["sh", "-c", "echo go > /shared/gate"]).exit_code == 0
        running.wait("Ready", timeout=20)


def serving_sidecar() -> Manifest:
    """``main``: it listens before the next container starts."""
    listens = {"tcpSocket": {"port": HTTP}, "periodSeconds": 1, "failureThreshold": 60}
    return server(restartPolicy="Always", startupProbe=listens)


def test_a_post_start_by_http_reaches_a_server_of_the_pod() -> None:
    """15, 33.7: what the server says is of no interest, only that it does."""
    container = shell("hooked", STAYS)
    container["lifecycle"] = {"postStart": {"httpGet": {"port": HTTP, "path": "/started"}}}
    with start(pod(container, initContainers=[serving_sidecar()])) as running:
        running.wait("Ready", timeout=20)
        assert "GET /started\n" in running.logs("main")


def test_a_post_start_by_http_that_nobody_answers_holds_up_nothing_but_those_after_it() -> None:
    """15, 33.6: not the status, not those before it, and not the deletion."""
    container = shell("hooked", STAYS)
    container["lifecycle"] = {"postStart": {"httpGet": {"port": HTTP, "path": "/hang"}}}
    with start(pod(container, initContainers=[serving_sidecar()], terminationGracePeriodSeconds=20)) as running:
        events = running.events()
        for _ in ("main", "hooked"):
            next_event(events, "Started")
        assert next(line for line in running.follow("main") if line == "GET /hang")
        assert waiting(running, "hooked").reason == "PodInitializing"
        assert status_of(running, "main").ready
        began = time.monotonic()
        running.delete(grace=20)
        assert time.monotonic() - began < 10


def test_a_post_start_that_sleeps() -> None:
    container = shell("main", STAYS)
    container["lifecycle"] = {"postStart": {"sleep": {"seconds": 1}}}
    with start(pod(container, terminationGracePeriodSeconds=5)) as running:
        running.wait("Ready", timeout=20)
        state = status_of(running, "main").state
        assert state is not None and state.running is not None


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_a_post_start_that_fails_ends_the_container(policy: str) -> None:
    """15: an event without details, waiting.message with them; then the restart policy decides."""
    container = shell("main", STAYS)
    container["lifecycle"] = {"postStart": {"exec": {"command": ["sh", "-c", "echo broken >&2; exit 3"]}}}
    with start(pod(container, restartPolicy=policy, terminationGracePeriodSeconds=5)) as running:
        events = running.events()
        assert next_event(events, "FailedPostStartHook").message == "PostStartHook failed"
        next_event(events, "Killing")
        if policy == "Never":
            running.wait("Failed", timeout=20)
            assert terminated(running).exit_code == 7
        else:
            next_event(events, "BackOff")
            assert waiting(running).reason in ("PostStartHookError", "CrashLoopBackOff")
            assert status_of(running, "main").restart_count >= 1


@pytest.mark.parametrize("kind", ["exec", "httpGet", "sleep"])
def test_pre_stop_comes_before_the_signal(kind: str) -> None:
    """10.2: the hook first, then TERM; the whole within the grace period."""
    handlers = {
        "exec": {"exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1"]}},
        "httpGet": {"httpGet": {"port": HTTP, "path": "/stop"}},
        "sleep": {"sleep": {"seconds": 1}},
    }
    container = server(lifecycle={"preStop": handlers[kind]})
    with start(pod(container, terminationGracePeriodSeconds=20)) as running:
        up(running)
        lines = running.follow()
        assert next(lines) == "up"
        began = time.monotonic()
        running.delete(grace=20)
        took = time.monotonic() - began
        if kind != "sleep":
            assert next(lines) == {"exec": "hook", "httpGet": "GET /stop"}[kind]
        assert (0.9 if kind == "sleep" else 0) < took < 10
        assert terminated(running).exit_code == 7


def test_a_pre_stop_that_hangs_has_the_grace_period() -> None:
    """10.2, 30.6: then TERM with two seconds more."""
    container = server(lifecycle={"preStop": {"httpGet": {"port": HTTP, "path": "/hang"}}})
    with start(pod(container, terminationGracePeriodSeconds=20)) as running:
        up(running)
        began = time.monotonic()
        running.delete(grace=1)
        assert 0.9 < time.monotonic() - began < 2.9
        assert terminated(running).exit_code == 7


def test_a_pre_stop_that_fails_changes_nothing() -> None:
    container = server(lifecycle={"preStop": {"exec": {"command": ["false"]}}})
    with start(pod(container, terminationGracePeriodSeconds=20)) as running:
        events = up(running)
        running.delete(grace=20)
        assert next_event(events, "FailedPreStopHook").message == "PreStopHook failed"
        assert terminated(running).exit_code == 7


def test_a_container_that_ends_by_itself_has_no_pre_stop() -> None:
    container = shell("main", "sleep 0.2; exit 0")
    container["lifecycle"] = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1"]}}}
    with start(pod(container)) as running:
        running.wait("Succeeded", timeout=20)
        assert running.logs() == ""


def test_a_hook_by_tcp_always_fails() -> None:
    container = server(lifecycle={"postStart": {"tcpSocket": {"port": HTTP}}})
    with start(pod(container, restartPolicy="Always", terminationGracePeriodSeconds=5)) as running:
        assert next_event(running.events(), "FailedPostStartHook").message == "PostStartHook failed"


def running_in(running: Pod, word: str) -> list[str]:
    """Command lines with this word among all that runs on the host."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended
        if word in line and entry.parent.name != str(os.getpid()):
            found.append(line)
    return found


def test_a_post_start_that_hangs_does_not_hold_up_the_deletion() -> None:
    """15, and design section 9: it freezes nothing but its own container's start and those after it."""
    hook = {"exec": {"command": ["sh", "-c", "setsid sleep 6543 & sleep 6543"]}}
    container = server(lifecycle={"postStart": hook})
    with start(pod(container, shell("other", STAYS), terminationGracePeriodSeconds=20)) as running:
        up(running)
        began = time.monotonic()
        running.delete(grace=20)
        assert time.monotonic() - began < 10
        assert terminated(running).exit_code == 7
    assert not running_in(running, "6543")


def test_a_pre_stop_command_that_hangs_goes_with_its_container() -> None:
    """10.2, 30.6: at the end of the grace period TERM comes, whatever the hook does."""
    hook = {"exec": {"command": ["sh", "-c", "setsid sleep 7654 & sleep 7654"]}}
    container = server(lifecycle={"preStop": hook})
    with start(pod(container, terminationGracePeriodSeconds=20)) as running:
        up(running)
        began = time.monotonic()
        running.delete(grace=1)
        assert 0.9 < time.monotonic() - began < 4
        assert terminated(running).exit_code == 7
    assert not running_in(running, "7654")
