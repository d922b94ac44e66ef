"""Clients that answer what a test says, in a time of their own: a case takes as long as its checks compute."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from conformance.clients import Client, Result
from conformance.watcher import Pace

T0, T1, T2, T13, T40 = (f"2030-01-01T00:00:{second:02}Z" for second in (0, 1, 2, 13, 40))
NOT_FOUND = Result(1, "", 'Error from server (NotFound): pods "x" not found')
OK = Result(0, "", "")


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def pace(self, poll: float = 0.1) -> Pace:
        return Pace(poll=poll, now=lambda: self.seconds, sleep=self.sleep)


def status(**given: Any) -> dict[str, Any]:
    """A pod's status: ``c``, ``i`` and ``conditions`` by name, the rest as it is."""
    made = {"phase": "Running", **given}
    for short, key in (("c", "containerStatuses"), ("i", "initContainerStatuses")):
        if short in made:
            blank = {"restartCount": 0, "ready": False, "state": {}, "lastState": {}}
            made[key] = [{"name": name, **blank, **values} for name, values in made.pop(short).items()]
    made["conditions"] = [{"type": name, **values} for name, values in made.get("conditions", {}).items()]
    return made


class Scripted(Client):
    """A timeline is [(seconds since apply, pod), ...]; a pod is {"metadata"?, "status"}, or None for none.

    ``deleted`` is the timeline from a delete on; without it the pod is gone at once.
    """

    def __init__(
        self,
        timeline: Any = (),
        *,
        time: Time,
        deleted: Any = ((0, None),),
        apply: Result = OK,
        stored: bool = False,
        logs: dict[str, str] | None = None,
        exec: tuple[tuple[str, Result], ...] = (),
        events: Any = (),
        raw: str = "",
    ) -> None:
        self.timeline, self.deleted, self.time = timeline, deleted, time
        self.answer, self.stored, self.texts, self.commands = apply, stored, logs or {}, exec
        self.happened, self.raw = events, raw
        self.since: float | None = None
        """When the timeline began, if one has."""

    def current(self) -> dict[str, Any] | None:
        at = -1.0 if self.since is None else self.time.seconds - self.since
        there = [pod for begins, pod in self.timeline if begins <= at]
        return there[-1] if there else None

    def run(self, *arguments: str) -> Result:
        match arguments:
            case ("apply", *_):
                if self.answer.code == 0 or self.stored:
                    self.since = self.time.seconds
                return self.answer
            case ("get", "events", *_):
                return Result(0, json.dumps({"kind": "List", "items": list(self.happened)}), "")
            case ("get", "pod", name, *_):
                if (pod := self.current()) is None:
                    return NOT_FOUND
                metadata = {"name": name, "uid": "u1", **pod.get("metadata", {})}
                made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": pod["status"]}
                return Result(0, self.raw or json.dumps(made), "")
            case ("delete", *_):
                self.timeline, self.since = self.deleted, self.time.seconds
                return OK
            case ("logs", _, "-c", container):
                text = self.texts.get(container)
                return Result(1, "", "no such container") if text is None else Result(0, text, "")
            case ("exec", _, "-c", _, "--", *command):
                return next((done for pattern, done in self.commands if re.search(pattern, " ".join(command))), OK)
        raise AssertionError(arguments)


class Constant(Client):
    """Says of every pod the same, whatever is asked: Succeeded, Running or Failed; or takes none ("refuse")."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.pods: dict[str, Any] = {}

    def run(self, *arguments: str) -> Result:
        match arguments:
            case ("apply", *_) if self.phase == "refuse":
                return Result(1, "", "error: the manifest is invalid")
            case ("apply", "-f", path):
                with open(path) as file:
                    documents = [each for each in yaml.safe_load_all(file) if each and each.get("kind") == "Pod"]
                self.pods |= {str(each["metadata"].get("name")): each for each in documents}
            case ("get", "events", *_):
                return Result(0, '{"kind": "List", "items": []}', "")
            case ("get", "pod", name, *_):
                return self.shown(name) if name in self.pods else NOT_FOUND
            case ("delete", "pod", name, *_):
                self.pods.pop(name, None)
        return OK

    def shown(self, name: str) -> Result:
        running = self.phase == "Running"
        code = 0 if self.phase == "Succeeded" else 1
        ended = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": T0, "finishedAt": T0}
        state = {"running": {"startedAt": T0}} if running else {"terminated": ended}
        every = {"state": state, "ready": running, "started": running}
        condition = {"status": str(running), "lastTransitionTime": T0}
        spec = self.pods[name].get("spec") or {}
        made = status(
            phase=self.phase,
            c={str(each.get("name")): every for each in spec.get("containers") or ()},
            i={str(each.get("name")): every for each in spec.get("initContainers") or ()},
            conditions=dict.fromkeys(("Ready", "ContainersReady", "Initialized", "PodScheduled"), condition),
        )
        metadata = {**self.pods[name]["metadata"], "name": name, "uid": "u"}
        return Result(0, json.dumps({**self.pods[name], "metadata": metadata, "status": made}), "")
