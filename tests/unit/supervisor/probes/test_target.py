"""Named ports and exec commands (kubelet-semantics 14.7, 14.8; 33: named ports, exec ``$(VAR)``)."""

from __future__ import annotations

import pytest

from nsrunner.model.types import Container, ContainerPort, EnvVar, EnvVarSource
from nsrunner.supervisor.probes.outcome import ProbeError
from nsrunner.supervisor.probes.target import container_port, exec_command

CONTAINER = Container(
    name="web",
    ports=(ContainerPort(name="http", container_port=8080), ContainerPort(name="9", container_port=9999)),
    env=(EnvVar(name="A", value="one"), EnvVar(name="B", value_from=EnvVarSource())),
)


@pytest.mark.parametrize(("port", "number"), [(80, 80), ("http", 8080), ("9", 9999), ("81", 81)])
def test_ports(port: int | str, number: int) -> None:
    assert container_port(port, CONTAINER) == number


@pytest.mark.parametrize(
    ("port", "why"),
    [
        ("web", 'strconv.Atoi: parsing "web": invalid syntax'),
        (0, "invalid port number: 0"),
        (65536, "invalid port number: 65536"),
        ("-1", "invalid port number: -1"),
    ],
)
def test_ports_that_are_none(port: int | str, why: str) -> None:
    with pytest.raises(ProbeError, match=why):
        container_port(port, CONTAINER)


def test_a_command_sees_literal_variables_only() -> None:
    assert exec_command(("$(A)", "x$(B)y", "$(C)", "$$(A)"), CONTAINER) == ("one", "xy", "$(C)", "$(A)")
