"""Reads a stream of YAML documents into plain values, with bounds: no manifest can exhaust memory, stack or patience.

The documents are built from libyaml's events in one loop, not by PyYAML's recursive constructor: that gives positions
for every complaint, the meaning that kubectl gives to scalars (:mod:`nsrunner.model.scalars`), and limits that hold
before anything is expanded. An alias is the value itself, shared, never a copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import yaml

from nsrunner.model import scalars
from nsrunner.model.report import quoted
from nsrunner.model.stream import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_EXPANDED_NODES,
    MAX_NODES,
    RawDocument,
    StreamError,
)

__all__ = ["read_yaml"]

_CORE: Final = "tag:yaml.org,2002:"


class _Node:
    """A finished value, how many values it stands for, and how deep it is nested."""

    __slots__ = ("height", "size", "value")

    def __init__(self, value: Any, size: int = 1, height: int = 0) -> None:
        self.value = value
        self.size = size
        self.height = height


class _Open:
    """A list or map that is being read."""

    __slots__ = ("anchor", "height", "key", "merged", "merging", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        """The key whose value comes next; None: a key comes next."""
        self.merging = False
        self.merged: list[dict[str, Any]] = []
        self.size = 1
        self.height = 1


def read_yaml(text: str) -> Iterator[RawDocument]:
    """The documents of ``text``. Ends with a document that carries an error when the text is malformed."""
    index = 0
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                index += 1
                if index > MAX_DOCUMENTS:
                    raise _at(event, f"the source has more than {MAX_DOCUMENTS} documents")
                reader.start()
            elif isinstance(event, yaml.DocumentEndEvent):
                yield RawDocument(index, reader.root)
            else:
                reader.feed(event)
    except StreamError as error:
        yield RawDocument(max(index, 1), error=error)
    except yaml.MarkedYAMLError as error:
        yield RawDocument(max(index, 1), error=_syntax_error(error))
    except yaml.reader.ReaderError as error:
        yield RawDocument(max(index, 1), error=_character_error(error, text))


class _Reader:
    """Builds one document after another out of events."""

    def __init__(self) -> None:
        self.nodes = 0
        self.start()

    def start(self) -> None:
        self.root: Any = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Node | None] = {}
        self.aliases = 0

    def feed(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._count(event)
                self._scalar(event)
            case yaml.AliasEvent():
                self._place(self._alias(event), event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)
            case _:
                pass  # the stream's own start and end

    def _count(self, event: yaml.Event) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _at(event, f"the source has more than {MAX_NODES} values")

    def _open(self, value: list[Any] | dict[str, Any], event: yaml.CollectionStartEvent) -> None:
        self._count(event)
        if len(self.stack) >= MAX_DEPTH:
            raise _at(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, f"{_CORE}map" if isinstance(value, dict) else f"{_CORE}seq", "!"):
            raise _at(event, f"tag {quoted(event.tag)} is not supported")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            hint = "is it a template? {{ ... }} must be filled in first"
            raise _at(event, "a key must be a string, not a list or an object", hint)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(value, event.anchor))

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        top = self.stack.pop()
        if isinstance(top.value, dict):
            for merged in top.merged:
                for key, value in merged.items():
                    top.value.setdefault(key, value)
        node = _Node(top.value, top.size, top.height)
        if top.anchor is not None:
            self.anchors[top.anchor] = node
        self._place(node, event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, event)
            return
        node = _Node(_scalar_value(event))
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._place(node, event)

    def _key(self, top: _Open, event: yaml.ScalarEvent) -> None:
        if event.implicit[0] and event.value == scalars.MERGE:
            top.key, top.merging = scalars.MERGE, True
            return
        value = _scalar_value(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Node(value)
        self._set_key(top, value, event)

    def _set_key(self, top: _Open, value: Any, event: yaml.Event) -> None:
        key = _key_text(value, event)
        assert isinstance(top.value, dict)
        if key in top.value:
            raise _at(event, f"key {quoted(key)} already set in map")
        top.key = key
        top.value[key] = None  # keeps the order, and makes the next key of this name a duplicate

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise _at(event, f"more than {MAX_ALIASES} aliases in one document")
        name = event.anchor or ""
        if name not in self.anchors:
            raise _at(event, f"unknown anchor {quoted(name)}")
        node = self.anchors[name]
        if node is None:
            raise _at(event, f"anchor {quoted(name)} contains itself")
        return node

    def _place(self, node: _Node, event: yaml.Event) -> None:
        """Give a finished value to what contains it."""
        if not self.stack:
            self.root = node.value
            return
        top = self.stack[-1]
        if isinstance(top.value, dict) and top.key is None:
            self._set_key(top, node.value, event)  # an alias as a key
            return
        top.size += node.size
        top.height = max(top.height, node.height + 1)
        if self.aliases and top.size > MAX_EXPANDED_NODES:
            raise _at(event, f"aliases make more than {MAX_EXPANDED_NODES} values")
        if len(self.stack) + node.height > MAX_DEPTH:
            raise _at(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(top.value, list):
            top.value.append(node.value)
        elif top.merging:
            top.merged += _mergeable(node.value, event)
            top.merging = False
            top.key = None
        else:
            assert top.key is not None
            top.value[top.key] = node.value
            top.key = None


def _mergeable(value: Any, event: yaml.Event) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise _at(event, "map merge requires map or sequence of maps as the value")
    return sources


def _scalar_value(event: yaml.ScalarEvent) -> scalars.Scalar:
    text: str = event.value
    if event.tag == "!" or (event.tag is None and not event.implicit[0]):
        return text  # quoted, or a block
    value = scalars.resolve(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise _at(event, f"{text} has no equivalent in JSON")
    if event.tag is None:
        return value
    match event.tag.removeprefix(_CORE):
        case "str" | "timestamp":
            return text
        case "bool" if isinstance(value, bool):
            return value
        case "int" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "float" if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case "null" if value is None:
            return None
    raise _at(event, f"tag {quoted(event.tag)} is not supported for {quoted(text)}")


def _key_text(value: Any, event: yaml.Event) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            raise _at(event, "a key must be a string, not null")


def _at(event: yaml.Event, problem: str, hint: str = "") -> StreamError:
    mark = event.start_mark
    assert mark is not None  # libyaml marks every event
    return StreamError(problem, mark.line + 1, mark.column + 1, hint)


def _syntax_error(error: yaml.MarkedYAMLError) -> StreamError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "malformed"
    if error.context:
        problem = f"{error.context}: {problem}"
    hint = ""
    if "tab character" in problem:
        hint = "YAML is indented with spaces, never with tabs"
    elif "cannot start any token" in problem:
        hint = "YAML is indented with spaces, never with tabs; text that starts with one of @ ` % needs quotes"
    elif "mapping values are not allowed" in problem:
        hint = 'check the indentation; text that contains ": " needs quotes'
    return StreamError(problem, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0, hint)


def _character_error(error: yaml.reader.ReaderError, text: str) -> StreamError:
    # libyaml counts bytes here; only ASCII control characters and a few others are refused, so look for the character.
    code = int(error.character) if isinstance(error.character, int) else ord(error.character)
    offset = text.find(chr(code))
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return StreamError(f"control character U+{code:04X} is not allowed", line, column)
