"""What ``run`` shows: log lines for standard output; events and changes of state, in words, for standard error.

Pure: items in, text out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .columns import parse_time
from .output import Palette, escape

if TYPE_CHECKING:
    from ..library.items import LogLine, SkippedBytes
    from ..model.types import ContainerStatus, Pod
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


_BACK_OFF: Final = re.compile(r"back-off ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+) restarting")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was last said about a pod."""

    phase: str = ""
    ready: bool = False
    states: tuple[tuple[str, str], ...] = ()


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
        self._seen: dict[str, _Seen] = {}

    def note(self, text: str, style: str = "") -> bytes:
        """One line of our own."""
        stamp = self._palette.paint(_clock_time(self._clock()), "dim")
        body = escape(text)
        return f"{stamp}  {self._palette.paint(body, style) if style else body}\n".encode(errors="backslashreplace")

    def event(self, event: KubeEvent) -> bytes:
        whose = self._container(event.pod, event.container) if event.container else f"pod {event.pod}"
        if event.type == "Normal":
            return b"" if self._quiet else self.note(f"{whose}: {event.reason}: {event.message}")
        times = f" (x{event.count})" if event.count > 1 else ""
        return self.note(f"{whose}: Warning {event.reason}: {event.message}{times}", "yellow")

    def skipped(self, item: SkippedBytes) -> bytes:
        whose = self._container(item.pod, item.container)
        return self.note(f"{whose}: {item.bytes} bytes of log were rotated away before they could be written", "yellow")

    def changed(self, pod: Pod) -> bytes:
        """What is different from the last time this pod was shown."""
        uid = pod.metadata.uid or ""
        old = self._seen.get(uid, _Seen())
        status = pod.status
        name = pod.metadata.name or ""
        out = []
        states = []
        known = dict(old.states)
        for container in (*status.init_container_statuses, *status.container_statuses):
            key, text, style = _describe(container)
            states.append((container.name, key))
            if text and known.get(container.name) != key and (style or not self._quiet):
                out.append(self.note(f"{self._container(name, container.name)} {text}", style))
        phase, ready = status.phase or "", _is_ready(pod)
        if not self._quiet:
            out.extend(self._pod_lines(pod, name, old, phase, ready=ready))
        self._seen[uid] = _Seen(phase, ready, tuple(states))
        return b"".join(out)

    def _container(self, pod: str, container: str) -> str:
        return f"container {pod}/{container}" if self._several else f"container {container}"

    def _pod_lines(self, pod: Pod, name: str, old: _Seen, phase: str, *, ready: bool) -> Iterator[bytes]:
        if phase != old.phase and phase:
            style = {"Succeeded": "green", "Failed": "red"}.get(phase, "")
            why = "".join(f": {part}" for part in (pod.status.reason, pod.status.message) if part)
            yield self.note(f"pod {name} is {phase}{why}", style)
        if ready and not old.ready:
            yield self.note(f"pod {name} is Ready")
        if (
            old.ready
            and not ready
            and all(each.state is not None and each.state.running is not None for each in pod.status.container_statuses)
        ):  # when one of them does not run, that was said already
            yield self.note(f"pod {name} is not Ready any more", "yellow")


def _is_ready(pod: Pod) -> bool:
    return any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions)


def _describe(container: ContainerStatus) -> tuple[str, str, str]:
    """(what identifies this state, the words for it, their style); no words for what events tell already."""
    state = container.state
    if state is not None and state.terminated is not None:
        return _terminated(container, state.terminated.finished_at)
    if state is not None and state.running is not None:
        return f"running {state.running.started_at}", "", ""
    waiting = state.waiting if state is not None else None
    reason = (waiting.reason if waiting else None) or "ContainerCreating"
    message = (waiting.message if waiting else None) or ""
    key = f"waiting {reason} {message} {container.restart_count}"
    if reason in _STARTING:
        return key, "", ""
    text = f"waits: {reason}" + (f": {message}" if message else "")
    if reason == "CrashLoopBackOff":
        text = f"{_last_exit(container)}waits: {reason}{_next_start(container, message)}"
    return key, text, "yellow"


def _terminated(container: ContainerStatus, finished: str | None) -> tuple[str, str, str]:
    assert container.state is not None and container.state.terminated is not None
    end = container.state.terminated
    key = f"terminated {finished} {end.container_id} {container.restart_count}"
    text = f"ended with exit code {end.exit_code}"
    if end.reason and end.reason not in ("Completed", "Error"):
        text += f" ({end.reason})"
    message = (end.message or "").strip()
    if message:
        text += f": {message}"
    return key, text, "red" if end.exit_code else ""


def _last_exit(container: ContainerStatus) -> str:
    last = container.last_state.terminated if container.last_state else None
    return f"ended with exit code {last.exit_code}, " if last is not None else ""


def _next_start(container: ContainerStatus, message: str) -> str:
    """`` , next start at 12:01:13 (back-off 10s)``, from the message and the end of the last run."""
    found = _BACK_OFF.search(message)
    if found is None:
        return f": {message}" if message else ""
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(found[1]))
    last = container.last_state.terminated if container.last_state else None
    finished = parse_time(last.finished_at) if last is not None else None
    if finished is None:
        return f", back-off {found[1]}"
    return f", next start at {_clock_time(finished + seconds)} (back-off {found[1]})"


def _clock_time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
