"""Every manifest of examples/ runs, and does what its head comment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner import Pod
from real_pods import next_event, next_line, status_of, terminated, waiting

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, grace: int | None = None) -> Pod:
    return Pod.from_file(EXAMPLES / f"{name}.yaml", grace_period=grace)


def assert_all_completed(pod: Pod) -> None:
    status = pod.status
    for each in (*status.init_container_statuses, *status.container_statuses):
        ended = terminated(pod, each.name)
        assert (each.name, ended.exit_code, ended.reason, each.restart_count) == (each.name, 0, "Completed", 0)


def test_every_example_is_tested_and_valid() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.yaml")}
    tested = Path(__file__).read_text()
    assert names and {name for name in names if f'example("{name}"' not in tested} == set()


def test_hello() -> None:
    with example("hello") as pod:
        pod.wait("Succeeded", timeout=30)
        assert pod.logs("writer") == "a letter is on its way\n"
        assert pod.logs("ann") == "got: how are you?\n"
        assert pod.logs("ben") == "ann is fine, on hello\n"
        assert_all_completed(pod)


def test_two_containers_talk_over_localhost_and_over_a_volume_that_each_sees_elsewhere() -> None:
    with example("localhost-and-volume") as pod:
        pod.wait("Succeeded", timeout=30)
        assert pod.logs("server") == "asked: the answer?\n"
        assert pod.logs("client") == "answered: 42\n"
        assert_all_completed(pod)


def test_one_container_signals_the_other_in_a_shared_pid_namespace() -> None:
    with example("shared-pid") as pod:
        pod.wait("Succeeded", timeout=30)
        assert pod.logs("worker").splitlines() == ["worker: waiting", "worker: caught USR1, done"]
        assert pod.logs("signaller") == "signaller: sent USR1\n"
        assert_all_completed(pod)


def test_system_v_ipc_between_containers() -> None:
    with example("system-v-ipc") as pod:
        pod.wait("Succeeded", timeout=30)
        assert pod.logs("receiver") == "received: hello through a queue\n"
        assert pod.logs("sender") == "sent\n"
        assert_all_completed(pod)


def test_a_crash_loop_restarts_at_once_and_then_backs_off() -> None:
    with example("crash-loop") as pod:
        next_event(pod.events(), "BackOff")
        status = status_of(pod, "flaky")
        assert (pod.status.phase, status.restart_count, status.ready) == ("Running", 1, False)
        assert waiting(pod, "flaky").reason == "CrashLoopBackOff"
        assert (waiting(pod, "flaky").message or "").startswith("back-off 10s restarting failed container=flaky")
        last = status.last_state
        assert last is not None and last.terminated is not None
        assert (last.terminated.exit_code, last.terminated.reason, last.terminated.message) == (3, "Error", "no luck\n")
        assert pod.logs(previous=True) == pod.logs() == "trying\n"


GET = """
use IO::Socket::INET;
my $server = IO::Socket::INET->new("127.0.0.1:8080") or die "connect: $!";
print $server "GET / HTTP/1.0\\r\\n\\r\\n";
print <$server>;
"""


@pytest.mark.needs_tool("nginx")
def test_init_containers_prepare_the_files_of_nginx() -> None:
    with example("init-and-nginx") as pod:
        pod.wait("Ready", timeout=30)
        next_line(pod.follow("nginx"), lambda line: "start worker process " in line)
        answer = pod.exec("nginx", ["perl", "-e", GET])
        assert answer.stdout.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        assert answer.stdout.endswith(b"\r\n\r\nHello from init-and-nginx\n")
        assert next_line(pod.follow("nginx"), lambda line: '"GET / HTTP/1.0" 200' in line)
        assert "syntax is ok" in pod.logs("configuration")
        assert "Read-only file system" in pod.exec("nginx", ["touch", "/usr/share/site/x"]).stderr.decode()
        for name in ("page", "configuration"):
            assert terminated(pod, name).exit_code == 0
        pod.delete()
        assert (pod.status.phase, terminated(pod, "nginx").exit_code) == ("Succeeded", 0)


@pytest.mark.needs_tool("redis-server")
@pytest.mark.needs_tool("redis-cli")
def test_redis_as_an_ordinary_user() -> None:
    with example("redis") as pod:
        pod.wait("Ready", timeout=30)
        assert next_line(pod.follow("client"), lambda line: line.startswith("hello"))
        assert pod.logs("client") == "OK\nhello from the pod\n"
        assert pod.exec("redis", ["redis-cli", "get", "greeting"]).stdout == b"hello from the pod\n"
        assert pod.exec("redis", ["id", "-u"]).stdout == b"10001\n"
        assert b"redis.conf" in pod.exec("redis", ["ls", "/etc/redis-pod"]).stdout
        assert pod.exec("redis", ["test", "-e", "/data/appendonlydir"]).ok
        pod.delete()
        # both end at TERM: none has to wait for KILL
        assert (terminated(pod, "redis").exit_code, terminated(pod, "client").exit_code) == (0, 0)
        assert pod.status.phase == "Succeeded"


def test_examples_need_only_what_their_heads_name() -> None:
    """A minimal Debian has no Python for containers and no curl: the manifests use sh, coreutils and perl."""
    for path in EXAMPLES.glob("*.yaml"):
        assert not {"python3", "curl", "wget", "nc"} & set(path.read_text().split()), path
        assert f"nsrunner run examples/{path.name}" in path.read_text()
