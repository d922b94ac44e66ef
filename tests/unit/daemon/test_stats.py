"""Usage from the kernel's files."""

from __future__ import annotations

import os
from pathlib import Path

from nsrunner.api.ports import PodRef, Usage
from nsrunner.daemon.stats import _read, container_usage, node_usage


def cgroup(path: Path, **files: str) -> str:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in {"cpu.stat": "usage_usec 1500000\nuser_usec 1\n", "cgroup.procs": "", **files}.items():
        (path / name).write_text(text)
    return str(path)


def test_with_the_memory_controller(tmp_path: Path) -> None:
    files = {"memory.current": "5000\n", "memory.stat": "anon 1\ninactive_file 2000\n"}
    assert container_usage(cgroup(tmp_path, **files)) == Usage(cpu_seconds=1.5, memory_bytes=3000)


def test_without_it_the_processes_are_counted(tmp_path: Path) -> None:
    directory = cgroup(tmp_path)
    cgroup(tmp_path / "main", **{"cgroup.procs": f"{os.getpid()}\n{2**22 + 1}\n"})
    assert container_usage(directory).memory_bytes > 1 << 20


def test_those_that_have_ended_are_left_out(tmp_path: Path) -> None:
    gone, there = PodRef("d", "gone", "1"), PodRef("d", "there", "2")
    stats = _read({gone: {"c": str(tmp_path / "none")}, there: {"c": cgroup(tmp_path / "c")}})
    assert list(stats.pods) == [there] and list(stats.pods[there]) == ["c"]


def test_the_node() -> None:
    first, second = node_usage(), node_usage()
    assert 0 < first.cpu_seconds <= second.cpu_seconds
    assert 0 < first.memory_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
