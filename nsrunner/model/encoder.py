"""Typed objects to JSON-able values: the API's names, absent and empty fields left out."""

from __future__ import annotations

from typing import Any

import msgspec

from nsrunner.model.types import Struct

__all__ = ["encode", "encode_json"]


def encode(value: Struct) -> dict[str, Any]:
    """``value`` as dicts, lists, strings and numbers; a whole object starts with its apiVersion and kind.

    Quantities are shown in canonical form, as the API server does, and bytes in base64.
    """
    plain: dict[str, Any] = msgspec.json.decode(encode_json(value))
    return plain


def encode_json(value: Struct) -> bytes:
    """The same as JSON, in UTF-8 and without spaces."""
    body = msgspec.json.encode(value, enc_hook=str)
    kind = getattr(value, "KIND", None)
    if kind is None:
        return body
    rest = b"}" if body == b"{}" else b"," + body[1:]
    return b'{"apiVersion":"%b","kind":"%b"%b' % (getattr(value, "API_VERSION", "v1").encode(), kind.encode(), rest)
