"""How deep a body may be: those who go down into one do so by recursion."""

from __future__ import annotations

from typing import Any, Final

from nsrunner.api.errors import bad_request

__all__ = ["DEPTH_MAX", "bounded"]

DEPTH_MAX: Final = 100
"""Levels; no object of the API has as many."""


def bounded(value: Any) -> Any:
    """The value itself. Raises ApiError (400) when it is too deep."""
    level, depth = [value], 0
    while level:
        if depth > DEPTH_MAX:
            raise bad_request(f"the body of the request has more than {DEPTH_MAX} levels")
        parts = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level, depth = [item for part in parts for item in part], depth + 1
    return value
