"""Bodies of ``application/vnd.kubernetes.protobuf``, as the objects that they would be in JSON.

The envelope is ``apimachinery/pkg/runtime/serializer/protobuf/protobuf.go``: four bytes, then ``runtime.Unknown``. The
messages are those of Kubernetes' generated.proto files, from the table in ``messages.json``, which
tools/kubernetes_messages.py makes.
"""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final

import msgspec

from nsrunner.api.errors import bad_request
from nsrunner.api.protobuf.wire import BYTES, VARINT, WireError, fields

__all__ = ["decode_body"]

_MAGIC: Final = b"k8s\0"
_DEPTH_MAX: Final = 64
_UNKNOWN: Final = "k8s.io.apimachinery.pkg.runtime.Unknown"
_MESSAGES: Final = {
    ("v1", "ConfigMap"): "k8s.io.api.core.v1.ConfigMap",
    ("v1", "DeleteOptions"): "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    ("v1", "Event"): "k8s.io.api.core.v1.Event",
    ("v1", "Namespace"): "k8s.io.api.core.v1.Namespace",
    ("v1", "Node"): "k8s.io.api.core.v1.Node",
    ("v1", "Pod"): "k8s.io.api.core.v1.Pod",
    ("v1", "Secret"): "k8s.io.api.core.v1.Secret",
    ("v1", "ServiceAccount"): "k8s.io.api.core.v1.ServiceAccount",
    ("authentication.k8s.io/v1", "SelfSubjectReview"): "k8s.io.api.authentication.v1.SelfSubjectReview",
    ("authentication.k8s.io/v1", "TokenRequest"): "k8s.io.api.authentication.v1.TokenRequest",
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): "k8s.io.api.authorization.v1.SelfSubjectAccessReview",
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview"): "k8s.io.api.authorization.v1.SelfSubjectRulesReview",
    ("events.k8s.io/v1", "Event"): "k8s.io.api.events.v1.Event",
    ("meta.k8s.io/v1", "DeleteOptions"): "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions",
}
_PLAIN: Final = frozenset(
    {
        "containerPort",
        "count",
        "failureThreshold",
        "generation",
        "hostPort",
        "initialDelaySeconds",
        "observedGeneration",
        "periodSeconds",
        "port",
        "restartCount",
        "successThreshold",
        "timeoutSeconds",
    }
)
"""Numbers that are no pointers in Go: they are always sent, and 0 says that they are not set."""


class _Field(msgspec.Struct, frozen=True, array_like=True):
    """A row of the table."""

    number: int
    name: str
    type: str | tuple[str, str]
    """A scalar's or a message's; of key and value for a map."""
    how: str = ""
    """``repeated``, ``map`` or ``inline``: a message whose fields are its parent's own."""


def decode_body(data: bytes) -> dict[str, Any]:
    """The object, with kind and apiVersion. Raises ApiError (400)."""
    if not data.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = _message(_UNKNOWN, data[len(_MAGIC) :], 0)
        header = envelope.get("typeMeta") or {}
        version, kind = header.get("apiVersion", ""), header.get("kind", "")
        name = _MESSAGES.get((version, kind))
        if envelope.get("contentEncoding") or envelope.get("contentType"):
            raise bad_request("protobuf bodies with a contentEncoding or a contentType of their own are not read")
        if name is None and kind == "DeleteOptions":  # sent in the group of what is deleted
            name = _MESSAGES[("v1", kind)]
        if name is None:
            raise bad_request(f'no kind "{kind}" is registered for version "{version}" in protobuf')
        object = _message(name, base64.b64decode(envelope.get("raw", "")), 0)
    except WireError as error:
        raise bad_request(f"the body of the request is not protobuf: {error}") from None
    return {"kind": kind, "apiVersion": version, **object}


@functools.cache
def _table() -> dict[str, dict[int, _Field]]:
    text = resources.files(__package__).joinpath("messages.json").read_bytes()
    read = msgspec.json.decode(text, type=dict[str, list[_Field]])
    return {name: {field.number: field for field in rows} for name, rows in read.items()}


