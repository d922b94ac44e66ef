"""Paths into a pod, matchers for what is there, and times: the small language of the *.expect.json files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any


class Failed(Exception):
    """An expectation that did not hold."""


class BadCase(Exception):
    """The case itself is wrong, which also counts as a failure."""


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()

Step = tuple[str, Any]
"""("key", name), ("index", number) or ("where", (key, value))."""

_SHORT = {
    "c:": ("containerStatuses", "name"),
    "i:": ("initContainerStatuses", "name"),
    "e:": ("ephemeralContainerStatuses", "name"),
    "cond:": ("conditions", "type"),
}
_TOKEN = re.compile(r"(?P<key>[^.\[\]]+)|\[(?P<inside>[^\]]*)\]|\.")


def steps(path: str) -> list[Step]:
    """``c:main.state.running`` as steps. Raises BadCase."""
    if path == "phase":
        return [("key", "status"), ("key", "phase")]
    found: list[Step] = []
    for short, (listed, key) in _SHORT.items():
        if path.startswith(short):
            name, _, path = path[len(short) :].partition(".")
            found = [("key", "status"), ("key", listed), ("where", (key, name))]
            break
    position = 0
    while position < len(path):
        token = _TOKEN.match(path, position)
        if token is None:
            raise BadCase(f"cannot read the path {path!r} at {path[position:]!r}")
        position = token.end()
        if token["key"] is not None:
            found.append(("key", token["key"]))
        elif token["inside"] is not None:
            found.append(_inside(token["inside"], path))
    if not found:
        raise BadCase("empty path")
    return found


def _inside(text: str, path: str) -> Step:
    if re.fullmatch(r"-?\d+", text):
        return "index", int(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return "key", text[1:-1]
    key, equals, value = text.partition("=")
    if not equals:
        raise BadCase(f"cannot read [{text}] in the path {path!r}")
    return "where", (key, value)


def resolve(value: Any, path: list[Step]) -> Any:
    for kind, wanted in path:
        if kind == "key":
            value = value.get(wanted, MISSING) if isinstance(value, dict) else MISSING
        elif kind == "index":
            there = isinstance(value, list) and -len(value) <= wanted < len(value)
            value = value[wanted] if there else MISSING
        else:
            value = _where(value, *wanted)
        if value is MISSING:
            break
    return value


def _where(value: Any, key: str, wanted: str) -> Any:
    elements = value if isinstance(value, list) else ()
    return next((each for each in elements if isinstance(each, dict) and str(each.get(key)) == wanted), MISSING)


def lookup(pod: Any, path: str) -> Any:
    """An explicit null counts as missing: it is what a Go client prints for an unset pointer."""
    value = resolve(pod, steps(path))
    return MISSING if value is None else value


def root_of(path: str) -> list[Step]:
    """The part of a path that has to be seen for ``never`` to mean anything: a container's status, say."""
    all_steps = steps(path)
    for number, (kind, _) in enumerate(all_steps):
        if kind != "key":
            return all_steps[: number + 1]
    return all_steps[:1]


def same(a: Any, b: Any) -> bool:
    """Equal, and 0 is not false."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_OPERATORS: dict[str, Any] = {
    "eq": same,
    "ne": lambda value, wanted: not same(value, wanted),
    "ge": lambda value, wanted: _is_number(value) and value >= wanted,
    "gt": lambda value, wanted: _is_number(value) and value > wanted,
    "le": lambda value, wanted: _is_number(value) and value <= wanted,
    "lt": lambda value, wanted: _is_number(value) and value < wanted,
    "in": lambda value, wanted: any(same(value, each) for each in wanted),
    "re": lambda value, wanted: isinstance(value, str) and re.search(wanted, value, re.DOTALL) is not None,
    "not_re": lambda value, wanted: isinstance(value, str) and re.search(wanted, value, re.DOTALL) is None,
    "len": lambda value, wanted: hasattr(value, "__len__") and len(value) == wanted,
    "contains": lambda value, wanted: hasattr(value, "__contains__") and wanted in value,
}


def matches(value: Any, wanted: Any) -> bool:
    """Whether the value satisfies the matcher. A missing one satisfies only ``exists: false`` and ``empty: true``."""
    if not isinstance(wanted, dict):
        return value is not MISSING and same(value, wanted)
    if not wanted or set(wanted) - set(_OPERATORS) - {"exists", "empty"}:
        raise BadCase(f"bad matcher {wanted!r}")
    for operator, argument in wanted.items():
        if operator == "exists":
            holds = (value is not MISSING) == bool(argument)
        elif operator == "empty":
            holds = (value is MISSING or value in ("", [], {})) == bool(argument)
        else:
            holds = value is not MISSING and bool(_OPERATORS[operator](value, argument))
        if not holds:
            return False
    return True


def shown(value: Any) -> str:
    text = repr(value) if value is MISSING else json.dumps(value)
    return text if len(text) < 300 else f"{text[:300]}..."


def mismatches(pod: Any, wanted: Mapping[str, Any]) -> list[str]:
    found = []
    for path, matcher in wanted.items():
        value = lookup(pod, path)
        if not matches(value, matcher):
            found.append(f"{path}: want {json.dumps(matcher)}, got {shown(value)}")
    return found


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def seconds(time: Any) -> float:
    """Since the epoch. Raises Failed unless it is a time as RFC 3339 has it."""
    if not isinstance(time, str) or not _TIME.fullmatch(time):
        raise Failed(f"not an RFC 3339 time: {shown(time)}")
    return datetime.fromisoformat(time).timestamp()
