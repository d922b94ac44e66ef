"""For tests: of programs that run as pods, and of nsrunner itself.

- the pytest plugin (:mod:`nsrunner.testing.plugin`): the fixtures ``nsrunner_pod`` and ``nsrunner_pod_session``, whose
  values are :class:`PodFactory` objects; also usable without pytest, as a context manager
- :class:`FakeShims`, a sandbox that follows a script instead of making processes
- :class:`VirtualClock` and :func:`run_in_virtual_time`, an event loop in which hours pass in milliseconds

Names are loaded on first use: pytest imports this package at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nsrunner.testing.clock import VirtualClock
    from nsrunner.testing.clock import run as run_in_virtual_time
    from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims, Run
    from nsrunner.testing.pods import Manifest, PodFactory

__all__ = ["FakeSandbox", "FakeShims", "Manifest", "PodFactory", "Run", "VirtualClock", "run_in_virtual_time"]

_HOMES: Final = {
    "FakeSandbox": ("fake_sandbox", "FakeSandbox"),
    "FakeShims": ("fake_sandbox", "FakeShims"),
    "Manifest": ("pods", "Manifest"),
    "PodFactory": ("pods", "PodFactory"),
    "Run": ("fake_sandbox", "Run"),
    "VirtualClock": ("clock", "VirtualClock"),
    "run_in_virtual_time": ("clock", "run"),
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{home[0]}"), home[1])
    globals()[name] = value
    return value
