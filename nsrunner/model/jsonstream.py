"""Reads JSON documents, one after another, within the same bounds as YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from nsrunner.model.report import quoted
from nsrunner.model.scalars import integral
from nsrunner.model.stream import MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, RawDocument, StreamError

__all__ = ["read_json"]

_LONGEST_NUMBER: Final = 400
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_STRUCTURE: Final = r'(?:[^"\[{\]},]++|"(?:[^"\\]++|\\.)*+"?)*+([\[{\]},]|\Z)'
"""The next mark of structure after any strings (an unclosed one too). Never goes back: no stack, linear time."""
_LONE_SURROGATE: Final = (
    r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""Half of a pair, which no UTF-8 text can hold; becomes U+FFFD as in Go. Group 1: what only looks like it."""


def read_json(text: str) -> Iterator[RawDocument]:
    """The documents of ``text``. Ends with a document that carries an error when the text is malformed."""
    if "\\ud" in text or "\\uD" in text:
        text = re.sub(_LONE_SURROGATE, lambda match: match[0] if match[1] else r"\ufffd", text, flags=re.ASCII)
    index = 0
    position = _skip_blank(text, 0)
    try:
        _check_depth(text)
        while position < len(text):
            index += 1
            if index > MAX_DOCUMENTS:
                raise StreamError(f"the source has more than {MAX_DOCUMENTS} documents")
            value, position = _DECODER.raw_decode(text, position)
            yield RawDocument(index, value)
            position = _skip_blank(text, position)
    except json.JSONDecodeError as error:
        yield RawDocument(max(index, 1), error=StreamError(error.msg, error.lineno, error.colno))
    except StreamError as error:
        yield RawDocument(max(index, 1), error=error)


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _check_depth(text: str) -> None:
    """Before parsing, because the parser recurses. Brackets inside strings do not count."""
    opened = text.count("[") + text.count("{")
    if opened <= MAX_DEPTH and opened + text.count(",") <= MAX_NODES:
        return  # most manifests: no need for a pattern that takes as long to compile as they take to parse
    depth = values = 0
    for token in re.finditer(_STRUCTURE, text, re.DOTALL):
        match token[1]:
            case "[" | "{":
                depth += 1
                values += 1
            case "]" | "}":
                depth -= 1
            case ",":
                values += 1
            case _:
                return  # the end
        if depth > MAX_DEPTH:
            position = token.start(1)
            line = text.count("\n", 0, position) + 1
            raise StreamError(f"nested deeper than {MAX_DEPTH} levels", line, position - text.rfind("\n", 0, position))
        if values > MAX_NODES:
            raise StreamError(f"the source has more than {MAX_NODES} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise StreamError(f"key {quoted(key)} already set in map")
        result[key] = value
    return result


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise StreamError(f"a number of {len(text)} digits is too large")
    return int(text)


def _float(text: str) -> int | float:
    if len(text) > _LONGEST_NUMBER:
        raise StreamError(f"a number of {len(text)} digits is too large")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise StreamError(f"number {text} is too large")
    return integral(value)


def _constant(text: str) -> Any:
    raise StreamError(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant
)
