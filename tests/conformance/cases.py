"""The case files: what one is, reading it, and what is wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.matching import BadCase, matches, steps

FOLDER = Path(__file__).with_name("cases")

HEAD = {"title", "category", "upstream", "needs", "slow", "pod", "timeout", "reject", "actions"}
CHECKS = {"until", "within", "hold", "never", "then", "logs", "order", "restarts", "events", "gone"}
ACTIONS = {
    "exec": {"pod", "container", "command", "exit", "stdout", "stderr", "not_stdout", "repeat", "retry"},
    "delete": {"pod", "grace"},
    "apply": {"file"},
    "sleep": {"seconds"},
    "observe": set(),
}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    folder: Path
    text: str
    """The manifest."""
    pods: dict[str, Any]
    """By name, those of the manifest whose name is a string."""
    expect: dict[str, Any]

    @property
    def main(self) -> str:
        """The pod that is looked at."""
        return str(self.expect.get("pod") or next(iter(self.pods), ""))


def load(path: Path) -> Case:
    """From its expect.json. Raises BadCase, OSError, ValueError."""
    name = path.name.removesuffix(".expect.json")
    text = path.with_name(f"{name}.yaml").read_text()
    documents = [each for each in yaml.safe_load_all(text) if each]
    if not documents:
        raise BadCase(f"{name}.yaml is empty")
    named = ((each, (each.get("metadata") or {}).get("name")) for each in documents if each.get("kind") == "Pod")
    pods = {pod_name: pod for pod, pod_name in named if isinstance(pod_name, str)}
    return Case(name, path.parent, text, pods, json.loads(path.read_text()))


def load_all(folder: Path = FOLDER) -> list[Case]:
    return [load(path) for path in sorted(folder.glob("*.expect.json"))]


def words(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _containers(pod: dict[str, Any]) -> set[str]:
    spec = pod.get("spec") or {}
    listed = (spec.get(key) or () for key in ("containers", "initContainers", "ephemeralContainers"))
    return {each["name"] for group in listed for each in group if isinstance(each, dict) and "name" in each}


class Linter:
    """Collects what is wrong with a case: one that could pass by accident must not be counted at all."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.errors: list[str] = []
        self.asserting = 0

    def check(self) -> list[str]:
        expect = self.case.expect
        if unknown := set(expect) - HEAD - CHECKS:
            self.errors.append(f"unknown keys {sorted(unknown)}")
        self.errors += [f"missing {key}" for key in ("title", "category", "timeout") if key not in expect]
        if "reject" in expect:
            self.reject(expect)
        elif self.case.main not in self.case.pods:
            self.errors.append(f"no Pod {self.case.main!r} in the manifest")
        else:
            self.observed(expect)
        return self.errors

    def observed(self, expect: dict[str, Any]) -> None:
        self.phase(expect, "top")
        if "until" not in expect and "gone" not in expect:
            self.errors.append("top: needs until: what to wait for after apply")
        for number, action in enumerate(expect.get("actions", ())):
            self.action(action, f"actions[{number}]")
        if not self.asserting:
            self.errors.append("the case asserts nothing")

    def reject(self, expect: dict[str, Any]) -> None:
        reject = expect["reject"]
        if not isinstance(reject, dict) or not reject.get("mentions") or set(reject) - {"mentions", "not"}:
            self.errors.append("reject: needs a non-empty 'mentions'")
        else:
            self.patterns([*words(reject["mentions"]), *words(reject.get("not", []))], "reject")
        if set(expect) & (CHECKS | {"actions"}):
            self.errors.append("reject excludes every other check")

    def patterns(self, patterns: list[str], where: str) -> None:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                self.errors.append(f"{where}: {pattern!r}: {error}")

    def matchers(self, wanted: Any, where: str) -> None:
        if not isinstance(wanted, dict) or not wanted:
            self.errors.append(f"{where}: must be a non-empty object")
            return
        for path, matcher in wanted.items():
            try:
                steps(path)
                matches("x", matcher)
            except (BadCase, re.error, TypeError) as error:
                self.errors.append(f"{where}: {path}: {error}")
            if path.startswith(("c:", "i:")):
                name = path[2:].partition(".")[0]
                if name not in _containers(self.case.pods[self.case.main]):
                    self.errors.append(f"{where}: no container {name!r} in the manifest")

    def phase(self, phase: dict[str, Any], where: str) -> None:
        for key in ("until", "then"):
            if key in phase:
                self.matchers(phase[key], f"{where}.{key}")
        if "never" in phase:
            if not isinstance(phase["never"], list) or not phase["never"]:
                self.errors.append(f"{where}.never: must be a non-empty list")
            else:
                for number, wanted in enumerate(phase["never"]):
                    self.matchers(wanted, f"{where}.never[{number}]")
            if not {"until", "hold", "gone"} & set(phase):
                self.errors.append(f"{where}.never: needs until, hold or gone beside it")
        if "hold" in phase and not {"never", "then"} & set(phase):
            self.errors.append(f"{where}.hold: means nothing without never or then")
        if "gone" in phase and (not isinstance(phase["gone"], dict) or "max" not in phase["gone"]):
            self.errors.append(f"{where}.gone: needs max")
        for number, logs in enumerate(phase.get("logs", ())):
            self.logs(logs, f"{where}.logs[{number}]")
        self.shapes(phase, where)
        self.asserting += len((CHECKS - {"within", "hold"}) & set(phase))

    def shapes(self, phase: dict[str, Any], where: str) -> None:
        """Of the lists whose entries have fixed keys."""
        shapes = {
            "order": ({"a", "b"}, {"min", "max"}),
            "restarts": ({"container", "gaps"}, set()),
            "events": ({"reason"}, {"message", "type", "min", "absent", "within"}),
        }
        for key, (needed, more) in shapes.items():
            for number, entry in enumerate(phase.get(key, ())):
                if not isinstance(entry, dict) or not needed <= set(entry) <= needed | more:
                    self.errors.append(f"{where}.{key}[{number}]: needs {sorted(needed)}, may have {sorted(more)}")

    def logs(self, logs: dict[str, Any], where: str) -> None:
        if not isinstance(logs, dict) or set(logs) - {
            *("pod", "container", "match", "not", "in_order", "count", "equals", "within")
        }:
            self.errors.append(f"{where}: bad keys")
            return
        if logs.get("container") not in _containers(self.case.pods.get(logs.get("pod", self.case.main), {})):
            self.errors.append(f"{where}: no such container {logs.get('container')!r}")
        if not {"match", "in_order", "count", "equals"} & set(logs):
            self.errors.append(f"{where}: asserts nothing positive")
        texts = [*words(logs.get("match", [])), *words(logs.get("not", []))]
        self.patterns([*texts, *logs.get("in_order", ()), *logs.get("count", {})], where)

    def action(self, action: dict[str, Any], where: str) -> None:
        do = action.get("do", "")
        if do not in ACTIONS:
            self.errors.append(f"{where}: unknown do {do!r}")
            return
        if unknown := set(action) - {"do"} - ACTIONS[do] - CHECKS:
            self.errors.append(f"{where}: unknown keys {sorted(unknown)}")
        if do == "exec":
            self.exec(action, where)
        if do == "apply" and not (self.case.folder / action.get("file", "")).is_file():
            self.errors.append(f"{where}: no file {action.get('file')!r}")
        if do == "sleep" and not isinstance(action.get("seconds"), int | float):
            self.errors.append(f"{where}: sleep needs seconds")
        before = self.asserting
        self.phase(action, where)
        if do == "observe" and self.asserting == before:
            self.errors.append(f"{where}: observes but asserts nothing")
        self.asserting += do == "exec"

    def exec(self, action: dict[str, Any], where: str) -> None:
        if not isinstance(action.get("command"), list) or not action["command"]:
            self.errors.append(f"{where}: exec needs command")
        pod = self.case.pods.get(action.get("pod", self.case.main), {})
        if action.get("container") not in _containers(pod) and action.get("exit", 0) == 0:
            self.errors.append(f"{where}: no container {action.get('container')!r}")
        self.patterns([action[key] for key in ("stdout", "stderr", "not_stdout") if key in action], where)


def lint(case: Case) -> list[str]:
    """What is wrong with a case; empty when it is usable."""
    return Linter(case).check()
