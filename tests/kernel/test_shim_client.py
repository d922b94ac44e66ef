"""The asyncio client with real shims: sandboxes, containers, execs, from Python to the kernel and back."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nsrunner.errors import SandboxError
from nsrunner.model import load
from nsrunner.model.types import Pod
from nsrunner.sandbox import logs
from nsrunner.sandbox.client import Client
from nsrunner.sandbox.host import HostFacts, gather
from nsrunner.sandbox.records import ContainerExit, ContainerRunning, SandboxDeath
from nsrunner.sandbox.rootfs import ImageRoot, resolve
from nsrunner.sandbox.shim import Shim, Shims
from nsrunner.sandbox.sockets import sockets_in_pod
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec
from nsrunner.sandbox.state import RegisteredPod, Roots, registered, this_process
from nsrunner.supervisor.plan import Node, SandboxPlan, plan_container, plan_sandbox

FACTS: HostFacts = gather()


@dataclass(slots=True)
class World:
    """A pod with its shim."""

    pod: Pod
    node: Node
    image: ImageRoot
    registered: RegisteredPod
    shim: Shim
    plan: SandboxPlan

    def container(self, name: str = "main", attempt: int = 0) -> ContainerSpec:
        return plan_container(self.pod, name, self.node, attempt=attempt, sandbox=self.plan, image=self.image).spec

    async def start(self, name: str = "main", attempt: int = 0) -> ContainerRunning:
        return await self.shim.start_container(self.shim.new_id(), self.container(name, attempt))

    async def exit(self) -> ContainerExit:
        async for record in self.shim.records():
            self.shim.acknowledge(record.record)
            assert isinstance(record, ContainerExit), record
            return record
        raise AssertionError("no record")

    def log(self, name: str = "main", attempt: int = 0) -> str:
        items = logs.read(f"{self.registered.paths.logs}/{name}", attempt)
        return b"".join(logs.render(items)).decode()

    def streams(self, name: str = "main", attempt: int = 0) -> dict[str, bytes]:
        """What came by each of the pipes; nothing is promised of the order between the two."""
        found: dict[str, bytes] = {}
        for item in logs.read(f"{self.registered.paths.logs}/{name}", attempt):
            assert isinstance(item, logs.LogEntry)
            end = b"" if item.partial else b"\n"
            found[item.stream] = found.get(item.stream, b"") + item.data + end
        return found


def parse(spec: dict[str, Any]) -> Pod:
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    (document,) = load(json.dumps(data).encode(), "test")
    assert isinstance(document.object, Pod), document.errors
    return replace(
        document.object,
        metadata=replace(document.object.metadata, uid=str(uuid.uuid4()), namespace="default"),
    )


@asynccontextmanager
async def world(spec: dict[str, Any], *, create: bool = True) -> AsyncIterator[World]:
    """A pod of this process; everything of it is removed at the end."""
    roots = Roots.from_environment()
    node = Node(facts=FACTS, roots=roots)
    pod = parse(spec)
    owner = this_process()
    plan = plan_sandbox(pod, node, owner=owner, attempt=0)
    image = resolve("host", FACTS, roots)
    assert image is not None
    record = RegisteredPod(
        uid=pod.metadata.uid,
        namespace="default",
        name="web",
        owner=owner,
        paths=plan.spec.paths,
        cgroup=plan.spec.cgroup,
    )
    async with asyncio.timeout(60):
        shim, _ = await Shims(roots).launch(record, lambda shim: None)
        try:
            if create:
                await shim.create_sandbox(shim.new_id(), plan.spec)
            yield World(pod, node, image, record, shim, plan)
        finally:
            if not shim.closed:
                await shim.remove_pod(shim.new_id())
                async for death in shim.records():
                    if isinstance(death, SandboxDeath) and death.record == 0:
                        break
            await shim.close()


def sh(script: str, **fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "host", "command": ["/bin/sh", "-c", script], **fields}


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_a_container_runs_to_its_end() -> None:
    async def test() -> None:
        async with world({"containers": [sh("echo out; echo err >&2; printf half; exit 3")]}) as w:
            started = await w.start()
            assert started.pid > 0
            record = await w.exit()
            assert (record.name, record.attempt, record.exit_code) == ("main", 0, 3)
            assert record.started.boottime <= record.finished.boottime
            assert abs(record.finished.realtime - time.time()) < 60
            assert w.streams() == {"stdout": b"out\nhalf", "stderr": b"err\n"}
            assert [pod.uid for pod in registered(w.node.roots)] == [w.pod.metadata.uid]

    run(test)


def test_a_sandbox_and_a_container_are_asked_for_at_once() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}, create=False) as w:
            created = w.shim.create_sandbox(1, w.plan.spec)
            running = w.shim.start_container(2, w.container())
            assert (await created).pause_pid > 0
            assert (await running).pid > 0

    run(test)


def test_a_repeated_command_is_not_carried_out_twice() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            first = await w.shim.start_container(77, w.container())
            again = await w.shim.start_container(77, w.container())
            assert first == again
            assert len((await w.shim.inspect()).running) == 1

    run(test)


def test_what_a_container_sees() -> None:
    script = """
        hostname; cat /etc/hostname; id -u; grep -c . /etc/hosts; cat /proc/1/comm; ls /run | wc -l
        grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; ulimit -n; umask; pwd
        echo bye > /dev/termination-log
    """

    async def test() -> None:
        async with world({"containers": [sh(script, workingDir="/usr")], "hostname": "box"}) as w:
            await w.start()
            record = await w.exit()
            assert record.exit_code == 0, w.log()
            lines = w.log().splitlines()
            assert lines[:5] == ["box", "box", "0", "8", "sh"]
            assert int(lines[6].split()[1], 16) & ~w.container().credentials.bounding == 0
            assert lines[7].split() == ["Seccomp:", "2"]
            assert lines[8:] == ["1024", "0022", "/usr"]
            assert record.termination_message == b"bye\n"

    run(test)


def test_containers_share_the_network_and_volumes() -> None:
    server = """
