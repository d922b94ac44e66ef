from __future__ import annotations

import msgspec
import pytest

from nsrunner.model import types
from nsrunner.model.types import Struct
from nsrunner.model.types.base import json_name


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("name", "name"),
        ("run_as_user", "runAsUser"),
        ("pod_ip", "podIP"),
        ("host_ips", "hostIPs"),
        ("host_ipc", "hostIPC"),
        ("set_hostname_as_fqdn", "setHostnameAsFQDN"),
        ("api_version", "apiVersion"),
        ("downward_api", "downwardAPI"),
        ("target_wwns", "targetWWNs"),
        ("continue_", "continue"),
        ("uid", "uid"),
    ],
)
def test_json_name(attribute: str, name: str) -> None:
    assert json_name(attribute) == name


ALL = [
    item
    for name in types.__all__
    if isinstance(item := getattr(types, name), type) and issubclass(item, Struct) and item is not Struct
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_values_are_frozen_and_cannot_be_given_by_position(kind: type[Struct]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    assert config.omit_defaults
    with pytest.raises(TypeError):
        kind("x")  # type: ignore[call-arg] # that is the point
    assert msgspec.structs.fields(kind)
