"""Kubernetes Events about pods: made from the machine's RecordEvent commands, counted and combined as client-go does.

The source is kubelet-semantics 28 (``staging/src/k8s.io/client-go/tools/record/events_cache.go``): identical events are
counted; from the tenth on, those that differ only in message and container, with no ten minutes between two of them,
become one with the prefix ``(combined from similar events): ``; beyond a burst of 25 a pod may publish one event per
five minutes. What is held back is counted: the next one that is published tells it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.lifecycle.commands import RecordEvent
from nsrunner.lifecycle.events import Now

__all__ = ["KubeEvent", "Recorder"]

COMBINED_PREFIX = "(combined from similar events): "
COMBINE_AFTER = 10
COMBINE_WINDOW = 600.0
BURST = 25
REFILL_SECONDS = 300.0
REMEMBERED = 4096


class KubeEvent(Struct, frozen=True, kw_only=True):
    """One core/v1 Event. The same ``name`` comes again with a higher ``count`` when the same thing happens again."""

    name: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    namespace: str
    pod: str
    uid: str
    field_path: str = ""
    """Such as ``spec.containers{web}``; empty for the pod itself."""
    count: int = 1
    first: float
    """Seconds since the epoch."""
    last: float
    published: bool = True
    """False: the rate limit held it back, so that the API does not show it."""

    @property
    def container(self) -> str:
        """Name of the container that it is about; empty for the pod itself."""
        return self.field_path.partition("{")[2].rstrip("}")

    def to_dict(self, host: str = "") -> dict[str, Any]:
        """The object as the API shows it."""
        involved = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": self.pod,
            "namespace": self.namespace,
            "uid": self.uid,
        }
        if self.field_path:
            involved["fieldPath"] = self.field_path
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "creationTimestamp": _timestamp(self.first),
            },
            "involvedObject": involved,
            "reason": self.reason,
            "message": self.message,
            "source": {"component": "kubelet", **({"host": host} if host else {})},
            "firstTimestamp": _timestamp(self.first),
            "lastTimestamp": _timestamp(self.last),
            "count": self.count,
            "type": self.type,
            "eventTime": None,
            "reportingComponent": "kubelet",
            "reportingInstance": host,
        }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_Key: TypeAlias = tuple[str, str, str, str]
"""Type, reason, field path and message, by which events are the same."""


class _Group(Struct):
    """Events alike in all but the message and the container."""

    messages: set[str]
    """Those that are counted each by itself; all others are combined."""
    last: float


class Recorder:
    """The events of one pod: correlates, remembers them for ``describe``, and hands each on.

    ``sink`` is called for each event, new or counted up, also for those that are not published.
    """

    def __init__(self, *, namespace: str, pod: str, uid: str, sink: Callable[[KubeEvent], None]) -> None:
        self._namespace = namespace
        self._pod = pod
        self._uid = uid
        self._sink = sink
        self._groups: dict[tuple[str, str], _Group] = {}
        self._seen: dict[_Key, KubeEvent] = {}
        """Published or not, those that were seen last at the end."""
        self._published: dict[_Key, KubeEvent] = {}
        self._tokens = float(BURST)
        self._refilled: float | None = None
        self._made = 0

    @property
    def events(self) -> tuple[KubeEvent, ...]:
        """All that were published and are remembered, by the time they happened first."""
        return tuple(sorted(self._published.values(), key=lambda event: event.first))

    def record(self, command: RecordEvent, now: Now) -> KubeEvent | None:
        """Publishes, or returns None when the rate limit holds it back (it is counted all the same, as upstream)."""
        key, message = self._correlate(command, now.mono)
        known = self._seen.pop(key, None)
        if known is None:
            event = self._new(command, message, now.wall)
        else:
            event = replace(known, message=message, count=known.count + 1, last=now.wall)
        self._seen[key] = event
        if len(self._seen) > REMEMBERED:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._published.pop(oldest, None)
        if not self._take_token(now.mono):
            self._sink(replace(event, published=False))
            return None
        self._published[key] = event
        self._sink(event)
        return event

    def _correlate(self, command: RecordEvent, mono: float) -> tuple[_Key, str]:
        """What it is counted as, and what it then says."""
        similar = (command.type, command.reason)
        group = self._groups.get(similar)
        if group is None or mono - group.last > COMBINE_WINDOW:
            group = self._groups[similar] = _Group(set(), mono)
        group.last = mono
        group.messages.add(command.message)
        if len(group.messages) < COMBINE_AFTER:
            return (*similar, command.field_path, command.message), command.message
        # Upstream forgets any of the ten. The newest: then nine go on to be counted each by itself.
        group.messages.remove(command.message)
        return (*similar, "", COMBINED_PREFIX), COMBINED_PREFIX + command.message

    def _new(self, command: RecordEvent, message: str, wall: float) -> KubeEvent:
        self._made += 1
        return KubeEvent(
            name=f"{self._pod}.{int(wall * 1e9) + self._made:x}",
            type=command.type,
            reason=command.reason,
            message=message,
            namespace=self._namespace,
            pod=self._pod,
            uid=self._uid,
            field_path=command.field_path,
            first=wall,
            last=wall,
        )

    def _take_token(self, mono: float) -> bool:
        if self._refilled is not None:
            self._tokens = min(BURST, self._tokens + (mono - self._refilled) / REFILL_SECONDS)
        self._refilled = mono
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