import socket
with socket.create_server(("", 8080)) as listener:
    open("/data/ready", "w").close()
    listener.accept()[0].sendall(b"hello")
"""
    client = """
import socket
print(socket.create_connection(("127.0.0.1", 8080)).recv(9).decode(), flush=True)
print(open("/elsewhere/ready").read() == "")
"""
    spec = {
        "containers": [
            {
                "name": "server",
                "image": "host",
                "command": ["/usr/bin/python3", "-c", server],
                "volumeMounts": [{"name": "v", "mountPath": "/data"}],
            },
            {
                "name": "client",
                "image": "host",
                "command": ["/usr/bin/python3", "-c", client],
                "volumeMounts": [{"name": "v", "mountPath": "/elsewhere", "readOnly": True}],
            },
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }

    async def test() -> None:
        async with world(spec) as w:
            await w.start("server")
            volume = await w.shim.open_volume("v")
            try:
                await _appears(f"/proc/self/fd/{volume}/ready")
            finally:
                os.close(volume)
            await w.start("client")
            assert {(await w.exit()).exit_code, (await w.exit()).exit_code} == {0}, w.log("client")
            assert w.log("client").split() == ["hello", "True"]

    run(test)


async def _appears(path: str) -> None:
    """inotify cannot watch what is in another mount namespace by its path; a directory's descriptor can."""
    from nsrunner.sandbox.inotify import CREATE, Inotify

    watch = Inotify(os.path.dirname(path), CREATE)
    loop, found = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(watch.fileno(), found.set)
    try:
        while not os.access(path, os.F_OK):
            await found.wait()
            found.clear()
            list(watch.changes())
    finally:
        loop.remove_reader(watch.fileno())
        watch.close()


def test_exec_in_a_container() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000", env=[{"name": "A", "value": "1"}])]}) as w:
            running = await w.start()
            collected = await w.shim.exec(
                ExecSpec(container_id=running.container_id, argv=("sh", "-c", "echo $A; exit 7"), output_limit=100)
            )
            result = await collected.result()
            assert (result.exit_code, result.output) == (7, b"1\n")
            read, write = os.pipe()
            null = os.open("/dev/null", os.O_RDONLY)
            passed = await w.shim.exec(
                ExecSpec(container_id=running.container_id, argv=("/bin/echo", "hi")),
                stdin=null,
                stdout=write,
                stderr=write,
            )
            assert (await passed.result()).exit_code == 0
            os.close(write)
            os.close(null)
            assert os.read(read, 10) == b"hi\n"
            os.close(read)

    run(test)


