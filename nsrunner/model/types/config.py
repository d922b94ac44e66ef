"""ConfigMap and Secret."""

from __future__ import annotations

from typing import ClassVar

from nsrunner.model.types.base import Struct
from nsrunner.model.types.meta import ObjectMeta

__all__ = ["ConfigMap", "Secret"]


class ConfigMap(Struct, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ConfigMap"

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = {}
    binary_data: dict[str, bytes] = {}
    """Base64 in a manifest."""


class Secret(Struct, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"

    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, bytes] = {}
    """Base64 in a manifest. After defaulting it holds ``string_data`` too."""
    string_data: dict[str, str] = {}
    type: str = ""