def _message(name: str, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _DEPTH_MAX:
        raise WireError("messages are nested too deeply")
    rows, found = _table()[name], {}
    for number, type, value in fields(data):
        field = rows.get(number)
        if field is None:
            # What a newer client has to say is refused rather than lost; it sends empty fields as well.
            if value:
                raise bad_request(f"protobuf: field {number} of {name} is not known (newer than Kubernetes 1.36?)")
            continue
        read = _value(field, type, value, depth)
        match field.how:
            case "inline":
                found.update(read)
            case "map":
                found.setdefault(field.name, {}).update(read)
            case "repeated":
                found.setdefault(field.name, []).extend(read)
            case _ if read is not None and read != "" and not (read == 0 and field.name in _PLAIN):
                found[field.name] = read
    return found


def _value(field: _Field, type: int, value: int | bytes, depth: int) -> Any:
    if field.how == "map":
        key: Any = ""
        held: Any = None
        for number, inner, each in fields(_bytes(field, type, value)):
            if number == 1:
                key = _single(field, field.type[0], inner, each, depth)
            elif number == 2:
                held = _single(field, field.type[1], inner, each, depth)
        return {key: "" if held is None else held}
    assert isinstance(field.type, str)
    if field.how == "repeated":
        return [_single(field, field.type, type, value, depth)]
    return _single(field, field.type, type, value, depth)


def _single(field: _Field, kind: str, type: int, value: int | bytes, depth: int) -> Any:
    if kind in ("int64", "int32", "bool"):
        if type != VARINT or not isinstance(value, int):
            raise WireError(f"wrong wireType = {type} for field {field.name}")
        if kind == "bool":
            return bool(value)
        return value - (1 << 64) if value >> 63 else value
    data = value if kind == "double" and isinstance(value, bytes) else _bytes(field, type, value)
    match kind:
        case "string":
            try:
                return data.decode()
            except UnicodeDecodeError:
                raise WireError(f"{field.name} is not UTF-8") from None
        case "bytes":
            return base64.b64encode(data).decode()
        case "double":
            if len(data) != 8:
                raise WireError(f"wrong wireType = {type} for field {field.name}")
            return struct.unpack("<d", data)[0]
    read = _message(kind, data, depth + 1)
    own = _OWN_FORM.get(kind)
    return own(read) if own is not None else read


def _bytes(field: _Field, type: int, value: int | bytes) -> bytes:
    if type != BYTES or not isinstance(value, bytes):
        raise WireError(f"wrong wireType = {type} for field {field.name}")
    return value


def _time(read: dict[str, Any]) -> str | None:
    moment = _moment(read)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(read: dict[str, Any]) -> str | None:
    moment = _moment(read)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(read: dict[str, Any]) -> datetime | None:
    """None: Go's zero time, an empty message."""
    if not read:
        return None
    try:
        past = timedelta(seconds=read.get("seconds", 0), microseconds=read.get("nanos", 0) // 1000)
        return datetime(1970, 1, 1, tzinfo=UTC) + past
    except OverflowError:
        raise WireError("a time is out of range") from None


def _raw_json(read: dict[str, Any]) -> Any:
    try:
        return msgspec.json.decode(base64.b64decode(read.get("Raw") or read.get("raw") or "") or b"null")
    except msgspec.DecodeError:
        raise WireError("a field that carries JSON does not") from None


def _int_or_string(read: dict[str, Any]) -> int | str:
    value: int | str = read.get("strVal", "") if read.get("type") else read.get("intVal", 0)
    return value


_OWN_FORM: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "k8s.io.apimachinery.pkg.api.resource.Quantity": lambda read: read.get("string", "0"),
    "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": _raw_json,
    "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": _micro_time,
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": _time,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _raw_json,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
}
"""Messages that are no objects in JSON."""