def test_exec_with_a_terminal() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            running = await w.start()
            spec = ExecSpec(
                container_id=running.container_id, argv=("sh", "-c", "read x; stty size"), tty=True, rows=20, columns=70
            )
            process = await w.shim.exec(spec)
            assert process.console is not None
            await process.resize(33, 44)
            os.write(process.console, b"\n")
            assert (await process.result()).exit_code == 0
            os.set_blocking(process.console, False)
            assert b"33 44" in os.read(process.console, 4096)
            os.close(process.console)

    run(test)


def test_an_exec_beyond_its_time_is_killed_with_its_children() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            running = await w.start()
            spec = ExecSpec(
                container_id=running.container_id,
                argv=("sh", "-c", "sleep 1000 & sleep 1000"),
                timeout_ms=50,
                output_limit=1,
            )
            result = await (await w.shim.exec(spec)).result()
            assert result.timed_out and result.exit_code == 137

    run(test)


def test_a_program_that_cannot_be_run() -> None:
    async def test() -> None:
        broken = {"name": "main", "image": "host", "command": ["/does/not/exist"]}
        async with world({"containers": [broken]}) as w:
            with pytest.raises(SandboxError) as caught:
                await w.start()
            assert caught.value.step in ("exec", "find executable in PATH")
            running = (await w.shim.inspect()).running
            assert running == ()

    run(test)


def test_signals() -> None:
    async def test() -> None:
        async with world({"containers": [sh("trap 'exit 5' TERM; echo up; while :; do sleep 1; done")]}) as w:
            running = await w.start()
            ended = asyncio.Event()
            async for item in logs.follow(f"{w.registered.paths.logs}/main", 0, ended):
                assert isinstance(item, logs.LogEntry) and item.data == b"up"
                break
            await w.shim.signal(w.shim.new_id(), running.container_id, signal.SIGTERM)
            await w.shim.signal(w.shim.new_id(), running.container_id, signal.SIGKILL, whole=True)
            assert (await w.exit()).exit_code in (5, 137)
            await w.shim.signal(w.shim.new_id(), running.container_id, signal.SIGTERM)

    run(test)


def test_pause_dies() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}, create=False) as w:
            created = await w.shim.create_sandbox(1, w.plan.spec)
            await w.start()
            os.kill(created.pause_pid, signal.SIGKILL)
            seen = []
            async for record in w.shim.records():
                w.shim.acknowledge(record.record)
                seen.append(record)
                if isinstance(record, SandboxDeath):
                    break
            assert isinstance(seen[0], ContainerExit) and seen[0].exit_code == 137
            assert seen[-1].attempt == 0

    run(test)


def test_another_sandbox_in_the_same_shim() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            await w.start()
            await w.shim.stop_sandbox(w.shim.new_id(), 0)
            w.plan = plan_sandbox(w.pod, w.node, owner=this_process(), attempt=1)
            created = await w.shim.create_sandbox(w.shim.new_id(), w.plan.spec)
            assert created.attempt == 1
            assert (await w.start(attempt=1)).pid > 0

    run(test)


def test_a_second_process_looks_in() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            running = await w.start()

            def look() -> tuple[str, int]:
                with Client(w.registered.paths.run) as client:
                    (container,) = client.snapshot.running
                    spec = ExecSpec(container_id=container.container_id, argv=("sh", "-c", "exit 9"), output_limit=1)
                    result = client.exec(spec).wait(20)
                    assert result is not None
                    return container.name, result.exit_code

            assert await asyncio.to_thread(look) == ("main", 9)
            assert (await w.shim.inspect()).running[0].pid == running.pid

    run(test)


