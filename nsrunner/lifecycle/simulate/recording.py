"""What a pod's machine was told, when, and what became visible of it: to be written down, and to be played again.

A machine is nothing but its pod, its settings and its events, so the recorded events give the recorded states, on any
machine and at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nsrunner.errors import ManifestError, UsageError
from nsrunner.lifecycle.commands import Command
from nsrunner.lifecycle.events import Event, Now, SpecChanged
from nsrunner.lifecycle.pod import PodMachine, Settings
from nsrunner.lifecycle.simulate.timeline import Entry, Timeline, Watcher
from nsrunner.lifecycle.table import IllegalEvent
from nsrunner.lifecycle.text import go_duration
from nsrunner.model import encode
from nsrunner.model.decode import decode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import Pod

__all__ = ["Input", "Recorder", "Recording", "difference", "dump", "parse", "replay"]

_API_VERSION: Final = "nsrunner.dev/v1"
_KIND: Final = "Recording"
_EVENTS: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in get_args(Event)}


class Input(Struct, frozen=True):
    """One event, and when it was handled."""

    event: Event
    now: Now


class Recording(Struct, frozen=True, kw_only=True):
    """The life of one pod."""

    pod: Pod
    """As it was when its life began."""
    settings: Settings
    inputs: tuple[Input, ...]
    timeline: Timeline


class Recorder:
    """The observer that makes a recording. To be there from the first event on."""

    def __init__(self) -> None:
        self._watcher = Watcher()
        self._inputs: list[Input] = []
        self._pod: Pod | None = None
        self._settings = Settings()

    def saw(self, machine: PodMachine, event: Event, now: Now, commands: Iterable[Command]) -> None:
        if self._pod is None:
            self._pod, self._settings = machine.pod, machine.settings
        self._inputs.append(Input(event, now))
        self._watcher.saw(machine, event, now, commands)

    @property
    def empty(self) -> bool:
        """Nothing has happened yet, so that there is nothing to tell."""
        return self._pod is None

    def recording(self, why: str, end: float | None = None) -> Recording:
        """Of everything so far; the arguments are those of :meth:`Watcher.timeline`."""
        assert self._pod is not None, "nothing has happened yet"
        return Recording(
            pod=self._pod,
            settings=self._settings,
            inputs=tuple(self._inputs),
            timeline=self._watcher.timeline(why, end),
        )


def replay(recording: Recording, pod: Pod | None = None) -> Timeline:
    """What the recorded events give now; with ``pod`` what they give for another manifest.

    Raises UsageError when an event cannot happen to that pod.
    """
    chosen = recording.pod
    if pod is not None:
        meta = replace(pod.metadata, uid=recording.pod.metadata.uid, generation=recording.pod.metadata.generation)
        chosen = replace(pod, metadata=meta)
    machine, watcher = PodMachine(chosen, recording.settings), Watcher()
    for number, each in enumerate(recording.inputs, 1):
        try:
            watcher.saw(machine, each.event, each.now, machine.handle(each.event, each.now))
        except IllegalEvent as error:
            after = go_duration(round(each.now.mono - recording.inputs[0].now.mono, 3))
            raise UsageError(f"recorded event {number}, after {after}, does not fit the pod: {error}") from None
    return watcher.timeline(recording.timeline.why, recording.timeline.end)


def difference(recorded: Timeline, replayed: Timeline) -> tuple[Entry | None, Entry | None] | None:
    """The first entries that differ, None for one that is not there; None when all are equal."""
    pairs = zip(recorded.entries, replayed.entries, strict=False)
    for one, other in pairs:
        if one != other:
            return one, other
    shorter = min(len(recorded.entries), len(replayed.entries))
    rest = (recorded.entries[shorter : shorter + 1], replayed.entries[shorter : shorter + 1])
    if not any(rest):
        return None
    return (rest[0][0] if rest[0] else None), (rest[1][0] if rest[1] else None)


# --- the file ---------------------------------------------------------------------------------------------------------


class _FileInput(Struct, frozen=True, kw_only=True):
    event: str
    now: Now
    fields: dict[str, Any] = {}


class _FilePod(Struct, frozen=True, kw_only=True):
    pod: dict[str, Any]
    settings: Settings = Settings()
    inputs: list[_FileInput]
    timeline: Timeline


class _File(Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str
    kind: str
    pods: list[_FilePod]


def dump(recordings: Iterable[Recording]) -> dict[str, Any]:
    """Recordings as builtin types that JSON can hold."""
    pods = [
        _FilePod(
            pod=encode(each.pod),
            settings=each.settings,
            inputs=[_FileInput(event=type(i.event).__name__, now=i.now, fields=_fields(i.event)) for i in each.inputs],
            timeline=each.timeline,
        )
        for each in recordings
    ]
    plain: dict[str, Any] = msgspec.to_builtins(_File(api_version=_API_VERSION, kind=_KIND, pods=pods))
    return plain


def _fields(event: Event) -> dict[str, Any]:
    if isinstance(event, SpecChanged):
        return {"pod": encode(event.pod)}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def parse(data: bytes, source: str) -> list[Recording]:
    """The recordings of a file. Raises UsageError."""
    try:
        file = msgspec.json.decode(data, type=_File)
        if (file.api_version, file.kind) != (_API_VERSION, _KIND):
            raise UsageError(
                f'{source}: not a recording: it is "{file.api_version}" "{file.kind}", not "{_API_VERSION}" "{_KIND}"'
            )
        return [_recording(each, source) for each in file.pods]
    except (msgspec.DecodeError, ManifestError) as error:
        raise UsageError(f"{source}: not a recording: {error}") from None


def _recording(file: _FilePod, source: str) -> Recording:
    if not file.inputs:
        raise UsageError(f"{source}: a recording without inputs")
    return Recording(
        pod=_pod(file.pod),
        settings=file.settings,
        inputs=tuple(Input(_event(each, source), each.now) for each in file.inputs),
        timeline=file.timeline,
    )


def _event(file: _FileInput, source: str) -> Event:
    kind = _EVENTS.get(file.event)
    if kind is None:
        raise UsageError(f'{source}: not a recording: there is no event "{file.event}"')
    if kind is SpecChanged:
        return SpecChanged(pod=_pod(file.fields.get("pod", {})))
    event: Event = msgspec.convert(file.fields, kind)
    return event


def _pod(plain: dict[str, Any]) -> Pod:
    """An object that exists, with the defaults that it got then: nothing is validated or added again."""
    report = Report()
    pod = decode(Pod, plain, ROOT, report, skip=frozenset({"apiVersion", "kind"}))
    if report.errors:
        raise ManifestError(report.close(), kind="Pod")
    return pod
