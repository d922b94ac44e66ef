"""What the API asks of running pods: execs, attachments, logs, connections."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Final

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.ports import LogFiles, PodRef, Stats
from nsrunner.daemon.links import Link, Links
from nsrunner.daemon.pods import Pods
from nsrunner.daemon.sessions import AttachSession, ExecSession
from nsrunner.daemon.stats import read_stats
from nsrunner.errors import SandboxError
from nsrunner.model.types import ContainerStatus
from nsrunner.sandbox import logs
from nsrunner.sandbox.shim import Shim
from nsrunner.sandbox.sockets import sockets_in_pod
from nsrunner.sandbox.state import Roots
from nsrunner.supervisor.failures import exec_failure
from nsrunner.supervisor.ledger import RunningContainer
from nsrunner.supervisor.plan import plan_exec
from nsrunner.supervisor.pod import PodTask

__all__ = ["PodRuntime"]

_DIAL_SECONDS: Final = 10.0
_LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_IMAGE_WAITS: Final = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
    "InvalidImageName": "image name is invalid",
}


class PodRuntime:
    """Implements :class:`nsrunner.api.ports.Runtime` over the supervisor's tasks."""

    def __init__(self, pods: Pods, roots: Roots) -> None:
        self._pods = pods
        self._roots = roots
        self._links = Links()

    # --- execs and attachments ----------------------------------------------------------------------------------------

    def check_running(self, pod: PodRef, container: str) -> None:
        self._running(pod, container)

    async def exec(
        self, pod: PodRef, container: str, command: tuple[str, ...], *, stdin: int, stdout: int, stderr: int, tty: bool
    ) -> ExecSession:
        link, live = await self._reach(pod, container)
        fds = {} if tty else {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        try:
            return ExecSession(link, await link.shim.exec(plan_exec(live.id, command, tty=tty), **fds))
        except SandboxError as error:
            await link.close()
            failed = f"error executing command in container: exec failed: {exec_failure(error, command[0])}"
            raise _gone(container) if error.errno == errno.ESRCH else errors.internal(failed) from None
        except BaseException:
            await link.close()
            raise

    async def attach(self, pod: PodRef, container: str, *, stdin: int, stdout: int, stderr: int) -> AttachSession:
        link, live = await self._reach(pod, container)
        try:
            attachment = await link.shim.attach(live.id, stdin=stdin, stdout=stdout, stderr=stderr)
        except SandboxError as error:
            await link.close()
            failed = errors.internal(f"error attaching to container: {error}")
            raise _gone(container) if error.errno == errno.ESRCH else failed from None
        except BaseException:
            await link.close()
            raise
        return AttachSession(link, live.id, attachment)

    async def _reach(self, pod: PodRef, container: str) -> tuple[Link, RunningContainer]:
        task, live = self._running(pod, container)
        return await self._link(task, container), live

    def _running(self, pod: PodRef, container: str) -> tuple[PodTask, RunningContainer]:
        task = self._pods.task(pod.uid)
        if task is None or container not in task.running:
            raise _gone(container)
        return task, task.running[container]

    async def _link(self, task: PodTask, container: str) -> Link:
        try:
            return await self._links.open(task.registered.paths.run)
        except SandboxError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET):
                raise _gone(container) from None
            raise errors.internal(str(error)) from None

    # --- logs ---------------------------------------------------------------------------------------------------------

    def log_files(self, pod: PodRef, container: str, *, previous: bool) -> LogFiles:
        """Raises ApiError (400) with the kubelet's words when there is no such instance."""
        directory = f"{self._roots.pod_paths(pod.namespace, pod.name, pod.uid).logs}/{container}"
        task = self._pods.task(pod.uid)
        there = f'container "{container}" in pod "{pod.name}"'
        if task is None:
            attempts, status = logs.attempts(directory), None  # it has ended, before the last boot perhaps
        else:
            attempts = sorted(attempt for name, attempt in task.instances if name == container)
            status = _status(task, container)
        if previous:
            waits = status is not None and status.state is not None and status.state.waiting is not None
            older = attempts if waits else attempts[:-1]
            if not older:
                raise errors.bad_request(f"previous terminated {there} not found")
            return LogFiles(directory=directory, attempt=older[-1], running=False)
        if not attempts:
            raise errors.bad_request(f"{there} is {_waiting(status)}")
        running = task is not None and task.instances.get((container, attempts[-1]), False)
        return LogFiles(directory=directory, attempt=attempts[-1], running=running)

    async def log_ended(self, pod: PodRef, container: str, attempt: int) -> None:
        changed = asyncio.Event()
        end = self._pods.subscribe(pod.uid, changed.set)
        try:
            while (task := self._pods.task(pod.uid)) is not None and task.instances.get((container, attempt)):
                await changed.wait()
                changed.clear()
        finally:
            end()

    async def stats(self) -> Stats:
        return await read_stats(self._pods)

    # --- connections --------------------------------------------------------------------------------------------------

    async def dial(self, pod: PodRef, port: int) -> socket.socket:
        task = self._pods.task(pod.uid)
        if task is None or not task.running:
            raise errors.bad_request(f'unable to forward port because pod is not running: pod "{pod.name}"')
        try:
            if task.pod.spec.host_network:
                return await _dial(None, port)
            link = await self._link(task, next(iter(task.running)))
            try:
                pidfd = await _namespace(link.shim)
                try:
                    return await _dial(pidfd, port)
                finally:
                    os.close(pidfd)
            finally:
                await link.close()
        except SandboxError as error:
            raise _undialled(pod, port, str(error)) from None
        except TimeoutError:
            raise _undialled(pod, port, "i/o timeout") from None
        except OSError as error:
            raise _undialled(pod, port, os.strerror(error.errno or 0).lower()) from None  # asyncio has words of its own


