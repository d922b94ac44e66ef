"""kubectl's JSONPath templates: text with ``{expressions}`` between, as ``k8s.io/client-go/util/jsonpath`` reads them.

Beside the JSONPath of others it has ``{range}`` and ``{end}``, quoted text, and ``\\.`` for a dot in a key. Slices end
where the array does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ..errors import UsageError

__all__ = ["JsonPath", "JsonPathError", "relaxed"]

Step = Callable[[list[Any]], list[Any]]
"""From the values so far to the next ones."""


class JsonPathError(UsageError):
    """A template that cannot be read, or that asks for an index that is not there."""


class _Text(NamedTuple):
    text: str


class _Path(NamedTuple):
    steps: tuple[Step, ...]


class _Range(NamedTuple):
    steps: tuple[Step, ...]
    body: tuple[_Text | _Path | _Range, ...]


_Node = _Text | _Path | _Range
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_FIELD_ENDS: Final = frozenset(".[](){}, \t\n'\"=!<>&|?")
"""Of a field's name; a backslash takes these in."""
_NUMBER: Final = r"[-+]?\d{1,18}(\.\d{1,18})?"
_OPERATORS: Final = ("==", "!=", "<=", ">=", "<", ">")


class JsonPath:
    """A template that was read. Raises JsonPathError."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._nodes = _Reader(template).read()

    def render(self, value: Any) -> str:
        """The template's text for a value; keys that are missing leave nothing. Raises JsonPathError."""
        return "".join(_render(self._nodes, value))

    def find(self, value: Any) -> list[Any]:
        """All values that the template's expressions find, in their order. Raises JsonPathError."""
        return [each for node in self._nodes if isinstance(node, _Path) for each in _walk(node.steps, value)]


def relaxed(expression: str) -> str:
    """``x.y``, ``.x.y``, ``{x.y}`` and ``{.x.y}`` all as the last one, as --sort-by and custom-columns let them be
    written. Raises JsonPathError."""
    found = re.fullmatch(r"\{\.?([^{}]+)\}|\.?([^{}]+)", expression.strip(), re.DOTALL)
    if found is None:
        raise JsonPathError(
            f"unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or "
            f"'{{.name1.name2}}': {expression}"
        )
    inner = found[1] or found[2]
    return f"{{{'' if inner[0] in '[$@' else '.'}{inner}}}"


def _render(nodes: Sequence[_Node], current: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _Text):
            yield node.text
        elif isinstance(node, _Path):
            yield " ".join(map(_text, _walk(node.steps, current)))
        else:
            for item in _walk(node.steps, current):
                yield from _render(node.body, item)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return "" if value is None else "true" if value is True else "false" if value is False else str(value)


def _walk(steps: Sequence[Step], current: Any) -> list[Any]:
    return _follow(steps, [current])


def _follow(steps: Sequence[Step], values: list[Any]) -> list[Any]:
    for step in steps:
        values = step(values)
    return values


# --- steps ------------------------------------------------------------------------------------------------------------


def _field(name: str) -> Step:
    def step(values: list[Any]) -> list[Any]:
        return [value[name] for value in values if isinstance(value, dict) and name in value]

    return step


