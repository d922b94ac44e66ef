"""``import nsrunner``: everything is there, and nothing is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nsrunner


def test_every_name_is_there() -> None:
    for name in nsrunner.__all__:
        assert getattr(nsrunner, name).__name__ in (name, "KubeEvent")
        assert name in dir(nsrunner)
    with pytest.raises(AttributeError, match="nope"):
        _ = nsrunner.nope  # type: ignore[attr-defined] # that is the point


def test_importing_it_loads_nothing_else() -> None:
    heavy = ("asyncio", "msgspec", "yaml", "nsrunner.")
    script = f"import sys, nsrunner; print([name for name in sys.modules if name.startswith({heavy!r})])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