async def _namespace(shim: Shim) -> int:
    """The pidfd of the process that holds the pod's namespaces. Raises SandboxError."""
    pause = (await shim.inspect()).pause_pid
    try:
        pidfd = os.pidfd_open(pause) if pause > 0 else -1
    except OSError as error:
        raise SandboxError("find the sandbox", error.errno or 0) from None
    if pidfd < 0 or (await shim.inspect()).pause_pid != pause:  # it had not been reaped when it was opened
        if pidfd >= 0:
            os.close(pidfd)
        raise SandboxError("find the sandbox", errno.ESRCH)
    return pidfd


async def _dial(pidfd: int | None, port: int) -> socket.socket:
    """Raises OSError, TimeoutError, SandboxError."""
    first: OSError | None = None
    for family, address in _LOOPBACK:
        try:
            if pidfd is None:
                sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            else:
                [sock] = sockets_in_pod(pidfd, family=family)
        except (OSError, SandboxError):
            if first is not None:
                break
            raise
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
            return sock
        except OSError as error:  # TimeoutError is one
            sock.close()
            first = first or error
        except BaseException:
            sock.close()
            raise
    assert first is not None, "there are two addresses"
    raise first


def _undialled(pod: PodRef, port: int, why: str) -> ApiError:
    what = f"error forwarding port {port} to pod {pod.uid}: failed to connect to localhost:{port} inside namespace"
    return errors.http_error(500, f"{what}: {why}")  # no prefix: a stream of errors carries the text alone


def _gone(container: str) -> ApiError:
    return errors.bad_request(f'container not found ("{container}")')


def _status(task: PodTask, container: str) -> ContainerStatus | None:
    status = task.status
    everyone = (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)
    return next((each for each in everyone if each.name == container), None)


def _waiting(status: ContainerStatus | None) -> str:
    state = status.state if status is not None else None
    waiting = state.waiting if state is not None else None
    if waiting is None:
        return "waiting to start - no logs yet"
    reason = waiting.reason or "ContainerCreating"
    return f"waiting to start: {_IMAGE_WAITS.get(reason, reason)}"