def _everything(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found


def _descend(values: list[Any]) -> list[Any]:
    """Each value and all that is in it."""
    found: list[Any] = []
    for value in values:
        found.append(value)
        found += _descend(_everything([value]))
    return found


def _index(at: int) -> Step:
    def step(values: list[Any]) -> list[Any]:
        found = []
        for value in values:
            items = _items(value)
            if items is None:
                continue
            if not -len(items) <= at < len(items):
                raise JsonPathError(f"array index out of bounds: index {at}, length {len(items)}")
            found.append(items[at])
        return found

    return step


def _slice(start: int | None, end: int | None, every: int | None) -> Step:
    def step(values: list[Any]) -> list[Any]:
        return [item for value in values for item in (_items(value) or ())[start:end:every]]

    return step


def _items(value: Any) -> list[Any] | None:
    """Of an array; None: it is not there. Raises JsonPathError for what is none."""
    if value is None or isinstance(value, list):
        return value
    raise JsonPathError(f"{type(value).__name__} is not array or slice")


def _union(parts: Sequence[Sequence[Step]]) -> Step:
    def step(values: list[Any]) -> list[Any]:
        return [each for part in parts for each in _follow(part, values)]

    return step


def _filter(left: _Operand, operator: str, right: _Operand | None) -> Step:
    def holds(item: Any) -> bool:
        ours = left.values(item)
        if right is None:
            return bool(ours)
        theirs = right.values(item)
        if not ours or not theirs:
            return False
        return any(_compare(a, operator, b) for a in ours for b in theirs)

    def step(values: list[Any]) -> list[Any]:
        return [item for value in values for item in _everything([value]) if holds(item)]

    return step


def _compare(a: Any, operator: str, b: Any) -> bool:
    if operator in ("==", "!="):
        same = a == b and isinstance(a, bool) == isinstance(b, bool)
        return same == (operator == "==")
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (a, b))
    if not numbers and not (isinstance(a, str) and isinstance(b, str)):
        raise JsonPathError(f"cannot compare {_text(a)} with {_text(b)}")
    return bool({"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[operator])


class _Operand(NamedTuple):
    """A side of a filter: a path from the item, or a value."""

    steps: tuple[Step, ...] | None
    literal: Any = None

    def values(self, item: Any) -> list[Any]:
        return [self.literal] if self.steps is None else _walk(self.steps, item)


# --- reading ----------------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> tuple[_Node, ...]:
        nodes, ended = self._nodes()
        if ended:
            raise JsonPathError("not in range, nothing to end")
        return nodes

    def _nodes(self) -> tuple[tuple[_Node, ...], bool]:
        """Up to ``{end}`` (then True) or the end of the template."""
        nodes: list[_Node] = []
        while self._at < len(self._text):
            opening = self._text.find("{", self._at)
            if opening < 0:
                opening = len(self._text)
            if opening > self._at:
                nodes.append(_Text(self._text[self._at : opening]))
            self._at = opening + 1
            if opening < len(self._text) and self._action(nodes):
                return tuple(nodes), True
        return tuple(nodes), False

    def _action(self, nodes: list[_Node]) -> bool:
        """What is between braces, the first of which is behind us; True: it was ``end``."""
        ended = False
        while not self._took("}"):
            char = self._peek()
            if char.isspace():
                self._at += 1
            elif char in "'\"":
                nodes.append(_Text(self._quoted()))
            elif self._matched(r"range\b"):
                nodes.append(self._range())
                return False
            elif self._matched(r"end\b"):
                ended = True
            elif (number := self._matched(_NUMBER)) is not None:
                nodes.append(_Text(number))
            else:
                nodes.append(_Path(self._path()))
        return ended

    def _range(self) -> _Range:
        self._matched(r"\s*")
        steps = self._path()
        self._matched(r"\s*")
        if not self._took("}"):
            raise self._unexpected()
        body, closed = self._nodes()
        if not closed:
            raise JsonPathError("unclosed range: {end} is missing")
        return _Range(steps, body)

    def _path(self) -> tuple[Step, ...]:
        """As far as it goes. Raises JsonPathError when there is none."""
        steps: list[Step] = []
        begun = self._took("@") or self._took("$")
        while True:
            if self._took(".."):
                steps.append(_descend)
                begun = True
                if self._peek(or_end=True) not in _FIELD_ENDS:
                    steps.append(self._name())
            elif self._took("."):
                begun = True
                if self._peek(or_end=True) not in _FIELD_ENDS:
                    steps.append(self._name())
            elif self._took("["):
                begun = True
                steps.append(self._subscript())
            elif begun:
                return tuple(steps)
            elif word := self._matched(r"\w+"):
                raise JsonPathError(f"unrecognized identifier {word}")
            else:
                raise self._unexpected()

    def _name(self) -> Step:
        """Of a field, or ``*``."""
        if self._took("*"):
            return _everything
        name = ""
        while (char := self._peek(or_end=True)) not in _FIELD_ENDS:
            if char == "\\":
                self._at += 1
                char = self._peek()
            name += char
            self._at += 1
        return _field(name)

    def _subscript(self) -> Step:
        """What is between brackets, the first of which is behind us."""
        if self._matched(r"\s*\?\("):
            return self._condition()
        parts: list[Sequence[Step]] = []
        while True:
            self._matched(r"\s*")
            if self._took("*"):
                parts.append((_everything,))
            elif self._peek() in "'\"":
                parts.append(self._keys(self._quoted_key()))
            else:
                parts.append((self._place(),))
            self._matched(r"\s*")
            if self._took("]"):
                return parts[0][0] if len(parts) == 1 and len(parts[0]) == 1 else _union(parts)
            if not self._took(","):
                raise self._unexpected()

    def _keys(self, quoted: str) -> Sequence[Step]:
        """Of ``'metadata.name'``: a path too, as upstream has it; ``\\.`` is a dot in a key."""
        return [_field(part.replace("\0", ".")) for part in quoted.replace("\\.", "\0").split(".") if part]

    def _quoted_key(self) -> str:
        quote = self._peek()
        start, end = self._at + 1, self._text.find(quote, self._at + 1)
        if end < 0:
            raise JsonPathError("unterminated quoted string")
        self._at = end + 1
        return self._text[start:end]

    def _place(self) -> Step:
        found = self._matched(r"(-?\d{1,18})?(\s*:\s*(-?\d{1,18})?){0,2}(?=\s*[],])")
        if not found:
            wrong = self._matched(r"[^]]*") or ""
            raise JsonPathError(f"invalid array index {wrong}")
        numbers = [int(part) if part.strip() else None for part in found.split(":")]
        if len(numbers) == 1:
            assert numbers[0] is not None
            return _index(numbers[0])
        start, end, every = (*numbers, 1)[:3]
        if every is not None and every <= 0:
            raise JsonPathError("step must be > 0")
        return _slice(start, end, every)

    def _condition(self) -> Step:
        left = self._operand()
        self._matched(r"\s*")
        operator = next((each for each in _OPERATORS if self._took(each)), "")
        right = self._operand() if operator else None
        if not self._matched(r"\s*\)\s*\]"):
            raise self._unexpected()
        return _filter(left, operator, right)

    def _operand(self) -> _Operand:
        self._matched(r"\s*")
        if self._peek() in "'\"":
            return _Operand(None, self._quoted())
        if (number := self._matched(_NUMBER)) is not None:
            return _Operand(None, float(number) if "." in number else int(number))
        if (word := self._matched(r"(true|false)\b")) is not None:
            return _Operand(None, word == "true")
        return _Operand(self._path())

    def _quoted(self) -> str:
        quote, text = self._peek(), ""
        self._at += 1
        while not self._took(quote):
            char = self._peek()
            self._at += 1
            if char == "\\":
                escaped = self._peek()
                self._at += 1
                char = _ESCAPES.get(escaped, "\\" + escaped)
            text += char
        return text

    def _peek(self, *, or_end: bool = False) -> str:
        if self._at >= len(self._text) and not or_end:
            raise JsonPathError("unclosed action")
        return self._text[self._at : self._at + 1] or " "

    def _took(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        if self._at >= len(self._text) and text == "}":
            raise JsonPathError("unclosed action")
        return False

    def _matched(self, pattern: str) -> str | None:
        found = re.compile(pattern).match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _unexpected(self) -> JsonPathError:
        self._matched(r"\s*")
        char = self._peek()
        return JsonPathError(f"unrecognized character in action: U+{ord(char):04X} '{char}'")
