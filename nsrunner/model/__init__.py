"""Kubernetes objects as typed values: decode, default, validate. Pure: bytes in, values and errors out.

::

    documents = load(data, "web.yaml")     # never raises for bad input
    raise_for_errors(documents)            # ManifestError of the first bad document
    pods = [document.object for document in documents if isinstance(document.object, Pod)]

``load`` reads YAML (any number of documents), JSON and v1 Lists. Each :class:`Document` carries the object with the
API's defaults applied, every reason for which the API would refuse it (``errors``), and a verdict for each field that
it sets (``fields``; ``unsupported`` and ``ignored`` select from them). :func:`encode` is the way back.
"""

from __future__ import annotations

from nsrunner.model.defaults import apply_defaults
from nsrunner.model.encode import encode
from nsrunner.model.load import Document, Object, load, raise_for_errors
from nsrunner.model.qos import QOSClass, qos_class
from nsrunner.model.support import FieldVerdict, Verdict

__all__ = [
    "Document",
    "FieldVerdict",
    "Object",
    "QOSClass",
    "Verdict",
    "apply_defaults",
    "encode",
    "load",
    "qos_class",
    "raise_for_errors",
]
