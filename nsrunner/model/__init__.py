"""Kubernetes objects as typed values: decode, default, validate. Pure: bytes in, values and errors out.

::

    documents = load(data, "web.yaml")     # never raises for bad input
    raise_for_errors(documents)            # ManifestError of the first bad document
    pods = [document.object for document in documents if isinstance(document.object, Pod)]

``load`` reads YAML (any number of documents), JSON and v1 Lists. Each :class:`Document` carries the object with the
API's defaults applied, every reason for which the API would refuse it (``errors``), and a verdict for each field that
it sets (``fields``; ``unsupported`` and ``ignored`` select from them). :func:`would_fail` finds what the API accepts
and this node would refuse. :func:`encode` is the way back. Elsewhere:

- :mod:`nsrunner.model.types`: the types themselves
- :mod:`nsrunner.model.environment`: a container's environment variables
- :mod:`nsrunner.model.expansion`: ``$(VAR)``

Names are loaded on first use: whoever needs the types alone does not pay for YAML and validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nsrunner.model.defaults import apply_defaults
    from nsrunner.model.encoder import encode, encode_json
    from nsrunner.model.loader import Document, Object, load, raise_for_errors
    from nsrunner.model.qos import QOSClass, qos_class
    from nsrunner.model.support import FieldVerdict, Verdict
    from nsrunner.model.wouldfail import WouldFail, would_fail

__all__ = [
    "Document",
    "FieldVerdict",
    "Object",
    "QOSClass",
    "Verdict",
    "WouldFail",
    "apply_defaults",
    "encode",
    "encode_json",
    "load",
    "qos_class",
    "raise_for_errors",
    "would_fail",
]

_HOMES: Final = {
    "Document": "loader",
    "FieldVerdict": "support",
    "Object": "loader",
    "QOSClass": "qos",
    "Verdict": "support",
    "WouldFail": "wouldfail",
    "apply_defaults": "defaults",
    "encode": "encoder",
    "encode_json": "encoder",
    "load": "loader",
    "qos_class": "qos",
    "raise_for_errors": "loader",
    "would_fail": "wouldfail",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
