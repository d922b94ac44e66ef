"""Pods for the benchmarks, on a root directory with busybox and our own programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["HERE", "install_programs", "pod"]

HERE = Path(__file__).parent


def install_programs(root: Path) -> None:
    """Compiles our programs, static, into ``root``/bin."""
    compiler = shutil.which("cc") or "gcc"
    for name in ("stamp", "lines", "health", "crash", "leaves"):
        target = root / "bin" / name
        if not target.exists():
            source = str(HERE / f"{name}.c")
            subprocess.run([compiler, "-O2", "-static", "-o", str(target), source], check=True, timeout=60)


def pod(name: str, root: Path, *commands: list[str]) -> dict[str, Any]:
    """A manifest with one container a command: a, b, c ..."""
    containers = [
        {"name": chr(ord("a") + index), "image": f"rootfs:{root}", "command": command}
        for index, command in enumerate(commands)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers},
    }
