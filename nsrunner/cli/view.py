"""What ``run`` shows: log lines for standard output; events and changes of state, in words, for standard error.

Pure: items in, text out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .output import Palette, escape
from .repeats import Repeats

if TYPE_CHECKING:
    from ..library.items import LogLine, SkippedBytes
    from ..model.types import ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod, PodCondition
    from ..supervisor.events import KubeEvent

__all__ = ["Logs", "Talk"]


class Logs:
    """Prefixes each line with its container's name; the pod's name too when there are several pods.

    Lines may be of any length: pieces of one line are written as they come, and the line of one container is broken
    only when another container writes in between.
    """

    def __init__(
        self,
        containers: Sequence[tuple[str, str]],
        *,
        palette: Palette,
        prefix: bool = True,
        timestamps: bool = False,
    ) -> None:
        """``containers``: (pod, container) of all, in the order of the spec."""
        several = len({pod for pod, _ in containers}) > 1
        names = {key: "/".join(key) if several else key[1] for key in containers}
        width = max((len(name) for name in names.values()), default=0)
        self._prefixes = {
            key: f"{palette.nth(f'{name:<{width}} |', index)} ".encode() if prefix else b""
            for index, (key, name) in enumerate(names.items())
        }
        self._prefix = prefix
        self._timestamps = timestamps
        self._open: tuple[str, str, str] | None = None
        """Whose unfinished line the cursor is on."""

    def line(self, item: LogLine) -> bytes:
        source = (item.pod, item.container, item.stream)
        parts = []
        if self._open != source:
            if self._open is not None and self._prefix:
                parts.append(b"\n")
            parts.append(self._prefix_of(item.pod, item.container))
            if self._timestamps:
                parts.append(f"{item.time} ".encode())
        parts.append(item.data)
        if item.partial:
            self._open = source
        else:
            self._open = None
            parts.append(b"\n")
        return b"".join(parts)

    def end(self) -> bytes:
        """What completes the output: a newline when the last line has none."""
        return b"\n" if self._open is not None and self._prefix else b""

    def _prefix_of(self, pod: str, container: str) -> bytes:
        known = self._prefixes.get((pod, container))
        return known if known is not None else f"{container} | ".encode() if self._prefix else b""


_BACK_OFF: Final = r"back-off (\S+) restarting "
_STARTING: Final = frozenset({None, "ContainerCreating", "PodInitializing"})
"""Reasons to wait that need no words."""


class _Said:
    """What was last said about a pod, so that it is not said again."""

    def __init__(self) -> None:
        self.phase = ""
        self.ready = False
        self.gates = ""
        """Why it is not Ready although all its containers are."""
        self.ends: dict[str, str] = {}
        """Container to the instance whose end was told."""
        self.waits: dict[str, str] = {}
        self.health: dict[str, tuple[int | None, bool, bool]] = {}
        """Container to its restarts, and whether it was started and ready."""
        self.repeats = Repeats()


class Talk:
    """Events and states as lines ``HH:MM:SS  text``."""

    def __init__(
        self,
        *,
        palette: Palette,
        several: bool = False,
        quiet: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``several`` pods: then the name of a container's pod is said, too."""
        self._palette = palette
        self._several = several
        self._quiet = quiet
        self._clock = clock
        self._said: dict[str, _Said] = {}

    def note(self, text: str, style: str = "") -> bytes:
        """One line of our own."""
        stamp = self._palette.paint(_clock_time(self._clock()), "dim")
        body = escape(text)
        return f"{stamp}  {self._palette.paint(body, style) if style else body}\n".encode(errors="backslashreplace")

    def event(self, event: KubeEvent) -> bytes:
        whose = self._container(event.pod, event.container) if event.container else f"pod {event.pod}"
        if event.type == "Normal":
            return b"" if self._quiet else self.note(f"{whose}: {event.reason}: {event.message}")
        if not self._of(event.uid).repeats.shows(event):
            return b""
        times = f" (x{event.count})" if event.count > 1 else ""
        return self.note(f"{whose}: Warning {event.reason}: {event.message.rstrip(': ')}{times}", "yellow")

    def skipped(self, item: SkippedBytes) -> bytes:
        whose = self._container(item.pod, item.container)
        return self.note(f"{whose}: {item.bytes} bytes of log were rotated away before they could be written", "yellow")

    def changed(self, pod: Pod, next_starts: Mapping[str, float] | None = None) -> bytes:
        """What is different from the last time this pod was shown. ``next_starts``: of containers that wait for it, in
        seconds since the epoch."""
        said = self._of(pod.metadata.uid or "")
        name = pod.metadata.name or ""
        status = pod.status
        lines = []
        for container in (
            *status.init_container_statuses,
            *status.container_statuses,
            *status.ephemeral_container_statuses,
        ):
            whose = self._container(name, container.name)
            start = (next_starts or {}).get(container.name)
            lines += [self.note(f"{whose} {text}", style) for text, style in self._news(container, start, said)]
        if not self._quiet:
            lines += self._pod_news(pod, name, said)
        return b"".join(lines)

    def _of(self, uid: str) -> _Said:
        return self._said.setdefault(uid, _Said())

    def _container(self, pod: str, container: str) -> str:
        return f"container {pod}/{container}" if self._several else f"container {container}"

    def _news(self, container: ContainerStatus, start: float | None, said: _Said) -> Iterator[tuple[str, str]]:
        """(text, style) of what events do not tell: how an instance ended, and what the next one waits for."""
        end = _last_end(container)
        if end is not None:
            instance = f"{end.container_id} {end.finished_at} {end.exit_code}"
            if said.ends.get(container.name) != instance and (end.exit_code or not self._quiet):
                yield _ended(end), "red" if end.exit_code else ""
            said.ends[container.name] = instance
        waiting = container.state.waiting if container.state is not None else None
        told = f"{waiting.reason}: {waiting.message}" if waiting is not None else ""
        if waiting is not None and waiting.reason not in _STARTING and said.waits.get(container.name) != told:
            yield _wait(waiting, start), "yellow"
        said.waits[container.name] = told
        self._look_at_health(container, said)

    @staticmethod
    def _look_at_health(container: ContainerStatus, said: _Said) -> None:
        """With another instance, and when a probe succeeds again, failures are news."""
        restarts, started, ready = said.health.get(container.name, (container.restart_count, True, True))
        now = (container.restart_count, bool(container.started), bool(container.ready))
        said.health[container.name] = now
        if now[0] != restarts or (now[1] and not started) or (now[2] and not ready):
            said.repeats.forget_probes(container.name)

    def _pod_news(self, pod: Pod, name: str, said: _Said) -> Iterator[bytes]:
        status = pod.status
        if status.phase and status.phase != said.phase:
            said.phase = status.phase
            style = {"Succeeded": "green", "Failed": "red"}.get(status.phase, "")
            why = "".join(f": {part}" for part in (status.reason, status.message) if part)
            yield self.note(f"pod {name} is {status.phase}{why}", style)
        ready = _condition(pod, "Ready")
        is_ready = ready is not None and ready.status == "True"
        if is_ready and not said.ready:
            yield self.note(f"pod {name} is Ready")
        elif said.ready and not is_ready and all(map(_runs, status.container_statuses)):
            # When one of them does not run, that was said already.
            why = f": {ready.message}" if ready is not None and ready.message else ""
            yield self.note(f"pod {name} is not Ready any more{why}", "yellow")
        was_ready, said.ready = said.ready, is_ready
        # The containers are ready: otherwise that would be the reason.
        gates = (ready.message or "") if ready is not None and ready.reason == "ReadinessGatesNotReady" else ""
        if gates and gates != said.gates and not was_ready:
            yield self.note(f"pod {name} waits to be Ready: {gates}")
        said.gates = gates


