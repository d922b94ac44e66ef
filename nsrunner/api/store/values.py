"""What the store's callers handle: names, changes, and what can go wrong."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from nsrunner.errors import HostError

__all__ = ["Change", "Changed", "Exists", "Expired", "Key", "Missing", "StoreError", "StoreUnavailable"]


class Key(Struct, frozen=True, order=True):
    """The name of an object. Sorts as lists do: by namespace, then by name."""

    resource: str
    """Its plural, such as ``pods``; with ``.group`` outside of the core group."""
    namespace: str
    """Empty for what belongs to no namespace."""
    name: str


class Change(Struct, frozen=True):
    """One step of the history."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    key: Key
    object: dict[str, Any]
    """As it is now; of a deleted one as it was last, with the version of its deletion."""
    previous: dict[str, Any] | None
    """As it was before: a watcher with a selector must know whether it has shown the object."""
    version: int


class StoreError(HostError):
    """The store cannot be opened: damaged, of a newer release, or not to be written."""


class StoreUnavailable(HostError):
    """What was written is not on disk, and cannot be at the moment (no space, read-only). It is tried again."""


class Exists(Exception):
    """There is an object of this name."""


class Missing(Exception):
    """There is no object of this name."""


class Changed(Exception):
    """The object has another version than was expected."""


class Expired(Exception):
    """The history that was asked for is no longer kept, or the watcher did not keep up with it."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(asked, oldest)
        self.asked = asked
        self.oldest = oldest

    def __str__(self) -> str:
        return f"too old resource version: {self.asked} ({self.oldest})"
