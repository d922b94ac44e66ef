"""Environment variables and where their values come from."""

from __future__ import annotations

from nsrunner.model.quantity import Quantity
from nsrunner.model.types.base import Struct

__all__ = [
    "ConfigMapEnvSource",
    "ConfigMapKeySelector",
    "EnvFromSource",
    "EnvVar",
    "EnvVarSource",
    "FileKeySelector",
    "ObjectFieldSelector",
    "ResourceFieldSelector",
    "SecretEnvSource",
    "SecretKeySelector",
]


class ObjectFieldSelector(Struct, frozen=True, kw_only=True):
    api_version: str = ""
    field_path: str


class ResourceFieldSelector(Struct, frozen=True, kw_only=True):
    container_name: str | None = None
    resource: str
    divisor: Quantity | None = None


class ConfigMapKeySelector(Struct, frozen=True, kw_only=True):
    name: str = ""
    key: str
    optional: bool | None = None


class SecretKeySelector(Struct, frozen=True, kw_only=True):
    name: str = ""
    key: str
    optional: bool | None = None


class FileKeySelector(Struct, frozen=True, kw_only=True):
    volume_name: str
    path: str
    key: str
    optional: bool | None = None


class EnvVarSource(Struct, frozen=True, kw_only=True):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None
    file_key_ref: FileKeySelector | None = None


class EnvVar(Struct, frozen=True, kw_only=True):
    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Struct, frozen=True, kw_only=True):
    name: str = ""
    optional: bool | None = None


class SecretEnvSource(Struct, frozen=True, kw_only=True):
    name: str = ""
    optional: bool | None = None


class EnvFromSource(Struct, frozen=True, kw_only=True):
    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None
    secret_ref: SecretEnvSource | None = None
