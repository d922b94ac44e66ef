"""What is seen of a case's pod: snapshots one after the other, and each run of a container among them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.clients import Client
from conformance.matching import MISSING, Failed, lookup, mismatches, resolve, root_of, seconds

MISSES = 5
"""Failures of the client in a row that are taken for a busy machine's."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a case is timed. All in seconds but the scale."""

    poll: float = 0.2
    scale: float = 1.0
    """Of how long something is awaited; not of the bounds that are asserted."""
    slack: float = 0.0
    """Added to each upper bound that is asserted."""
    now: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)


class Watcher:
    def __init__(self, client: Client, name: str, pace: Pace) -> None:
        self.client = client
        self.name = name
        self.pace = pace
        self.last: dict[str, Any] = {}
        """The last snapshot; empty before the first."""
        self.uid = ""
        self.runs: dict[str, dict[int, dict[str, Any]]] = {}
        """Per container and number of restarts before it: startedAt, finishedAt."""
        self._roots: set[str] = set()
        """Paths of ``never`` whose object was there in some snapshot."""

    def snapshot(self) -> dict[str, Any] | None:
        pod = self.client.pod(self.name)
        if pod is not None:
            self.last = pod
            self.uid = pod["metadata"].get("uid", self.uid)
            self._track(pod.get("status") or {})
        return pod

    def _track(self, status: dict[str, Any]) -> None:
        for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for container in status.get(key) or ():
                count = container.get("restartCount")
                if not isinstance(count, int):
                    continue
                runs = self.runs.setdefault(container["name"], {})
                state = container.get("state") or {}
                for name, times in (("running", ("startedAt",)), ("terminated", ("startedAt", "finishedAt"))):
                    if current := state.get(name):
                        runs.setdefault(count, {}).update({each: current.get(each) for each in times})
                before = (container.get("lastState") or {}).get("terminated")
                number = count if state.get("waiting") else count - 1
                if before and number >= 0:
                    times = {each: before.get(each) for each in ("startedAt", "finishedAt")}
                    runs.setdefault(number, {}).update(times)

    def forget(self) -> None:
        """Another pod comes under the same name."""
        self.uid = ""

    # --- waiting ------------------------------------------------------------------------------------------------------

    def until(self, phase: dict[str, Any], deadline: float) -> None:
        """Until ``until`` holds, and for ``hold`` seconds more; ``never`` is checked all the time. Raises Failed."""
        wanted, never, hold = phase.get("until"), phase.get("never") or [], phase.get("hold", 0)
        why = ["the pod was never seen"]
        met = None if wanted else self.pace.now()
        misses = seen = 0
        while True:
            try:
                pod = self.snapshot()
            except Failed as error:
                misses += 1
                why = [str(error)]
                if misses >= MISSES:
                    raise
            else:
                misses = 0
                if pod is None:
                    why = ["pod not found"]
                    self._vanished(seen > 0, wanted if met is None else None, hold)
                else:
                    seen += 1
                    self.check_never(pod, never, "never-condition held")
                    why = mismatches(pod, wanted or {})
                    met = self.pace.now() if not why and met is None else met
            now = self.pace.now()
            if met is not None and seen and now >= met + hold:
                break
            if met is None and now > deadline:
                raise Failed(f"timed out waiting: {'; '.join(why)}")
            if met is not None and now > met + hold + 20:
                raise Failed(f"the pod could not be observed: {'; '.join(why)}")
            self.pace.sleep(self.pace.poll)
        self.not_vacuous(never)

    def _vanished(self, seen: bool, wanted: Any, hold: float) -> None:
        if not seen and not self.uid:
            return
        if wanted:
            raise Failed(f"the pod disappeared while waiting for {json.dumps(wanted)}")
        if hold:
            raise Failed("the pod disappeared while it was to be observed")

    def gone(self, phase: dict[str, Any], deleted: float) -> None:
        """Until there is no pod: within the bounds, and without ``never``. Raises Failed."""
        low, high = phase["gone"].get("min", 0), phase["gone"]["max"] + self.pace.slack
        never = phase.get("never") or []
        misses = seen = 0
        while True:
            try:
                pod: dict[str, Any] | None = self.snapshot()
                misses = 0
            except Failed:
                misses += 1
                if misses >= MISSES:
                    raise
                pod = self.last
            took = self.pace.now() - deleted
            if pod is None:
                break
            seen += 1
            self.check_never(pod, never, "never-condition held while terminating")
            if took > high:
                raise Failed(f"pod still there {took:.1f}s after delete (max {high}s)")
            self.pace.sleep(self.pace.poll)
        if took < low - 0.25:
            raise Failed(f"pod gone after {took:.1f}s, not before {low}s was expected")
        if took > high:
            raise Failed(f"pod gone after {took:.1f}s, max {high}s")
        if seen:  # gone at the first look leaves nothing to check
            self.not_vacuous(never)

    def check_never(self, pod: dict[str, Any], never: list[dict[str, Any]], what: str) -> None:
        for wanted in never:
            self._roots |= {path for path in wanted if resolve(pod, root_of(path)) is not MISSING}
            if not mismatches(pod, wanted):
                raise Failed(f"{what}: {json.dumps(wanted)}")

    def not_vacuous(self, never: list[dict[str, Any]]) -> None:
        for path in (path for wanted in never for path in wanted):
            if path not in self._roots:
                raise Failed(f"never-check on {path} was vacuous: its object never appeared")

    # --- times --------------------------------------------------------------------------------------------------------

    def when(self, expression: str) -> float:
        """A path, or ``run:NAME#N.startedAt`` or ``.finishedAt``. Raises Failed when it was not seen."""
        if run := re.fullmatch(r"run:([^#]+)#(\d+)\.(startedAt|finishedAt)", expression):
            value = self.runs.get(run[1], {}).get(int(run[2]), {}).get(run[3])
            if value is None:
                raise Failed(f"{expression}: that run was never observed")
            return seconds(value)
        value = lookup(self.last, expression)
        if value is MISSING:
            raise Failed(f"{expression}: missing, cannot compare times")
        return seconds(value)

    def order(self, wanted: dict[str, Any]) -> None:
        between = self.when(wanted["b"]) - self.when(wanted["a"])
        low, high = wanted.get("min", 0), wanted.get("max")
        words = f"order: {wanted['b']} is {between:+.1f}s from {wanted['a']}"
        if between < low:
            raise Failed(f"{words}, want >= {low}s")
        if high is not None and between > high + self.pace.slack:
            raise Failed(f"{words}, want <= {high}s")

    def restarts(self, wanted: dict[str, Any]) -> None:
        name = wanted["container"]
        runs = self.runs.get(name, {})
        for number, (low, high) in enumerate(wanted["gaps"]):
            ended = runs.get(number, {}).get("finishedAt")
            begun = runs.get(number + 1, {}).get("startedAt")
            if not ended or not begun:
                raise Failed(f"restart {number + 1} of {name} was not observed (runs seen: {sorted(runs)})")
            gap = seconds(begun) - seconds(ended)
            if not low - 1 <= gap <= high + 1 + self.pace.slack:  # the stamps are whole seconds
                raise Failed(
                    f"restart {number + 1} of {name} came {gap:.0f}s after the exit before it, want {low}..{high}s"
                )
