"""What readelf says of an ELF file, as the few facts that the hardening tests ask for."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Elf:
    kind: str
    """EXEC, or DYN for shared objects and position independent executables."""
    segments: dict[str, str]
    """Program header type to its flags, such as GNU_STACK to RW; LOAD holds those of all, joined by commas."""
    needed: frozenset[str]
    bind_now: bool
    exported: frozenset[str]
    imported: frozenset[str]


def read(path: Path) -> Elf:
    """Raises CalledProcessError when it is no ELF file."""

    def readelf(option: str) -> str:
        command = ["readelf", "--wide", option, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    kind = re.search(r"Type:\s+(\w+)", readelf("--file-header"))
    segments: dict[str, str] = {}
    for name, flags in re.findall(r"^  (\w+)(?:\s+0x[0-9a-f]+){5} ([RWE ]{3})", readelf("--segments"), re.MULTILINE):
        flags = flags.replace(" ", "")
        segments[name] = f"{segments[name]},{flags}" if name in segments else flags
    dynamic = readelf("--dynamic")
    symbols = re.findall(
        r"^ +\d+: \S+ +\d+ \w+ +(?:GLOBAL|WEAK) +\w+ +(\w+) ([^\s@]+)", readelf("--dyn-syms"), re.MULTILINE
    )
    return Elf(
        kind=kind.group(1) if kind else "",
        segments=segments,
        needed=frozenset(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)),
        bind_now=bool(re.search(r"\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW", dynamic)),
        exported=frozenset(name for where, name in symbols if where != "UND"),
        imported=frozenset(name for where, name in symbols if where == "UND"),
    )
