"""``$(VAR)`` references in env values, commands, arguments and subPathExpr (third_party/forked/golang/expansion)."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["expand"]


def expand(text: str, lookup: Callable[[str], str | None]) -> str:
    """``text`` with each ``$(NAME)`` that ``lookup`` knows replaced, once, without looking into the result.

    An unknown reference stays as it is written, ``$$`` is a literal ``$``, and any other ``$`` stands for itself.
    """
    parts: list[str] = []
    position = 0
    last_close = text.rfind(")")
    while (dollar := text.find("$", position)) >= 0:
        parts.append(text[position:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            parts.append("$")
            position = dollar + 2
        elif following == "(" and last_close > dollar:
            end = text.index(")", dollar)
            value = lookup(text[dollar + 2 : end])
            parts.append(text[dollar : end + 1] if value is None else value)
            position = end + 1
        else:
            parts.append("$" + following)
            position = dollar + 1 + len(following)
    parts.append(text[position:])
    return "".join(parts)
