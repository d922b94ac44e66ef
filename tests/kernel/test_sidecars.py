"""Sidecars, restart rules and RestartAllContainers of real pods (kubelet-semantics 6.4, 6.5, 7, 10.2)."""

from __future__ import annotations

from typing import Any

from real_pods import next_event, pod, shell, start, status_of, terminated

SHARED: dict[str, Any] = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
VOLUMES = [{"name": "shared", "emptyDir": {}}]


def sidecar(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return shell(name, script, restartPolicy="Always", **SHARED, **fields)


def rule(action: str, code: int) -> dict[str, Any]:
    return {"action": action, "exitCodes": {"operator": "In", "values": [code]}}


def test_sidecars_start_before_the_others_and_end_after_them_in_reverse_order() -> None:
    """7, 10.2: what each of them sees of the others is in the file that they share."""
    stays = "echo up {0} >> /shared/log; trap 'echo down {0} >> /shared/log; {1} exit 0' TERM; sleep 1000 & wait; wait"
    started = {"startupProbe": {"exec": {"command": ["grep", "-q", "up first", "/shared/log"]}, "periodSeconds": 1}}
    manifest = pod(
        shell("main", "echo main >> /shared/log", **SHARED),
        initContainers=[
            sidecar("first", stays.format("first", "cat /shared/log;"), **started),
            shell("plain", "echo plain >> /shared/log", **SHARED),
            sidecar("second", stays.format("second", "")),
        ],
        volumes=VOLUMES,
        terminationGracePeriodSeconds=20,
    )
    with start(manifest) as running:
        running.wait("Succeeded", timeout=30)
        assert running.logs("first").split("\n")[:-1] == [
            "up first",
            "plain",
            "up second",
            "main",
            "down second",
            "down first",
        ]


def test_a_sidecar_is_restarted_whatever_the_policy_of_its_pod() -> None:
    """7: restartPolicy Never is for the others."""
    script = "mkdir /shared/died && exit 3; sleep 1000"
    manifest = pod(shell("main", "sleep 1000"), initContainers=[sidecar("side", script)], volumes=VOLUMES)
    with start(manifest) as running:
        events = running.events()
        for _ in ("side", "main", "side again"):
            next_event(events, "Started")
        running.wait("Ready", timeout=20)
        status = status_of(running, "side")
        assert status.restart_count == 1
        assert status.last_state is not None and status.last_state.terminated is not None
        assert status.last_state.terminated.exit_code == 3


def test_a_rule_restarts_a_container_that_its_policy_would_leave() -> None:
    """6.4."""
    main = shell("main", "mkdir /shared/died && exit 42; exit 0", restartPolicy="Never", **SHARED)
    with start(pod({**main, "restartPolicyRules": [rule("Restart", 42)]}, volumes=VOLUMES)) as running:
        running.wait("Succeeded", timeout=20)
        assert (status_of(running, "main").restart_count, terminated(running).exit_code) == (1, 0)


def test_all_containers_restart_in_their_sandbox() -> None:
    """6.5: init containers run again, volumes and the sandbox stay."""
    main = shell("main", "mkdir /shared/died && exit 88; sleep 1000", restartPolicy="Never", **SHARED)
    manifest = pod(
        {**main, "restartPolicyRules": [rule("RestartAllContainers", 88)]},
        shell("other", "trap '' TERM; echo up; sleep 1000 & wait; wait"),
        initContainers=[shell("init", "echo once >> /shared/inits; cat /shared/inits", **SHARED)],
        volumes=VOLUMES,
    )
    with start(manifest) as running:
        events = running.events()
        assert next_event(events, "Killing").message == "Stopping container other"
        for _ in ("init", "main", "other"):
            next_event(events, "Started")
        running.wait("Ready", timeout=20)
        assert running.logs("init") == "once\nonce\n"
        assert [status_of(running, name).restart_count for name in ("init", "main", "other")] == [1, 1, 1]
        last = status_of(running, "other").last_state
        assert last is not None and last.terminated is not None
        assert (last.terminated.exit_code, last.terminated.reason) == (137, "RestartingAllContainers")
