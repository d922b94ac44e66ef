"""The layout of ``describe``: names and values in columns, blocks that are further in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .output import escape

__all__ = ["Block", "Item", "lines_of", "listing", "pairs", "stamp", "text_of"]

Item: TypeAlias = "tuple[str, str | Sequence[str] | Block]"
"""A name with its value, the lines of its value, or what is below it."""


class Block(list[Item]):
    """Names with values, in their order."""

    def put(self, name: str, value: object) -> None:
        """Nothing for None."""
        if value is not None:
            self.append((name, str(value)))


def text_of(block: Block) -> str:
    return "".join(f"{line}\n".replace(" \n", "\n") for line in lines_of(block))


def lines_of(block: Block, indent: int = 0) -> Iterable[str]:
    """With the values of each block in one column. Values are escaped."""
    plain = [name for name, value in block if not isinstance(value, Block)]
    width = max((len(name) for name in plain), default=0) + 3
    margin = " " * indent
    for name, value in block:
        if isinstance(value, Block):
            yield f"{margin}{escape(name)}:"
            yield from lines_of(value, indent + 2)
            continue
        values = [value] if isinstance(value, str) else list(value)
        first, *rest = values or [""]
        yield f"{margin}{escape(name) + ':':<{width}}{escape(first)}".rstrip()
        yield from (f"{margin}{'':<{width}}{escape(line)}".rstrip() for line in rest)


def pairs(values: Mapping[str, Any] | None, separator: str = "=") -> list[str]:
    """``key=value`` of labels or annotations; ``<none>``."""
    return [f"{key}{separator}{(values or {})[key]}" for key in sorted(values or {})] or ["<none>"]


def listing(values: Iterable[str]) -> str:
    return ", ".join(values) or "<none>"


def stamp(text: object) -> str | None:
    """A time as kubectl tells it, in the local zone (RFC 1123); None when there is none."""
    import time

    from nsrunner.model.printing.ages import parse_time

    moment = parse_time(text)
    return None if moment is None else time.strftime("%a, %d %b %Y %H:%M:%S %z", time.localtime(moment))
