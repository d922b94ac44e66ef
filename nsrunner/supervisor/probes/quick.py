"""The httpGet probe as it nearly always is, without a task: one request to the pod's own address, and its response.

What is rare is left to :mod:`nsrunner.supervisor.probes.http`, which has the same words for everything: TLS, other
hosts, and what follows a redirect.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from nsrunner.model.types import AnyContainer, Probe
from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.http import http_request, outcome_of
from nsrunner.supervisor.probes.http_get import IN_BODY, NO_HEADERS, GetError, follow, leads_on
from nsrunner.supervisor.probes.http_request import Headers, RequestError, request_bytes
from nsrunner.supervisor.probes.http_response import BodyError, Response, ResponseError
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure
from nsrunner.supervisor.probes.poller import READABLE, WRITABLE, Poller
from nsrunner.supervisor.probes.run import TRIES
from nsrunner.supervisor.probes.stream import CHUNK, StreamError, words
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
    address: tuple[str, int]
    timeout: float


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
    return QuickProbe(url=url, headers=headers, request=request, address=(network.ip, url.port), timeout=timeout)


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

    __slots__ = (
        "_done", "_network", "_poller", "_probe", "_response", "_sock", "_talks", "_tries", "_unsent", "deadline",
    )  # fmt: skip

    def __init__(
        self,
        probe: QuickProbe,
        network: Network,
        poller: Poller,
        done: Callable[[Outcome | Redirect | Exception], None],
    ) -> None:
        self._probe = probe
        self._network = network
        self._poller = poller
        self._done = done
        self._sock: socket.socket | None = None
        self._tries = 0
        self.deadline = 0.0

    def begin(self) -> None:
        self._go(self._open)

    def cancel(self) -> None:
        self._close()

    # --- for the poller -----------------------------------------------------------------------------------------------

    def ready(self) -> None:
        self._go(self._send if self._unsent else self._receive)

    def expired(self) -> None:
        self._go(self._time_is_up)

    # --- steps: what came of the attempt, or None while it waits ------------------------------------------------------

    def _open(self) -> None:
        self._tries += 1
        self._response = Response()
        self._unsent = self._probe.request
        self._talks = False
        self.deadline = self._poller.time() + self._probe.timeout
        sock = self._sock = self._network.own_socket()
        code = sock.connect_ex(self._probe.address)
        if code not in (0, errno.EINPROGRESS):
            raise self._not_reached(code)
        # Within one machine the connection has come about by now; otherwise the request is refused, and we wait.
        self._send()

    def _send(self) -> None:
        sock = self._sock
        assert sock is not None
        try:
            sent = sock.send(self._unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            if not self._talks and error.errno not in _IN_TALK:
                raise self._not_reached(error.errno or 0) from None
            raise StreamError(words("write", sock, self._probe.address, error)) from None
        else:
            self._talks = True
        self._unsent = self._unsent[sent:]
        self._poller.watch(sock.fileno(), WRITABLE if self._unsent else READABLE, self)

    def _receive(self) -> Outcome | Redirect | None:
        sock, response = self._sock, self._response
        assert sock is not None
        try:
            data = sock.recv(CHUNK)
        except BlockingIOError:
            data = None
        except OSError as error:
            raise StreamError(words("read", sock, self._probe.address, error)) from None
        if data == b"":
            response.end()
        elif data is None or not response.feed(data):
            self._poller.watch(sock.fileno(), READABLE, self)
            return None
        return self._redirect(None) if leads_on(response) else outcome_of(response)

    def _time_is_up(self) -> None:
        raise BodyError(IN_BODY) if self._response.status else StreamError(NO_HEADERS)

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
        if not self._response.status:
            return failure(str(GetError(self._probe.url, str(error))))
        trouble = error if isinstance(error, BodyError) else BodyError(str(error))
        return self._redirect(trouble) if leads_on(self._response) else ProbeError(str(trouble))

    def _redirect(self, trouble: BodyError | None) -> Redirect:
        return Redirect(self._response, trouble, self.deadline, self._tries)

    def _not_reached(self, code: int) -> DialError:
        return DialError(f"dial tcp {host_port(*self._probe.address)}: connect: {go_errno(code)}")

    def _close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._poller.forget(sock.fileno())
            sock.close()