def _condition(pod: Pod, kind: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == kind), None)


def _runs(container: ContainerStatus) -> bool:
    return container.state is not None and container.state.running is not None


def _last_end(container: ContainerStatus) -> ContainerStateTerminated | None:
    """How the newest instance that has ended did so."""
    for state in (container.state, container.last_state):
        if state is not None and state.terminated is not None:
            return state.terminated
    return None


def _ended(end: ContainerStateTerminated) -> str:
    if end.reason == "ContainerStatusUnknown" and not end.container_id:
        return "was never started"  # upstream's code 137 and its message say that it cannot be found
    reason = f" ({end.reason})" if end.reason and end.reason not in ("Completed", "Error") else ""
    message = (end.message or "").strip()
    return f"ended with exit code {end.exit_code}{reason}" + (f": {message}" if message else "")


def _wait(waiting: ContainerStateWaiting, start: float | None) -> str:
    """`` waits: CrashLoopBackOff, next start at 12:01:13 (back-off 10s)``; others have their message."""
    text = f"waits: {waiting.reason}"
    if start is not None:
        text += f", next start at {_clock_time(start)}"
    message = waiting.message or ""
    found = re.match(_BACK_OFF, message) if waiting.reason == "CrashLoopBackOff" else None
    if found is not None:
        return f"{text} (back-off {found[1]})"
    return f"{text}: {message}" if message else text


def _clock_time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
