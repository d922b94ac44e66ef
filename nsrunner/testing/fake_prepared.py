"""The part of a fake shim that holds containers before their program: those that are prepared, or are to be."""

from __future__ import annotations

from nsrunner.sandbox.spec import ContainerSpec

__all__ = ["Preparing"]


class Preparing:
    """The base of a sandbox; it says which of its instances have ended."""

    def __init__(self) -> None:
        self.prepared: dict[str, ContainerSpec] = {}
        """By name: what would be held by now, waiting for its start."""
        self.successors: dict[str, ContainerSpec] = {}
        """By the id of the instance whose end each waits for."""
        self.forgotten: list[str] = []
        """Ids of what was not wanted any more."""
        self._ended: set[str] = set()

    def prepare_container(self, spec: ContainerSpec, /, *, after: str = "") -> None:
        if after and after not in self._ended:
            self.successors[after] = spec
        else:
            self.prepared[spec.name] = spec

    def forget_container(self, container_id: str, /) -> None:
        self.forgotten.append(container_id)
        self.prepared = {key: spec for key, spec in self.prepared.items() if spec.id != container_id}
        self.successors = {key: spec for key, spec in self.successors.items() if spec.id != container_id}

    def prepare_successor(self, container_id: str, exit_code: int) -> None:
        """An instance has ended: by itself, unless a signal was sent."""
        self._ended.add(container_id)
        successor = self.successors.pop(container_id, None)
        if successor is not None and exit_code < 128:
            self.prepared[successor.name] = successor

    def forget_all(self) -> None:
        self.prepared.clear()
        self.successors.clear()
