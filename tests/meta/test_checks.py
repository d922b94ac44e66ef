"""The checks that are not tests of behaviour, so that one run says whether a change is good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.lint
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ["lint", "types", "test-c"])
def test_make(target: str) -> None:
    environment = Path(sys.prefix)
    inside = environment.relative_to(CHECKOUT) if environment.is_relative_to(CHECKOUT) else environment
    command = ["make", "--no-print-directory", target, f"ENV={inside}"]
    # an inherited MAKEFLAGS would hand this make the flags and the job server of the one that runs the tests
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=CHECKOUT, env=clean, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
