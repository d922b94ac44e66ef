"""ConfigMaps and Secrets (``ValidateConfigMap``, ``ValidateSecret``). A secret's values never appear in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, Secret
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_metadata, check_names

__all__ = ["check_config_map", "check_secret"]

_MAX_SIZE: Final = 1 << 20
_SERVICE_ACCOUNT: Final = "kubernetes.io/service-account.name"
_JSON_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_REQUIRED_KEYS: Final = {
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def check_config_map(config_map: ConfigMap, path: Path, report: Report) -> None:
    check_metadata(config_map.metadata, path / "metadata", report)
    for key in config_map.data:
        check_names(names.config_map_key, (path / "data")[key], key, report)
        if key in config_map.binary_data:
            report.invalid((path / "data")[key], key, "duplicate of key present in binaryData")
    for key in config_map.binary_data:
        check_names(names.config_map_key, (path / "binaryData")[key], key, report)
    size = sum(len(value.encode()) for value in config_map.data.values())
    size += sum(map(len, config_map.binary_data.values()))
    if size > _MAX_SIZE:
        report.too_long(path / "data", _MAX_SIZE)


def check_secret(secret: Secret, path: Path, report: Report) -> None:
    check_metadata(secret.metadata, path / "metadata", report)
    here = path / "data"
    for key in secret.data:
        check_names(names.config_map_key, here[key], key, report)
    if sum(map(len, secret.data.values())) > _MAX_SIZE:
        report.too_long(here, _MAX_SIZE)
    match secret.type:
        case "kubernetes.io/service-account-token":
            if not secret.metadata.annotations.get(_SERVICE_ACCOUNT):
                report.required((path / "metadata" / "annotations")[_SERVICE_ACCOUNT])
        case "kubernetes.io/basic-auth":
            if "username" not in secret.data and "password" not in secret.data:
                report.required(here["username"])
                report.required(here["password"])
        case kind if kind in _JSON_KEYS:
            _check_json(secret.data, _JSON_KEYS[kind], here, report)
        case kind:
            for key in _REQUIRED_KEYS.get(kind, ()):
                if key not in secret.data:
                    report.required(here[key])


def _check_json(data: Mapping[str, bytes], key: str, path: Path, report: Report) -> None:
    if key not in data:
        report.required(path[key])
        return
    try:
        msgspec.json.decode(data[key])
    except (msgspec.DecodeError, RecursionError):
        report.invalid(path[key], "<secret contents redacted>", "must be valid JSON")
