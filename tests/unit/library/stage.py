"""AsyncPod and Runner on the fake runtime in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.library import engine
from nsrunner.testing.clock import VirtualClock
from nsrunner.testing.fake_sandbox import FakeShims


def stage(monkeypatch: pytest.MonkeyPatch, root: Path) -> FakeShims:
    """Puts the fake in the place of the real shims and clocks; state lies below ``root``."""
    shims = FakeShims()

    async def nothing(self: engine.Engine) -> None:
        """A thread would be outside of virtual time."""

    monkeypatch.setenv("NSRUNNER_ROOT", str(root))
    monkeypatch.setattr(engine, "Shims", lambda roots, *, spare: shims)
    monkeypatch.setattr(engine, "SystemClock", VirtualClock)
    monkeypatch.setattr(engine, "require_root", lambda: None)
    monkeypatch.setattr(engine.Engine, "_remove_leftovers", nothing)
    return shims
