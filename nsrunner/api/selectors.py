"""Label and field selectors: from the text of a query to a predicate.

The grammar is upstream's (``apimachinery/pkg/labels/selector.go``, ``pkg/fields/selector.go``): ``app=web,tier!=db``,
``env in (a, b)``, ``env notin (c)``, ``partition``, ``!partition``, ``n gt 1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from nsrunner.api.errors import ApiError, bad_request
from nsrunner.model.validate.names import label_value, qualified_name

__all__ = ["Predicate", "parse_fields", "parse_labels"]

Predicate: TypeAlias = Callable[[Mapping[str, str]], bool]

_TOKEN: Final = re.compile(r"\s*(?:(?P<word>[A-Za-z0-9._/-]+)|(?P<symbol>==|!=|[=!(),<>]))")
_END: Final = ""


def _everything(labels: Mapping[str, str]) -> bool:
    return True


# --- labels -----------------------------------------------------------------------------------------------------------


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise self.problem(f"found '{text[at:].strip()[:1]}', expected: identifier")
            self._tokens.append(match.group("word") or match.group("symbol"))
            at = match.end()
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def next(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def expect(self, wanted: str) -> None:
        found = self.next()
        if found != wanted:
            raise self.problem(f"found '{found}', expected: '{wanted}'")

    def problem(self, what: str) -> ApiError:
        return bad_request(f'unable to parse requirement: {what} (in the label selector "{self._text}")')


def parse_labels(text: str) -> Predicate:
    """What an object's labels have to satisfy; an empty selector is satisfied by all. Raises ApiError (400)."""
    if not text.strip():
        return _everything
    tokens = _Tokens(text)
    requirements = [_requirement(tokens)]
    while tokens.peek() != _END:
        tokens.expect(",")
        requirements.append(_requirement(tokens))
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(tokens: _Tokens) -> Predicate:
    negated = tokens.peek() == "!"
    if negated:
        tokens.next()
    key = _key(tokens)
    if negated:
        return lambda labels: key not in labels
    operator = tokens.peek()
    if operator in (_END, ","):
        return lambda labels: key in labels
    tokens.next()
    match operator:
        case "=" | "==":
            value = _value(tokens)
            return lambda labels: labels.get(key) == value
        case "!=":
            value = _value(tokens)
            return lambda labels: labels.get(key) != value
        case "in":
            values = _values(tokens)
            return lambda labels: key in labels and labels[key] in values
        case "notin":
            values = _values(tokens)
            return lambda labels: key not in labels or labels[key] not in values
        case "gt" | ">":
            bound = _number(tokens)
            return lambda labels: (number := _integer(labels.get(key))) is not None and number > bound
        case "lt" | "<":
            bound = _number(tokens)
            return lambda labels: (number := _integer(labels.get(key))) is not None and number < bound
        case _:
            raise tokens.problem(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _key(tokens: _Tokens) -> str:
    key = tokens.next()
    problems = qualified_name(key) if key not in "=!(),<>" else [f"found '{key}', expected: !, identifier"]
    if problems:
        raise tokens.problem("; ".join(problems))
    return key


def _value(tokens: _Tokens) -> str:
    """It may be empty: ``app=``."""
    if tokens.peek() in (_END, ","):
        return ""
    value = tokens.next()
    problems = label_value(value)
    if problems:
        raise tokens.problem("; ".join(problems))
    return value


def _values(tokens: _Tokens) -> frozenset[str]:
    tokens.expect("(")
    values = set()
    while True:
        values.add("" if tokens.peek() in (",", ")") else _value(tokens))
        found = tokens.next()
        if found == ")":
            return frozenset(values)
        if found != ",":
            raise tokens.problem(f"found '{found}', expected: ',' or ')'")


def _number(tokens: _Tokens) -> int:
    number = _integer(tokens.next())
    if number is None:
        raise tokens.problem("for 'Gt', 'Lt' operators, the value must be an integer")
    return number


def _integer(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,19}", text) else None


# --- fields -----------------------------------------------------------------------------------------------------------

_TERM: Final = re.compile(r"(?P<field>[^=!]*)(?P<operator>!=|==|=)(?P<value>.*)", re.DOTALL)


def parse_fields(text: str, supported: Collection[str]) -> Predicate:
    """What an object's selectable fields have to satisfy. Raises ApiError (400), also for a field that the resource
    cannot be selected by."""
    terms = _terms(text)
    for field, _, _ in terms:
        if field not in supported:
            raise bad_request(f'field label not supported: "{field}" (supported: {", ".join(sorted(supported))})')
    return lambda fields: all((fields.get(field, "") == value) is wanted for field, value, wanted in terms)


def fixed_fields(text: str) -> dict[str, str]:
    """The fields for which a selector leaves one value only, and that. Raises ApiError (400)."""
    return {field: value for field, value, wanted in _terms(text) if wanted}


def _terms(text: str) -> list[tuple[str, str, bool]]:
    """Field, value, and whether it has to be that or must not be."""
    terms = []
    for part in _split(text):
        match = _TERM.fullmatch(part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        terms.append((match["field"], _unescaped(match["value"]), match["operator"] != "!="))
    return terms


def _split(text: str) -> list[str]:
    """At commas that have no backslash before them."""
    return [part for part in re.findall(r"(?:[^,\\]|\\.)+", text, re.DOTALL) if part]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,=\\])", r"\1", text)
