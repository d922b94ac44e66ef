"""The machine that Vagrant makes: what cannot be seen without one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from nsrunner.model.loader import load, raise_for_errors

CHECKOUT = Path(__file__).parents[2]
VAGRANT = CHECKOUT / "vagrant"


@pytest.mark.needs_tool("vagrant")
def test_vagrant_accepts_it(tmp_path: Path) -> None:
    environ = {**os.environ, "VAGRANT_HOME": str(tmp_path), "VAGRANT_CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)}
    command = ["vagrant", "validate", "--ignore-provider"]
    done = subprocess.run(command, cwd=VAGRANT, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_set_up_as_the_readme_says() -> None:
    readme, script = (CHECKOUT / "README.md").read_text(), (VAGRANT / "provision").read_text()
    command = re.search(r"^sh tools/setup demo$", script, re.MULTILINE)
    assert command is not None and f"\n{command[0]}\n" in readme
    assert "nsrunner install-service" in script and "vagrant up" in readme
    assert os.access(VAGRANT / "provision", os.X_OK)


def test_its_pod_is_one() -> None:
    (document,) = load((VAGRANT / "hello.yaml").read_bytes())
    raise_for_errors([document])
