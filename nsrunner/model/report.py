"""Collects what is wrong with one document: apimachinery's ``field.ErrorList``, in its wording.

Decoding and validation fill the same report. Where decoding already complained about a value, later complaints about it
or about anything inside it would only repeat that, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nsrunner.errors import FieldError
from nsrunner.model.path import Path

__all__ = ["MAX_ERRORS", "Report", "quoted", "shown"]

MAX_ERRORS: Final = 100
"""Problems that are kept per document; more would help nobody, and a hostile document has a million."""

_SHOWN_LENGTH: Final = 120


def quoted(text: str) -> str:
    """``text`` in double quotes, as Go's ``%q`` shows it: control characters escaped, shortened when very long."""
    if len(text) > _SHOWN_LENGTH:
        text = f"{text[:_SHOWN_LENGTH]}…"
    escaped = (
        char if char.isprintable() and char not in {'"', "\\"} else _ESCAPES.get(char) or _escape(char) for char in text
    )
    return f'"{"".join(escaped)}"'


_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(value: object) -> str:
    """A value as messages show it."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int():
            return str(value) if abs(value) < 10**_SHOWN_LENGTH else "a number of more than 120 digits"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return quoted(str(value))


class Report:
    """The problems of one document, in the order in which they were found."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self._undecodable: list[str] = []
        self._left_out = 0

    def add(self, error: FieldError) -> None:
        if any(_within(error.field, broken) for broken in self._undecodable):
            return
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
        else:
            self._left_out += 1

    def close(self) -> tuple[FieldError, ...]:
        """All problems; says so when there were more than are kept."""
        if not self._left_out:
            return tuple(self.errors)
        return (*self.errors, FieldError("", "Too many", detail=f"{self._left_out} more errors are not shown"))

    # --- while decoding

    def undecodable(self, path: Path, value: str, detail: str, hint: str = "") -> None:
        """The value has the wrong type or form; ``value`` is rendered already (empty: must not be shown)."""
        self._broken(FieldError(str(path), "Invalid value", value, detail, hint))

    def missing(self, path: Path) -> None:
        self._broken(FieldError(str(path), "Required value"))

    def unknown(self, path: Path, hint: str) -> None:
        self._broken(FieldError(str(path), "Unknown field", hint=hint))

    def _broken(self, error: FieldError) -> None:
        self.add(error)
        if len(self._undecodable) < MAX_ERRORS:
            self._undecodable.append(error.field)

    # --- while validating: the constructors of apimachinery's field package

    def required(self, path: Path, detail: str = "") -> None:
        self.add(FieldError(str(path), "Required value", detail=detail))

    def invalid(self, path: Path, value: object, detail: str, hint: str = "") -> None:
        self.add(FieldError(str(path), "Invalid value", shown(value), detail, hint))

    def unsupported_value(self, path: Path, value: str, supported: Iterable[str], hint: str = "") -> None:
        names = ", ".join(quoted(name) for name in sorted(supported))
        self.add(FieldError(str(path), "Unsupported value", quoted(value), f"supported values: {names}", hint))

    def duplicate(self, path: Path, value: object) -> None:
        self.add(FieldError(str(path), "Duplicate value", shown(value)))

    def forbidden(self, path: Path, detail: str) -> None:
        self.add(FieldError(str(path), "Forbidden", detail=detail))

    def not_found(self, path: Path, value: object) -> None:
        self.add(FieldError(str(path), "Not found", shown(value)))

    def too_long(self, path: Path, limit: int) -> None:
        self.add(FieldError(str(path), "Too long", detail=f"may not be more than {limit} bytes"))

    def too_many(self, path: Path, actual: int, limit: int) -> None:
        self.add(FieldError(str(path), "Too many", str(actual), f"must have at most {limit} items"))


def _within(field: str, broken: str) -> bool:
    return field == broken or (field.startswith(broken) and field[len(broken)] in ".[")
