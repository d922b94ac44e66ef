"""The real thing and the fake are what the ports say, name for name."""

import inspect
from typing import Any

import pytest

from nsrunner.library.documents import Documents
from nsrunner.sandbox.session import Exec
from nsrunner.sandbox.shim import Shim, Shims
from nsrunner.supervisor import ports
from nsrunner.supervisor.clock import SystemClock
from nsrunner.testing.clock import VirtualClock
from nsrunner.testing.fake_sandbox import FakeProcess, FakeSandbox, FakeShims


@pytest.mark.parametrize(
    ("port", "implementation"),
    [
        (ports.Clock, SystemClock),
        (ports.Clock, VirtualClock),
        (ports.ObjectReader, Documents),
        (ports.Process, Exec),
        (ports.Process, FakeProcess),
        (ports.Sandbox, FakeSandbox),
        (ports.Sandbox, Shim),
        (ports.Shims, FakeShims),
        (ports.Shims, Shims),
    ],
)
def test_implementation(port: Any, implementation: Any) -> None:
    for name, method in vars(port).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        wanted = list(inspect.signature(method).parameters.values())
        got = list(inspect.signature(getattr(implementation, name)).parameters.values())
        positional = [p for p in wanted if p.kind is not p.KEYWORD_ONLY]
        assert len([p for p in got if p.kind is not p.KEYWORD_ONLY]) == len(positional), name
        keywords = {p.name for p in wanted if p.kind is p.KEYWORD_ONLY}
        assert keywords <= {p.name for p in got}, name
        extra = [p for p in got if p.kind is p.KEYWORD_ONLY and p.name not in keywords]
        assert all(p.default is not p.empty for p in extra), name
