"""The httpGet probe as it nearly always is, without a task: one request to the pod's own address, and its response.

What is rare is left to :mod:`nsrunner.supervisor.probes.http`, which has the same words for everything: TLS, other
hosts, and what follows a redirect.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from nsrunner.model.types import AnyContainer, Probe
from nsrunner.sandbox.talks import CHUNK, CONNECT, SEND, WAIT
from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.http import http_request, outcome_of, outcome_of_status
from nsrunner.supervisor.probes.http_get import IN_BODY, NO_HEADERS, GetError, follow, leads_on
from nsrunner.supervisor.probes.http_request import Headers, RequestError, request_bytes
from nsrunner.supervisor.probes.http_response import BodyError, Response, ResponseError
from nsrunner.supervisor.probes.line import Line
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure
from nsrunner.supervisor.probes.poller import READABLE, WRITABLE, Poller
from nsrunner.supervisor.probes.run import TRIES
from nsrunner.supervisor.probes.stream import StreamError, words
from nsrunner.supervisor.probes.url import Url
from nsrunner.supervisor.probes.words import go_errno, host_port

__all__ = ["Attempt", "QuickProbe", "Redirect", "follow_redirect", "quick_probe"]

_IN_TALK: Final = frozenset({errno.EPIPE, errno.ECONNRESET})
"""What the first write says of a connection that came about and has ended; anything else is why it did not."""


class QuickProbe(Struct, frozen=True, kw_only=True):
    """What every attempt of a probe has in common."""

    url: Url
    headers: Headers
    request: bytes
    timeout: float
    line: Line
    """To be closed when there are no more attempts to come."""


def quick_probe(probe: Probe, container: AnyContainer, network: Network) -> QuickProbe | None:
    """None: it is none of these, or something about it is wrong."""
    action = probe.http_get
    if action is None or action.host or (action.scheme or "HTTP").upper() != "HTTP" or network.own is None:
        return None
    try:
        url, headers = http_request(action, container, network.ip, "probe")
        request = request_bytes(url, headers)
    except (ProbeError, RequestError):
        return None
    timeout = float(probe.timeout_seconds or 1)
    return QuickProbe(url=url, headers=headers, request=request, timeout=timeout, line=Line(network, url.port))


class Redirect(Struct, frozen=True):
    """A response that has to be followed: not quick any more."""

    response: Response
    trouble: BodyError | None
    deadline: float
    tries: int
    """Attempts so far."""


async def follow_redirect(probe: QuickProbe, network: Network, redirect: Redirect) -> Outcome:
    """Where it leads to. Raises ProbeError."""
    first = redirect.response, redirect.trouble
    try:
        return outcome_of(await follow(network, probe.url, probe.headers, first, redirect.deadline))
    except GetError as error:
        return failure(str(error))
    except BodyError as error:
        raise ProbeError(str(error)) from None


class Attempt:
    """One attempt, which tries again at once when it errs. ``done`` is told once what came of it, perhaps within
    :meth:`begin`, unless it is cancelled; an exception that is no ProbeError is a mistake of ours."""

    __slots__ = ("_done", "_fd", "_poller", "_probe", "_response", "_talks", "_tries", "_unsent", "deadline")

    def __init__(
        self, probe: QuickProbe, poller: Poller, done: Callable[[Outcome | Redirect | Exception], None]
    ) -> None:
        self._probe = probe
        self._poller = poller
        self._done = done
        self._fd = -1
        self._tries = 0
        self._response: Response | None = None
        """What came in more than one piece, or was not as plain as can be."""
        self._unsent = b""
        self._talks = False
        """Something was sent."""
        self.deadline = 0.0

    def begin(self) -> None:
        self._go(self._open)

    def cancel(self) -> None:
        self._close()

    # --- for the poller -----------------------------------------------------------------------------------------------

    def ready(self) -> None:
        self._go(self._send if self._unsent else self._receive if self._response is None else self._receive_more)

    def expired(self) -> None:
        self._go(self._time_is_up)

    # --- steps: what came of the attempt, or None while it waits ------------------------------------------------------

    def _open(self) -> None:
        probe, poller = self._probe, self._poller
        self._tries += 1
        self._response = None
        self._unsent, self._talks = b"", False
        self.deadline = poller.time() + probe.timeout
        fd, known = probe.line.take()
        self._fd = fd
        step, sent = poller.talks.begin(fd, probe.line.peer, probe.request, known=known)
        if step == WAIT:
            poller.expect(fd, self)
        elif step == CONNECT:
            raise self._not_reached(-sent)
        elif step == SEND and sent < 0 and sent != -errno.EAGAIN:
            raise self._not_sent(OSError(-sent, os.strerror(-sent)))
        else:
            self._rest(max(sent, 0), probe.request)

    def _rest(self, sent: int, request: bytes) -> None:
        self._talks = self._talks or sent > 0
        self._unsent = request[sent:]
        self._poller.watch(self._fd, WRITABLE if self._unsent else READABLE, self)

    def _send(self) -> None:
        try:
            with self._socket() as sock:
                sent = sock.send(self._unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._not_sent(error) from None
        self._rest(sent, self._unsent)

    def _receive(self) -> Outcome | Redirect | None:
        talks = self._poller.talks
        length, status, parted = talks.answer(self._fd)
        if status:
            if parted:
                self._probe.line.give_back(self._fd)
                self._fd = -1
            return outcome_of_status(status)
        if length < 0:
            return self._received(OSError(-length, os.strerror(-length)))
        return self._received(talks.data(length))

    def _receive_more(self) -> Outcome | Redirect | None:
        try:
            return self._received(os.read(self._fd, CHUNK))
        except OSError as error:
            return self._received(error)

    def _received(self, data: bytes | OSError) -> Outcome | Redirect | None:
        response = self._response = self._response or Response()
        if data == b"":
            response.end()
        elif isinstance(data, OSError):
            if data.errno != errno.EAGAIN:
                raise StreamError(self._words("read", data)) from None
            self._poller.watch(self._fd, READABLE, self)
            return None
        elif not response.feed(data):
            self._poller.watch(self._fd, READABLE, self)
            return None
        return self._redirect(response, None) if leads_on(response) else outcome_of(response)

    def _time_is_up(self) -> None:
        raise BodyError(IN_BODY) if self._response is not None and self._response.status else StreamError(NO_HEADERS)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _go(self, step: Callable[[], Outcome | Redirect | None]) -> None:
        """A step, and what comes of what it raises."""
        result: Outcome | Redirect | Exception | None
        while True:
            try:
                result = step()
                if result is None:
                    return
            except (BodyError, StreamError, ResponseError, DialError) as error:
                result = self._broken(error)
            except Exception as error:  # noqa: BLE001 - a ProbeError, or a mistake that costs this attempt alone
                result = error
            self._close()
            if not isinstance(result, ProbeError) or self._tries >= TRIES:
                break
            step = self._open
        self._done(result)

    def _broken(self, error: Exception) -> Outcome | Redirect | ProbeError:
        """Before the headers were complete it is a failure of the container's."""
        response = self._response
        if response is None or not response.status:
            return failure(str(GetError(self._probe.url, str(error))))
        trouble = error if isinstance(error, BodyError) else BodyError(str(error))
        return self._redirect(response, trouble) if leads_on(response) else ProbeError(str(trouble))

    def _redirect(self, response: Response, trouble: BodyError | None) -> Redirect:
        return Redirect(response, trouble, self.deadline, self._tries)

    def _not_sent(self, error: OSError) -> DialError | StreamError:
        if not self._talks and error.errno not in _IN_TALK:
            return self._not_reached(error.errno or 0)
        return StreamError(self._words("write", error))

    def _not_reached(self, code: int) -> DialError:
        return DialError(f"dial tcp {host_port(*self._address)}: connect: {go_errno(code)}")

    def _words(self, operation: str, error: OSError) -> str:
        with self._socket() as sock:
            return words(operation, sock, self._address, error)

    @property
    def _address(self) -> tuple[str, int]:
        _, ip, port = self._probe.line.peer
        return ip.decode(), port

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """The descriptor as an object, which does not close it."""
        sock = socket.socket(self._probe.line.peer[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0, self._fd)
        try:
            yield sock
        finally:
            sock.detach()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._poller.forget(fd)
            os.close(fd)
