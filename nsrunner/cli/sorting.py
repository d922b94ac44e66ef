"""``--sort-by``: objects in the order of a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .jsonpath import JsonPath, JsonPathError, relaxed

__all__ = ["sorted_by"]

T = TypeVar("T")


def sorted_by(items: Sequence[T], path: str, object: Callable[[T], Any] = lambda item: item) -> list[T]:
    """In ascending order; those without the field come first, as kubectl has it. Quantities and numbers count as such.

    Raises JsonPathError: also when there is no object that has the field.
    """
    finder = JsonPath(relaxed(path))
    keyed = [(next(iter(finder.find(object(item))), None), item) for item in items]
    if items and all(value is None for value, _ in keyed):
        raise JsonPathError(f"couldn't find any field with path {relaxed(path)!r} in the list of objects")
    return [item for _, item in sorted(keyed, key=lambda pair: _key(pair[0]))]


def _key(value: Any) -> tuple[int, float, str]:
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, (int, float)):
        return (1, float(value), "")
    if isinstance(value, str):
        return (2, 0.0, value)
    raise JsonPathError(f"cannot sort by a {type(value).__name__}")
