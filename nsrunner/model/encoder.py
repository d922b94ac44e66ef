"""Typed objects to JSON-able values: the API's names, absent and empty fields left out."""

from __future__ import annotations

from typing import Any

import msgspec

from nsrunner.model.types import Struct

__all__ = ["encode"]


def encode(value: Struct) -> dict[str, Any]:
    """``value`` as dicts, lists, strings and numbers; a whole object starts with its apiVersion and kind.

    Quantities are shown in canonical form, as the API server does, and bytes in base64.
    """
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    kind = getattr(value, "KIND", None)
    return plain if kind is None else {"apiVersion": getattr(value, "API_VERSION", "v1"), "kind": kind, **plain}
