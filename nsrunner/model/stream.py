"""What the readers of YAML and of JSON have in common: their bounds, their results, their complaint."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from nsrunner.errors import FieldError

__all__ = [
    "MAX_ALIASES",
    "MAX_DEPTH",
    "MAX_DOCUMENTS",
    "MAX_EXPANDED_NODES",
    "MAX_NODES",
    "RawDocument",
    "StreamError",
]

MAX_DEPTH: Final = 64
"""Of nested lists and maps, through aliases too."""
MAX_ALIASES: Final = 100
"""In one document."""
MAX_EXPANDED_NODES: Final = 50_000
"""Values that a document with aliases may have after each alias is replaced by what it stands for."""
MAX_NODES: Final = 250_000
"""Values in one source, as they are written."""
MAX_DOCUMENTS: Final = 10_000
"""In one source."""


class StreamError(Exception):
    """The text cannot be read. ``line`` and ``column`` count from 1; 0: unknown."""

    def __init__(self, problem: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column
        self.hint = hint

    def field_error(self) -> FieldError:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        return FieldError("", "Syntax error", detail=f"{where}{self.problem}", hint=self.hint)


class RawDocument(Struct, frozen=True):
    """One document as plain values, or why it could not be read; after an error nothing more follows."""

    index: int
    """Counted from 1 over all documents of the source, empty ones included."""
    value: Any = None
    error: StreamError | None = None
