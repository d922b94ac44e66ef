"""Paths of fields, as the API writes them: ``spec.containers[0].resources.limits[cpu]``."""

from __future__ import annotations

from typing import Final

__all__ = ["ROOT", "Path"]

_LONGEST_STEP: Final = 300


class Path:
    """A place in a document. ``path / "name"`` is a field of it, ``path[0]`` an item, ``path["key"]`` a map's entry."""

    __slots__ = ("_parent", "_step")

    def __init__(self, parent: Path | None = None, step: str | tuple[int | str] = "") -> None:
        self._parent = parent
        self._step = step
        """The name of a field; in a tuple, the number or key of an item."""

    def __truediv__(self, name: str) -> Path:
        return Path(self, name)

    def __getitem__(self, key: int | str) -> Path:
        return Path(self, (key,))

    @property
    def parent(self) -> Path:
        """The path without its last step; the root's parent is the root."""
        return self._parent or self

    def __str__(self) -> str:
        # Rendered only for the few paths that are shown: decoding makes one for every value.
        steps = []
        path = self
        while path._parent is not None:
            step = path._step
            steps.append(f"[{step[0]}]" if isinstance(step, tuple) else f".{step}")
            path = path._parent
        return "".join(map(_printable, reversed(steps))).removeprefix(".")

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"


def _printable(step: str) -> str:
    """A step for people to read: keys come from the manifest and may hold anything, of any length."""
    if len(step) > _LONGEST_STEP:
        step = f"{step[:_LONGEST_STEP]}…"
    return (
        step if step.isprintable() else "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in step)
    )


ROOT: Final = Path()
