"""A program of sh, coreutils and perl that prints what a container sees, and the reader of what it printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nsrunner import Pod
from real_pods import Manifest, next_line, shell

_SECTIONS = {
    "status": "cat /proc/self/status",
    "ns": "for n in cgroup ipc mnt net pid user uts; do echo $n $(readlink /proc/self/ns/$n); done",
    "id": "echo $(id -u) $(id -g) $(id -G)",
    "umask": "umask",
    "limits": "cat /proc/self/limits",
    "oom": "cat /proc/self/oom_score_adj",
    "fds": "ls /proc/$$/fd",
    "session": """perl -e 'open F, q(/proc/self/stat); @f = split q( ), <F>; print qq($f[5] $f[6]\\n)'""",
    "env": r"tr '\0' '\n' < /proc/$$/environ",
    "cwd": "pwd -P",
    "cgroup": "cat /proc/self/cgroup",
    "uname": "uname -n",
}
_SCRIPT = "".join(f"echo '== {name}'\n{command}\n" for name, command in _SECTIONS.items()) + "echo '== end'\n"

ARGV = ["sh", "-c", _SCRIPT]
"""Prints the facts and ends."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the probe printed: the lines of each section."""

    sections: dict[str, list[str]]

    def __getitem__(self, section: str) -> list[str]:
        return self.sections[section]

    @property
    def namespaces(self) -> dict[str, str]:
        return dict(line.split() for line in self["ns"])

    @property
    def status(self) -> dict[str, str]:
        """Of /proc/self/status."""
        return {name: value.strip() for name, _, value in (line.partition(":") for line in self["status"])}

    @property
    def limits(self) -> dict[str, tuple[str, str]]:
        """Name to (soft, hard)."""
        return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip()) for line in self["limits"][1:]}


def parse(text: str) -> Facts:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = sections.setdefault(line[3:], [])
        else:
            lines.append(line)
    assert "end" in sections, text
    return Facts(sections)


def probe(name: str = "main", **fields: Any) -> Manifest:
    """A container whose first process prints the facts, and stays."""
    return shell(name, _SCRIPT + "exec sleep infinity", **fields)


def facts(pod: Pod, name: str = "main") -> Facts:
    """Of the first process of a probe() container: a child of it, to be exact."""
    pod.wait("Ready", timeout=20)
    next_line(pod.follow(name), lambda line: line == "== end")
    return parse(pod.logs(name))


def exec_facts(pod: Pod, name: str = "main") -> Facts:
    """Of a process that exec started in the container."""
    result = pod.exec(name, ARGV)
    assert result.ok, result
    return parse(result.stdout.decode())
