"""Named ports, and the command of an exec probe (pkg/probe/util.go, kubelet-semantics 14.7 and 14.8)."""

from __future__ import annotations

from nsrunner.model.expansion import expand
from nsrunner.model.types import AnyContainer
from nsrunner.supervisor.probes.outcome import ProbeError
from nsrunner.supervisor.probes.words import go_quote

__all__ = ["container_port", "exec_command"]

_PORTS = range(1, 65536)


def container_port(port: int | str, container: AnyContainer) -> int:
    """``ResolveContainerPort``: a number, the name of one of the container's ports, or at last a number that was
    written as a string. Raises ProbeError."""
    number = port if isinstance(port, int) else _by_name(port, container)
    if number not in _PORTS:
        raise ProbeError(f"invalid port number: {number}")
    return number


def _by_name(name: str, container: AnyContainer) -> int:
    for port in container.ports:
        if port.name == name:
            return port.container_port
    digits = name[1:] if name[:1] in ("+", "-") else name
    if not (digits.isascii() and digits.isdigit()):
        raise ProbeError(f"strconv.Atoi: parsing {go_quote(name)}: invalid syntax")
    return int(name)


def exec_command(command: tuple[str, ...], container: AnyContainer) -> tuple[str, ...]:
    """``ExpandContainerCommandOnlyStatic``: ``$(VAR)`` by the container's own ``env`` alone, where what comes from
    elsewhere is empty."""
    values = {variable.name: variable.value or "" for variable in container.env}
    return tuple(expand(word, values.get) for word in command)
