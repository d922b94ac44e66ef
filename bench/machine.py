"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

__all__ = ["facts", "file_system"]


def _version(*argv: str) -> str:
    try:
        out = subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout
    except FileNotFoundError:
        return "not installed"
    return out.splitlines()[0].strip() if out else "?"


def file_system(path: str) -> str:
    """The type of the file system that a path lies on, such as ``tmpfs``."""
    return _version("stat", "--file-system", "--format=%T", path)


def facts() -> dict[str, str]:
    """Name and value of each fact, in the order in which they are shown."""
    model = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // (1 << 20)
    unified = any(line.split()[2] == "cgroup2" for line in Path("/proc/mounts").read_text().splitlines())
    v1 = any(line.split()[2] == "cgroup" for line in Path("/proc/mounts").read_text().splitlines())
    return {
        "CPU": f"{os.cpu_count()} x {model}",
        "memory": f"{memory} GiB",
        "kernel": platform.release(),
        "/run, /var/lib": f"{file_system('/run')}, {file_system('/var/lib')}",
        "cgroups": "hybrid" if unified and v1 else "v2" if unified else "v1",
        "Python": platform.python_version(),
        "podman": _version("podman", "--version"),
        "runc": _version("runc", "--version"),
        "crun": _version("crun", "--version"),
        "conmon": _version("conmon", "--version"),
    }
