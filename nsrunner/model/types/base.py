"""What all API types share: immutability, names, and the rule by which a Python name becomes a JSON name.

How Go's fields become ours (the API's own distinction between "zero" and "absent" is kept where it has a meaning):

===============================  =============================
the API has                      we have
===============================  =============================
a required field                 a field without a default
an optional pointer or object    ``X | None = None``
a string that may be left out    ``str | None = None``; ``""`` in a manifest means left out
a string that gets a default     ``str = ""``, never empty after :func:`nsrunner.model.apply_defaults`
a plain bool or number           ``bool = False``, ``int = 0``
a list                           ``tuple[X, ...] = ()``
a map                            ``dict[str, X] = {}``
a Time or MicroTime              ``str``, RFC 3339 in UTC
===============================  =============================
"""

from __future__ import annotations

from typing import Annotated, Final, NewType, TypeAlias

import msgspec

__all__ = ["Duration", "Int32", "Struct", "json_name"]

Int32: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""A number that the API keeps in 32 bits; every other one has 64."""

Duration = NewType("Duration", float)
"""Seconds, written as in Go (``1m30s``) or as a number of seconds; ``never`` is infinite. Not of the API: files
that are nsrunner's own have it."""

_ACRONYMS: Final = {
    "api": "API",
    "dns": "DNS",
    "fqdn": "FQDN",
    "id": "ID",
    "io": "IO",
    "ip": "IP",
    "ipc": "IPC",
    "ips": "IPs",
    "pid": "PID",
    "uri": "URI",
    "url": "URL",
    "uuid": "UUID",
    "wwns": "WWNs",
}


def json_name(attribute: str) -> str:
    """The API's name of an attribute: ``host_ips`` is ``hostIPs``, ``run_as_user`` is ``runAsUser``."""
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(_ACRONYMS.get(part) or part.capitalize() for part in rest)


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=json_name):
    """Base of all API types. Values are shared freely, so neither they nor the maps in them are ever changed.

    ``frozen`` and ``kw_only`` are repeated in every subclass: msgspec does not inherit the latter, nor mypy the former.
    """
