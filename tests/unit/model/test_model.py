from __future__ import annotations

import subprocess
import sys

import pytest

import nsrunner.model


def test_every_public_name_is_there() -> None:
    for name in nsrunner.model.__all__:
        assert getattr(nsrunner.model, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = nsrunner.model.nothing  # type: ignore[attr-defined] # that is the point


def test_the_types_do_not_cost_the_rest() -> None:
    code = "import sys, nsrunner.model.types; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "nsrunner.model.types" in loaded
    assert not {"yaml", "json", "difflib", "nsrunner.model.loader", "nsrunner.model.validate"} & set(loaded)


def test_the_model_does_no_io() -> None:
    code = (
        "import sys, nsrunner.model as m; before = set(sys.modules); "
        "[getattr(m, name) for name in m.__all__]; print(*(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "socket", "subprocess", "logging", "threading", "random"} & set(loaded)
