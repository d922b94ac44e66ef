"""The library with real pods: what a Python program sees of them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

import nsrunner
from nsrunner import AsyncPod, Pod, PodFailed, UsageError, WaitTimeout

SLEEPER = [
    "sh",
    "-c",
    "trap 'echo bye; exit 0' TERM; echo hello; echo oops >&2; while :; do sleep 1000 & wait $!; done",
]


def manifest(*command: str, **fields: object) -> dict[str, object]:
    container = {"name": "main", "image": "host", "command": list(command), **fields}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 10, "containers": [container]},
    }


def test_a_pod_lives_as_long_as_its_block() -> None:
    with Pod.from_dict(manifest(*SLEEPER)) as pod:
        status = pod.wait("Ready", timeout=20)
        assert (status.phase, pod.ip) == ("Running", "192.0.2.1")
        pid = pod.pid()
        assert Path(f"/proc/{pid}/comm").read_text() == "sh\n"
        lines = pod.follow()
        assert sorted([next(lines), next(lines)]) == ["hello", "oops"]
        assert sorted(pod.logs().split()) == ["hello", "oops"]
        assert pod.logs(tail=1, timestamps=True).startswith("20")
        pidfd = os.pidfd_open(pid)
        pod.delete()
        assert next(lines) == "bye"
    signal.pidfd_send_signal  # noqa: B018 - named for the reader: the descriptor below is of the dead process
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, 0)
    os.close(pidfd)
    assert pod.status.phase == "Succeeded"
    state = pod.status.container_statuses[0].state
    assert state is not None and state.terminated is not None
    assert state.terminated.exit_code == 0


def test_exec_runs_in_the_containers_world() -> None:
    with Pod.from_dict(manifest(*SLEEPER, env=[{"name": "COLOUR", "value": "blue"}])) as pod:
        pod.wait("Ready", timeout=20)
        assert pod.exec("main", ["hostname"]).stdout == b"pod\n"
        result = pod.exec(None, ["sh", "-c", "cat; echo $COLOUR $SIZE >&2; exit 7"], input="given", env={"SIZE": "big"})
        assert (result.exit_code, result.stdout, result.stderr) == (7, b"given", b"blue big\n")
        assert pod.exec(None, ["cat", "/proc/1/comm"]).stdout == b"sh\n"
        result = pod.exec(None, ["no-such-program"])
        assert (result.exit_code, result.error) == (127, 'exec: "no-such-program": executable file not found in $PATH')
        assert pod.exec(None, ["sh", "-c", "kill -9 $$"]).exit_code == 137
        with pytest.raises(WaitTimeout, match="ran longer"):
            pod.exec(None, ["sleep", "1000"], timeout=0.2)
        size = 5_000_000
        assert len(pod.exec(None, ["head", "-c", str(size), "/dev/zero"]).stdout) == size
        with pytest.raises(UsageError):
            pod.exec("nobody", ["true"])


def test_config_maps_and_secrets_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text("""
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOUR: blue, SIZE: big}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, namespace: mine}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: host
    command: [sh, -c, 'echo "$COLOUR $SIZE $PASSWORD $(WHERE) $(POD_IP)"']
    envFrom: [{configMapRef: {name: settings}}]
    env:
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}
    - {name: WHERE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
""")
    with Pod.from_file(path, namespace="mine") as pod:
        pod.wait("Succeeded", timeout=20)
        assert pod.logs() == "blue big s3cret mine 192.0.2.1\n"


def test_a_pod_that_fails_says_why() -> None:
    command = ["sh", "-c", "echo 'no luck' >/dev/termination-log; exit 3"]
    with Pod.from_dict(manifest(*command)) as pod:
        with pytest.raises(PodFailed) as caught:
            pod.wait("Succeeded", timeout=20)
        assert str(caught.value).endswith("Failed; container main terminated: Error (exit code 3): no luck")


def test_the_end_of_the_log_is_the_termination_message_when_asked_for() -> None:
    command = ["sh", "-c", "echo first; echo last; exit 1"]
    with Pod.from_dict(manifest(*command, terminationMessagePolicy="FallbackToLogsOnError")) as pod:
        state = pod.wait("Failed", timeout=20).container_statuses[0].state
        assert state is not None and state.terminated is not None
        assert state.terminated.message == "first\nlast\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program", 'exec: "no-such-program": executable file not found in $PATH'),
        ("/no/such/program", 'exec: "/no/such/program": stat /no/such/program: no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ],
)
def test_a_program_that_cannot_be_run(command: str, message: str) -> None:
    with Pod.from_dict(manifest(command)) as pod:
        state = pod.wait("Failed", timeout=20).container_statuses[0].state
        assert state is not None and state.terminated is not None
        assert (state.terminated.exit_code, state.terminated.reason) == (128, "StartError")
        assert state.terminated.message == f"unable to start container process: {message}"
        assert ("Failed", f"Error: unable to start container process: {message}") in [
            (event.reason, event.message) for event in _events(pod)
        ]


def _events(pod: Pod) -> list[nsrunner.PodEvent]:
    pod.delete(grace=0)
    return list(pod.events())


def test_a_host_path_that_is_not_what_it_should_be() -> None:
    pod = manifest("true", volumeMounts=[{"name": "v", "mountPath": "/v"}])
    pod["spec"]["volumes"] = [{"name": "v", "hostPath": {"path": "/etc/passwd", "type": "Directory"}}]  # type: ignore[index]
    with Pod.from_dict(pod) as running:
        for event in running.events():
            if event.reason == "FailedMount":
                assert event.message == (
                    'MountVolume.SetUp failed for volume "v" : '
                    "hostPath type check failed: /etc/passwd is not a directory"
                )
                break


def test_a_crash_loop_is_restarted_at_once_and_then_waits() -> None:
    pod = manifest("sh", "-c", "echo trying; exit 1")
    pod["spec"]["restartPolicy"] = "Always"  # type: ignore[index]
    with Pod.from_dict(pod) as running:
        for event in running.events():
            if event.reason == "BackOff":
                break
        status = running.status.container_statuses[0]
        assert status.restart_count == 1
        assert status.state is not None and status.state.waiting is not None
        assert status.state.waiting.reason == "CrashLoopBackOff"
        assert running.logs() == running.logs(previous=True) == "trying\n"


def test_containers_share_localhost_and_a_volume_seen_at_two_places() -> None:
    pod = manifest(
        "sh", "-c", "echo data >/out/file; exec sleep 1000", volumeMounts=[{"name": "v", "mountPath": "/out"}]
    )
    spec = pod["spec"]
    assert isinstance(spec, dict)
    spec["volumes"] = [{"name": "v", "emptyDir": {}}]
    spec["containers"].append(
        {
            "name": "other",
            "image": "host",
            "command": ["sleep", "1000"],
            "volumeMounts": [{"name": "v", "mountPath": "/in", "readOnly": True}],
        }
    )
    with Pod.from_dict(pod, grace_period=0) as running:
        running.wait("Ready", timeout=20)
        script = "until [ -s /in/file ]; do :; done; cat /in/file; touch /in/x"
        result = running.exec("other", ["sh", "-c", script])
        assert result.stdout == b"data\n"
        assert b"Read-only file system" in result.stderr
        inode = [os.stat(f"/proc/{running.pid(name)}/ns/net").st_ino for name in ("main", "other")]
        assert inode[0] == inode[1] != os.stat("/proc/self/ns/net").st_ino


def test_several_pods_from_several_threads() -> None:
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            with Pod.from_dict(manifest("sh", "-c", f"echo {number}")) as pod:
                pod.wait("Succeeded", timeout=30)
                assert pod.logs() == f"{number}\n"
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_the_asynchronous_twin() -> None:
    async def script() -> None:
        async with AsyncPod.from_dict(manifest(*SLEEPER)) as first, AsyncPod.from_dict(manifest(*SLEEPER)) as second:
            await asyncio.gather(first.wait("Ready", 20), second.wait("Ready", 20))
            results = await asyncio.gather(*(first.exec(None, ["hostname"]) for _ in range(20)))
            assert {result.stdout for result in results} == {b"pod\n"}
            async for line in second.follow():
                assert line in ("hello", "oops")
                break

    asyncio.run(script())


def test_a_pid_namespace_shared_by_its_containers() -> None:
    pod = manifest("sleep", "1000")
    spec = pod["spec"]
    assert isinstance(spec, dict)
    spec["shareProcessNamespace"] = True
    spec["containers"].append({"name": "other", "image": "host", "command": ["sleep", "1001"]})
    with Pod.from_dict(pod, grace_period=0) as running:
        running.wait("Ready", timeout=20)
        script = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done"
        seen = running.exec("other", ["sh", "-c", script]).stdout.decode()
        assert "sleep 1000" in seen and "sleep 1001" in seen
