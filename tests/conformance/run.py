"""Runs cases: applies the manifest, observes, acts, cleans up, and says why a case failed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.cases import CHECKS, Case, lint, words
from conformance.clients import NOT_RUN, TIMED_OUT, Client, Result
from conformance.matching import BadCase, Failed, matches, mismatches
from conformance.watcher import Pace, Watcher

TRACEBACK = "Traceback (most recent call last)"
RETRY = 0.3
"""Seconds between two looks at logs, events and commands."""


@dataclass(frozen=True, slots=True)
class Outcome:
    case: Case
    error: str
    """Empty when the case passed."""
    checks: int
    seconds: float
    last: dict[str, Any]
    """The last that was seen of the pod."""

    def __str__(self) -> str:
        verdict = f"FAIL {self.case.name}" if self.error else f"pass {self.case.name}"
        return f"{verdict} ({self.seconds:.1f} s){self.error and ': '}{self.error}"


class Run:
    def __init__(self, case: Case, client: Client, pace: Pace) -> None:
        self.case = case
        self.client = client
        self.pace = pace
        self.watcher = Watcher(client, case.main, pace)
        self.checks = 0
        self.deleted: float | None = None
        """When the pod was last deleted."""

    def go(self) -> None:
        """Raises Failed, BadCase."""
        if errors := lint(self.case):
            raise BadCase(f"bad case: {'; '.join(errors)}")
        expect = self.case.expect
        self.remove_pods(30 * self.pace.scale)
        deadline = self.pace.now() + expect["timeout"] * self.pace.scale
        applied = self.client.apply(self.case.text)
        if "reject" in expect:
            self.rejected(applied, expect["reject"])
            return
        if applied.code != 0:
            raise Failed(f"apply: exit {applied.code}: {applied.said}")
        self.phase(expect, deadline)
        for number, action in enumerate(expect.get("actions", ())):
            try:
                self.act(action)
                self.phase(action, deadline)
            except Failed as error:
                raise Failed(f"action {number + 1} ({action['do']}): {error}") from None
            if self.pace.now() > deadline + 30:
                raise Failed(f"the case took longer than its {expect['timeout']}s")
        if not self.checks:
            raise BadCase("nothing was checked")

    def remove_pods(self, within: float) -> None:
        """Those that the case's names stand for. Raises Failed when one stays."""
        left = {name for name in self.case.pods if re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)}
        for name in left:
            if self.client.pod(name) is not None:
                self.client.delete(name, 1)
        end = self.pace.now() + within
        while left := {name for name in left if self.client.pod(name) is not None}:
            if self.pace.now() > end:
                raise Failed(f"could not be removed: {', '.join(sorted(left))}")
            self.pace.sleep(max(self.pace.poll, RETRY))

    def rejected(self, applied: Result, reject: dict[str, Any]) -> None:
        said = f"{applied.out}\n{applied.err}"
        if applied.code == 0:
            raise Failed(f"the manifest was accepted: {said.strip()[-300:]}")
        if applied.code in (TIMED_OUT, 126, NOT_RUN) and not applied.out:
            raise Failed(f"the client failed: {applied.said}")
        if TRACEBACK in said:
            raise Failed(f"the client crashed: {said.strip()[-400:]}")
        for pattern in words(reject["mentions"]):
            if not re.search(pattern, said, re.MULTILINE):
                raise Failed(f"the error does not mention {pattern!r}: {said.strip()[-500:]}")
        for pattern in words(reject.get("not", [])):
            if re.search(pattern, said, re.MULTILINE):
                raise Failed(f"the error mentions {pattern!r}: {said.strip()[-500:]}")
        for name in self.case.pods:
            if re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name) and self.client.pod(name) is not None:
                raise Failed(f"rejected, yet pod {name} exists")
        self.checks += 1

    # --- checks -------------------------------------------------------------------------------------------------------

    def phase(self, phase: dict[str, Any], deadline: float) -> None:
        waits = {"until", "hold"} & set(phase) or ("never" in phase and "gone" not in phase)
        if waits:
            within = self.pace.now() + phase.get("within", float("inf")) * self.pace.scale
            self.watcher.until(phase, min(deadline, within))
        if "then" in phase:
            if not waits and self.watcher.snapshot() is None:
                raise Failed("pod not found")
            if wrong := mismatches(self.watcher.last, phase["then"]):
                raise Failed("; ".join(wrong))
        for logs in phase.get("logs", ()):
            self.retry(logs.get("within", 5), lambda logs=logs: self.logs(logs))
        for order in phase.get("order", ()):
            self.watcher.order(order)
        for restarts in phase.get("restarts", ()):
            self.watcher.restarts(restarts)
        for event in phase.get("events", ()):
            if event.get("absent"):
                self.no_event(event)
            else:
                self.retry(event.get("within", 8), lambda event=event: self.event(event))
        if "gone" in phase:
            if self.deleted is None:
                raise BadCase("gone without a delete before it")
            self.watcher.gone(phase, self.deleted)
        self.checks += len((CHECKS - {"within", "hold"}) & set(phase))

    def retry(self, within: float, look: Callable[[], str]) -> None:
        """Until ``look`` finds nothing wrong. Raises Failed with what it found last."""
        end = self.pace.now() + within * self.pace.scale
        while wrong := look():
            if self.pace.now() >= end:
                raise Failed(wrong)
            self.pace.sleep(max(self.pace.poll, RETRY))

    def logs(self, wanted: dict[str, Any]) -> str:
        pod = wanted.get("pod", self.case.main)
        result = self.client.logs(pod, wanted["container"])
        wrong = f"exit {result.code}: {result.said}" if result.code else _wrong_text(result.out, wanted)
        return wrong and f"logs {pod} -c {wanted['container']}: {wrong}"

    def _events(self, wanted: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        """The pod's events, and how often the wanted one happened."""
        mine, hits = [], 0
        for event in self.client.events():
            about = event.get("involvedObject") or event.get("regarding") or {}
            uid, of = self.watcher.uid, about.get("uid")
            if about.get("name") != self.case.main or (uid and of and of != uid):
                continue
            mine.append(event)
            message = event.get("message") or event.get("note") or ""
            if (
                re.fullmatch(wanted["reason"], event.get("reason") or "")
                and re.search(wanted.get("message", ""), message, re.DOTALL)
                and wanted.get("type", event.get("type")) == event.get("type")
            ):
                hits += event.get("count") or (event.get("series") or {}).get("count") or 1
        return mine, hits

    def event(self, wanted: dict[str, Any]) -> str:
        mine, hits = self._events(wanted)
        have = sorted({f"{event.get('type')}/{event.get('reason')}" for event in mine})
        return "" if hits >= wanted.get("min", 1) else f"event {json.dumps(wanted)} not seen (have {have})"

    def no_event(self, wanted: dict[str, Any]) -> None:
        mine, hits = self._events(wanted)
        if hits:
            raise Failed(f"unwanted event {wanted['reason']} seen {hits} times")
        if not mine:
            raise Failed("no events at all for this pod: absence proves nothing")

    # --- actions ------------------------------------------------------------------------------------------------------

    def act(self, action: dict[str, Any]) -> None:
        match action["do"]:
            case "sleep":
                self.pace.sleep(action["seconds"])
            case "delete":
                pod = action.get("pod", self.case.main)
                before = self.pace.now()
                result = self.client.delete(pod, action.get("grace"))
                if result.code != 0:
                    raise Failed(f"delete pod {pod}: exit {result.code}: {result.said}")
                if pod == self.case.main:
                    self.deleted = before
            case "apply":
                applied = self.client.apply((self.case.folder / action["file"]).read_text())
                if applied.code != 0:
                    raise Failed(f"apply: exit {applied.code}: {applied.said}")
                self.deleted = None
                self.watcher.forget()
            case "exec":
                for _ in range(action.get("repeat", 1)):
                    self.retry(action.get("retry", 0), lambda: self.exec(action))
                self.checks += 1

    def exec(self, action: dict[str, Any]) -> str:
        command = action["command"]
        result = self.client.exec(action.get("pod", self.case.main), action.get("container", ""), command)
        wanted = action.get("exit", 0)
        wrong = ""
        if not matches(result.code, wanted):
            wrong = f"exit {result.code}, want {wanted}: {result.said}"
        elif TRACEBACK in result.err:
            wrong = f"the client crashed: {result.said}"
        elif "stdout" in action and not re.search(action["stdout"], result.out, re.MULTILINE):
            wrong = f"stdout {result.out[-400:]!r} does not match {action['stdout']!r}"
        elif "stderr" in action and not re.search(action["stderr"], result.err, re.MULTILINE):
            wrong = f"stderr {result.err[-400:]!r} does not match {action['stderr']!r}"
        elif "not_stdout" in action and re.search(action["not_stdout"], result.out, re.MULTILINE):
            wrong = f"stdout {result.out[-400:]!r} matches {action['not_stdout']!r}"
        return wrong and f"exec {' '.join(command)!r}: {wrong}"


def _wrong_text(text: str, wanted: dict[str, Any]) -> str:
    """What is wrong with a log; empty when nothing is."""
    tail = text if len(text) < 600 else f"...{text[-600:]}"
    if "equals" in wanted and text != wanted["equals"]:
        return f"want exactly {wanted['equals']!r}, got {tail!r}"
    for pattern in words(wanted.get("match", [])):
        if not re.search(pattern, text, re.MULTILINE):
            return f"no match for {pattern!r} in {tail!r}"
    for pattern in words(wanted.get("not", [])):
        if re.search(pattern, text, re.MULTILINE):
            return f"unwanted match for {pattern!r} in {tail!r}"
    position = 0
    for pattern in wanted.get("in_order", ()):
        found = re.compile(pattern, re.MULTILINE).search(text, position)
        if not found:
            return f"{pattern!r} not found in order in {tail!r}"
        position = found.end()
    for pattern, number in wanted.get("count", {}).items():
        times = len(re.findall(pattern, text, re.MULTILINE))
        if not matches(times, number):
            return f"{pattern!r} occurs {times} times, want {number} in {tail!r}"
    return ""


def run(case: Case, client: Client, pace: Pace) -> Outcome:
    """Runs one case and removes its pods, whatever happens."""
    begun = pace.now()
    one = Run(case, client, pace)
    error = ""
    try:
        one.go()
    except (Failed, BadCase) as wrong:
        error = str(wrong)
    finally:
        took = pace.now() - begun
        try:
            one.remove_pods(15)
        except Failed as wrong:
            error = error or f"afterwards: {wrong}"
    return Outcome(case, error, one.checks, took, one.watcher.last)


def run_all(cases: Iterable[Case], client: Client, pace: Pace, jobs: int = 4) -> list[Outcome]:
    """Runs some at a time. More than four disturb each other's timing."""
    with ThreadPoolExecutor(jobs) as executor:
        return list(executor.map(lambda case: run(case, client, pace), cases))
