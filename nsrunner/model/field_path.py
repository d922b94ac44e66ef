"""Field paths of the downward API, such as ``metadata.labels['app']`` (``pkg/fieldpath``)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["split_subscript"]

_SUBSCRIPT: Final = r"(.+?)\['(.*)'\]"


def split_subscript(field_path: str) -> tuple[str, str | None]:
    """``metadata.labels['a']`` is (``metadata.labels``, ``a``); a path without a subscript has None."""
    match = re.fullmatch(_SUBSCRIPT, field_path, re.DOTALL)
    return (match[1], match[2]) if match else (field_path, None)
