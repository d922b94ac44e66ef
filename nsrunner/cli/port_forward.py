"""``nsrunner port-forward``: ports of this host that lead into a pod's network namespace."""

from __future__ import annotations

import argparse
import errno
import os
import selectors
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import HostError, SandboxError, UsageError
from .output import say, write
from .parser import Misuse, Parser

if TYPE_CHECKING:
    from .pods import RunningPod

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner port-forward POD [LOCAL:]REMOTE... [--address ADDRESS]"

_DESCRIPTION: Final = """\
Listen on ports of this host, and connect whoever comes to ports in the pod, on its loopback interface. ':80' takes any
free port here; a name of a container's port may stand for its number. It goes on until Ctrl-C, or until the pod ends.
"""

_EPILOG: Final = """\
examples:
  nsrunner port-forward web 8080:80
  nsrunner port-forward pod/web :http --address 0.0.0.0

exit codes:
  1    no such pod, or a port here is taken; also when the pod ended
  2    bad usage
  130  Ctrl-C
"""
_CHUNK: Final = 65536
_BACKLOG: Final = 64


class _Pair(NamedTuple):
    local: int
    remote: int


def parser() -> Parser:
    verb = Parser("nsrunner port-forward", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("pod", metavar="POD", help="name or uid of a running pod")
    verb.add_argument("ports", nargs="+", metavar="PORT", help="PORT, LOCAL:REMOTE or :REMOTE")
    verb.add_argument("--address", action="append", default=[], metavar="ADDRESS", help="to listen on (localhost)")
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="the pod's, when the name alone is ambiguous")
    return verb


def run(options: argparse.Namespace) -> int:
    from ..sandbox.client import Client
    from .pods import find_pod

    pod = find_pod(options.pod, options.namespace)
    pairs = [_pair(text, pod) for text in options.ports]
    addresses = [part for each in options.address or ["localhost"] for part in each.split(",") if part]
    with Client(pod.record.paths.run) as client:
        if client.snapshot.pause_pid <= 0:
            raise UsageError(f'pod "{pod.name}" has no sandbox to forward to')
        pidfd = -1
        if not (pod.object.get("spec") or {}).get("hostNetwork"):
            pidfd = os.pidfd_open(client.snapshot.pause_pid)
        forwarder = Forwarder(pidfd, client.fileno(), lambda: _gone(client))
        for pair in pairs:
            forwarder.listen(addresses, pair)
        forwarder.run()
    raise HostError(f'lost connection to pod "{pod.name}"')


def _gone(client: object) -> bool:
    """Takes what the shim says; whether it is gone with the pod."""
    from ..sandbox.client import Client

    assert isinstance(client, Client)
    try:
        client.process()
    except SandboxError:
        return True
    return False


def _pair(text: str, pod: RunningPod) -> _Pair:
    """Raises Misuse, UsageError."""
    local, colon, remote = text.rpartition(":")
    number = _number(remote, pod)
    if not colon:
        return _Pair(number, number)
    if local == "":
        return _Pair(0, number)
    if not local.isascii() or not local.isdigit() or int(local[:6]) > 0xFFFF:
        raise Misuse(f"invalid ports {text}: LOCAL must be a number up to 65535")
    return _Pair(int(local), number)


def _number(text: str, pod: RunningPod) -> int:
    if text.isascii() and text.isdigit():
        if not 0 < int(text[:6]) <= 0xFFFF:
            raise Misuse(f"invalid port {text}: must be from 1 to 65535")
        return int(text)
    spec = pod.object.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for port in container.get("ports") or ():
            if port.get("name") == text:
                return int(port["containerPort"])
    raise UsageError(f"pod '{pod.name}' does not have a named port '{text}'")