def test_a_socket_in_the_pod() -> None:
    server = (
        "import socket; s = socket.create_server(('192.0.2.1', 80)); print(1, flush=True); s.accept()[0].send(b'x')"
    )
    spec = {"containers": [{"name": "main", "image": "host", "command": ["/usr/bin/python3", "-c", server]}]}

    async def test() -> None:
        async with world(spec, create=False) as w:
            created = await w.shim.create_sandbox(1, w.plan.spec)
            await w.start()
            async for _ in logs.follow(f"{w.registered.paths.logs}/main", 0, asyncio.Event()):
                break
            pidfd = os.pidfd_open(created.pause_pid)
            before = os.stat("/proc/self/ns/net").st_ino
            try:
                (sock,) = sockets_in_pod(pidfd)
            finally:
                os.close(pidfd)
            with sock:
                await asyncio.get_running_loop().sock_connect(sock, ("192.0.2.1", 80))
                assert await asyncio.get_running_loop().sock_recv(sock, 9) == b"x"
            assert os.stat("/proc/self/ns/net").st_ino == before
            with socket.socket() as outside:
                outside.settimeout(0.2)
                assert outside.connect_ex(("192.0.2.1", 80)) != 0
            assert (await w.exit()).exit_code == 0

    run(test)


def test_removing_a_container() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exit 0")]}) as w:
            for attempt in (0, 1):
                await w.start(attempt=attempt)
                record = await w.exit()
            await w.shim.remove_container(w.shim.new_id(), w.container(attempt=0).id)
            assert logs.attempts(f"{w.registered.paths.logs}/main") == [1]
            assert record.attempt == 1

    run(test)


def test_a_restarted_container_begins_with_a_clean_root() -> None:
    async def test() -> None:
        async with world({"containers": [sh("test ! -e /written && touch /written && ls / | grep written")]}) as w:
            for attempt in (0, 1):
                await w.start(attempt=attempt)
                assert (await w.exit()).exit_code == 0, w.log(attempt=attempt)

    run(test)
    assert not Path("/written").exists()


def test_privileged_and_host_namespaces() -> None:
    script = "cd /proc/self/ns; readlink net uts ipc pid; grep CapBnd /proc/self/status"
    spec = {
        "hostNetwork": True,
        "hostPID": True,
        "hostIPC": True,
        "containers": [sh(script, securityContext={"privileged": True})],
    }

    async def test() -> None:
        async with world(spec) as w:
            await w.start()
            assert (await w.exit()).exit_code == 0
            lines = w.log().split("\n")
            assert lines[:4] == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "uts", "ipc", "pid")]
            assert int(lines[4].split()[1], 16) == FACTS.capabilities

    run(test)


def test_every_user_field_arrives() -> None:
    script = "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; touch /x 2>/dev/null || echo read-only"
    context = {
        "runAsUser": 1234,
        "runAsGroup": 4321,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
    }
    spec = {"containers": [sh(script, securityContext=context)], "securityContext": {"supplementalGroups": [7, 8]}}

    async def test() -> None:
        async with world(spec) as w:
            await w.start()
            assert (await w.exit()).exit_code == 0
            lines = w.log().splitlines()
            assert lines[:3] == ["1234", "4321", "4321 7 8"]
            assert lines[3].split() == ["NoNewPrivs:", "1"]
            assert lines[4] == "read-only"

    run(test)


def test_a_spec_of_the_planner_is_accepted_by_the_decoder() -> None:
    from nsrunner.sandbox import native
    from nsrunner.sandbox.wire_specs import encode_container, encode_sandbox

    roots = Roots.from_environment()
    node = Node(facts=FACTS, roots=roots)
    pod = parse({"containers": [sh("x")], "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}]})
    plan = plan_sandbox(pod, node, owner=this_process(), attempt=0)
    image = resolve("host", FACTS, roots)
    assert image is not None
    native.check_spec(1, encode_sandbox(plan.spec))
    spec = plan_container(pod, "main", node, attempt=0, sandbox=plan, image=image).spec
    native.check_spec(2, encode_container(spec))
    with pytest.raises(SandboxError):
        native.check_spec(2, encode_container(replace(spec, cwd="relative")))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_shim_that_hangs_can_be_ended() -> None:
    async def test() -> None:
        async with world({"containers": [sh("exec sleep 1000")]}) as w:
            running = await w.start()
            shim = parent(running.pid)
            pidfds = [os.pidfd_open(pid) for pid in (running.pid, shim)]
            os.kill(shim, signal.SIGSTOP)
            await w.shim.kill()
            for pidfd in pidfds:
                assert await asyncio.to_thread(select.select, [pidfd], [], [], 10) != ([], [], [])
                os.close(pidfd)
            await Shims(w.node.roots).remove(w.registered)

    run(test)