class _Flow:
    """One direction of a connection: what was read and is not written yet."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.waiting = b""
        self.ended = False
        """Nothing more comes from the source."""


class Forwarder:
    """Listens, and copies, in one thread and with bounded memory."""

    def __init__(self, pidfd: int, watched: int, gone: Callable[[], bool]) -> None:
        """``pidfd`` -1: the host's own network. ``watched`` is readable when ``gone`` is to be asked."""
        self._pidfd = pidfd
        self._gone = gone
        self._selector = selectors.DefaultSelector()
        self._selector.register(watched, selectors.EVENT_READ, None)
        self._flows: dict[socket.socket, tuple[_Flow, _Flow]] = {}
        """By either end: the flow from it, and the one to it."""

    def listen(self, addresses: list[str], pair: _Pair) -> None:
        """Raises HostError when no address can be had."""
        failure: OSError | None = None
        there = False
        port = pair.local
        for address in addresses:
            for host in ("127.0.0.1", "::1") if address == "localhost" else (address,):
                try:
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    server = socket.create_server((host, port), family=family, backlog=_BACKLOG)
                except OSError as error:
                    failure = error
                    continue
                there = True
                server.setblocking(False)
                port = port or server.getsockname()[1]
                self._selector.register(server, selectors.EVENT_READ, pair.remote)
                shown = f"[{host}]" if ":" in host else host
                write(f"Forwarding from {shown}:{server.getsockname()[1]} -> {pair.remote}\n")
        if not there:
            assert failure is not None
            raise HostError(f"unable to listen on port {pair.local}: {failure.strerror or failure}")

    def run(self) -> None:
        """Until the pod is gone; closes all connections then."""
        try:
            self._run()
        finally:
            for key in list(self._selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
            for sock in self._flows:
                sock.close()
            self._selector.close()

    def _run(self) -> None:
        while True:
            for key, events in self._selector.select():
                if key.data is None:
                    if self._gone():
                        return
                elif isinstance(key.data, int):
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type] # what was registered is a socket
                elif key.fileobj in self._flows:
                    self._serve(key.fileobj, events)

    def _accept(self, server: socket.socket, remote: int) -> None:
        try:
            ours, _ = server.accept()
        except OSError:  # the client went away, or there is no descriptor left: the next one may do better
            return
        write(f"Handling connection for {server.getsockname()[1]}\n")
        try:
            theirs = self._connect(remote)
        except (OSError, SandboxError) as error:
            say(f"error forwarding port {remote}: {getattr(error, 'strerror', None) or error}")
            ours.close()
            return
        ours.setblocking(False)
        there, back = _Flow(ours, theirs), _Flow(theirs, ours)
        self._flows[ours], self._flows[theirs] = (there, back), (back, there)
        for sock in (ours, theirs):
            self._selector.register(sock, selectors.EVENT_READ, self)

    def _connect(self, port: int) -> socket.socket:
        """A connection to the pod's loopback: at once, or refused. Raises OSError, SandboxError."""
        failure: OSError | None = None
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                sock = self._socket(family)
            except (OSError, SandboxError):
                if failure is not None:
                    break
                raise
            code = sock.connect_ex((address, port))  # over loopback a refusal is known at once
            if code in (0, errno.EINPROGRESS):
                return sock
            sock.close()
            failure = failure or OSError(code, os.strerror(code))
        assert failure is not None
        raise failure

    def _socket(self, family: int) -> socket.socket:
        if self._pidfd < 0:
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            sock.setblocking(False)
            return sock
        from ..sandbox.sockets import sockets_in_pod

        return sockets_in_pod(self._pidfd, family=family)[0]

    def _serve(self, sock: socket.socket, events: int) -> None:
        flow, other = self._flows[sock]
        try:
            if events & selectors.EVENT_WRITE and other.waiting:
                other.waiting = other.waiting[sock.send(other.waiting) :]
                if not other.waiting and other.ended:
                    sock.shutdown(socket.SHUT_WR)
            if events & selectors.EVENT_READ and not flow.ended and not flow.waiting:
                self._read(flow)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(flow)
            return
        if flow.ended and other.ended and not flow.waiting and not other.waiting:
            self._drop(flow)
            return
        for each in (flow.source, flow.target):
            self._watch(each)

    def _read(self, flow: _Flow) -> None:
        data = flow.source.recv(_CHUNK)
        if not data:
            flow.ended = True
            flow.target.shutdown(socket.SHUT_WR)
            return
        try:
            sent = flow.target.send(data)
        except BlockingIOError:
            sent = 0
        flow.waiting = data[sent:]

    def _watch(self, sock: socket.socket) -> None:
        """For what can be done with it now: nothing is read while the other side does not take it."""
        flow, other = self._flows[sock]
        events = 0 if flow.ended or flow.waiting else selectors.EVENT_READ
        events |= selectors.EVENT_WRITE if other.waiting else 0
        known = sock in self._selector.get_map()
        if events and known:
            self._selector.modify(sock, events, self)
        elif events:
            self._selector.register(sock, events, self)
        elif known:
            self._selector.unregister(sock)

    def _drop(self, flow: _Flow) -> None:
        for sock in (flow.source, flow.target):
            self._flows.pop(sock, None)
            if sock in self._selector.get_map():
                self._selector.unregister(sock)
            sock.close()
