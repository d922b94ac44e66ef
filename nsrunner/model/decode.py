"""Plain values to typed objects, by the types' own field tables. Every problem is reported, with its path.

Decoding never stops: a value that cannot be used is reported and left out (or replaced by the type's zero), so that the
rest is still decoded, defaulted and validated and all problems of a document come at once.
"""

from __future__ import annotations

import base64
import binascii
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from nsrunner.model.durations import go_seconds
from nsrunner.model.path import Path
from nsrunner.model.quantity import Quantity, QuantityError
from nsrunner.model.report import Report, quoted, shown
from nsrunner.model.types import Struct
from nsrunner.model.types.base import Duration

__all__ = ["decode", "did_you_mean", "fields_of", "type_name"]

T = TypeVar("T", bound=Struct)

_Converter: TypeAlias = Callable[[Any, Path, Report], Any]

_INVALID: Final = object()
"""A converter reported a problem and has no value."""

_KEPT_EMPTY: Final = frozenset({"hostname_override", "localhost_profile", "type"})
"""Optional strings in which the API tells an empty value from none."""


class Field(msgspec.Struct, frozen=True):
    """One field of a type, as decoding and the support table need it."""

    attribute: str
    json_name: str
    required: bool
    zero: Any
    """For a required field: what stands in for it after its absence was reported."""
    default: Any
    """What the attribute has when the manifest does not set it; a required field: its zero."""
    item: type[Struct] | None
    """The Struct that the field holds, directly or in a list."""
    is_list: bool
    convert: _Converter


def decode(kind: type[T], value: Mapping[str, Any], path: Path, report: Report, *, skip: frozenset[str]) -> T:
    """The object that ``value`` describes. ``skip``: keys of the outermost level that the caller has dealt with."""
    return _struct(kind, value, path, report, skip)


@cache
def fields_of(kind: type[Struct]) -> Mapping[str, Field]:
    """The fields of a type by their JSON names."""
    return {info.encode_name: _field(info) for info in msgspec.structs.fields(kind)}


def _field(info: msgspec.structs.FieldInfo) -> Field:
    required = info.default is msgspec.NODEFAULT and info.default_factory is msgspec.NODEFAULT
    bare = _without_none(info.type)
    origin = typing.get_origin(bare)
    inner = typing.get_args(bare)[0] if origin is tuple else bare
    convert = _converter(bare)
    if bare is str and info.default is None and info.name not in _KEPT_EMPTY:
        convert = _optional_text
    zero = _zero(bare) if required else None
    default = {} if origin is dict else zero if required else info.default
    return Field(
        attribute=info.name,
        json_name=info.encode_name,
        required=required,
        zero=zero,
        default=default,
        item=inner if _is_struct(inner) else None,
        is_list=origin is tuple,
        convert=convert,
    )


def _struct(
    kind: type[T], value: Mapping[str, Any], path: Path, report: Report, skip: frozenset[str] = frozenset()
) -> T:
    table = fields_of(kind)
    arguments: dict[str, Any] = {}
    for name, item in value.items():
        entry = table.get(name)
        if entry is None:
            if name not in skip:
                report.unknown(path / name, did_you_mean(name, table))
        elif item is not None:
            converted = entry.convert(item, path / name, report)
            if converted is not _INVALID:
                arguments[entry.attribute] = converted
            elif entry.required:
                arguments[entry.attribute] = entry.zero
    for entry in table.values():
        if entry.required and entry.attribute not in arguments:
            report.missing(path / entry.json_name)
            arguments[entry.attribute] = entry.zero
    return kind(**arguments)


# --- the table --------------------------------------------------------------------------------------------------------


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        return rest[0] if len(rest) == 1 else int | str
    return annotation


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Struct)


def _zero(annotation: Any) -> Any:
    if _is_struct(annotation):
        table = fields_of(annotation)
        return annotation(**{entry.attribute: entry.zero for entry in table.values() if entry.required})
    origin = typing.get_origin(annotation)
    if origin is tuple:
        return ()
    if origin is dict:
        return {}
    return "" if annotation is str else False if annotation is bool else 0


@cache
def _converter(annotation: Any) -> _Converter:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if _is_struct(annotation):
        return _struct_converter(annotation)
    match typing.get_origin(annotation):
        case typing.Annotated:
            return _int32
        case origin if origin is tuple:
            item = typing.get_args(annotation)[0]
            return _list_converter(_converter(item), item)
        case origin if origin is dict:
            return _map_converter(_converter(typing.get_args(annotation)[1]))
    raise TypeError(f"no converter for {annotation}")


def _struct_converter(kind: type[Struct]) -> _Converter:
    def convert(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, dict):
            return _wrong_type(value, path, report, "object")
        return _struct(kind, value, path, report)

    return convert


def _list_converter(convert_item: _Converter, annotation: Any) -> _Converter:
    def convert(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, list):
            return _wrong_type(value, path, report, "array")
        items = (convert_item(item, path[index], report) for index, item in enumerate(value))
        # A reported item keeps its place, or the paths of the items after it would be wrong.
        return tuple(_zero(annotation) if item is _INVALID else item for item in items)

    return convert


def _map_converter(convert_value: _Converter) -> _Converter:
    def convert(value: Any, path: Path, report: Report) -> Any:
        if not isinstance(value, dict):
            return _wrong_type(value, path, report, "object")
        pairs = ((key, convert_value(item, path[key], report)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not _INVALID}

    return convert


# --- scalars ----------------------------------------------------------------------------------------------------------


def _text(value: Any, path: Path, report: Report) -> Any:
    return value if isinstance(value, str) else _wrong_type(value, path, report, "string")


def _optional_text(value: Any, path: Path, report: Report) -> Any:
    return _text(value, path, report) or None


def _bool(value: Any, path: Path, report: Report) -> Any:
    return value if isinstance(value, bool) else _wrong_type(value, path, report, "boolean")


def _int64(value: Any, path: Path, report: Report) -> Any:
    return _integer(value, path, report, 63)


def _int32(value: Any, path: Path, report: Report) -> Any:
    return _integer(value, path, report, 31)


def _integer(value: Any, path: Path, report: Report, bits: int) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return _wrong_type(value, path, report, "integer")
    if not -(1 << bits) <= value < 1 << bits:
        report.undecodable(path, shown(value), f"must be a number of {bits + 1} bits")
        return _INVALID
    return value


def _int_or_string(value: Any, path: Path, report: Report) -> Any:
    return value if isinstance(value, str) else _int32(value, path, report)


def _quantity(value: Any, path: Path, report: Report) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _wrong_type(value, path, report, "quantity")
    try:
        return Quantity(str(value))
    except QuantityError as error:
        report.undecodable(path, shown(value), str(error))
        return _INVALID


def _duration(value: Any, path: Path, report: Report) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _wrong_type(value, path, report, "duration")
    seconds = value if isinstance(value, int | float) else math.inf if value == "never" else go_seconds(value)
    if seconds is None or not (0 <= seconds <= _LONGEST or value == "never"):
        report.undecodable(path, shown(value), "expected a duration", "such as 90s, 1h30m or 500ms")
        return _INVALID
    return float(seconds)


_LONGEST: Final = 1e9
"""Seconds; thirty years."""

_PLAIN_TEXT: Final = "plain text belongs into stringData of a Secret, or data of a ConfigMap"


def _bytes(value: Any, path: Path, report: Report) -> Any:
    if not isinstance(value, str):
        # The value may be a secret: it is never repeated.
        report.undecodable(path, "", f"expected base64 text, got {type_name(value)}")
        return _INVALID
    try:
        return base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        report.undecodable(
            path, "", "expected base64 text", "plain text belongs into stringData of a Secret, or data of a ConfigMap"
        )
        return _INVALID


def _anything(value: Any, path: Path, report: Report) -> Any:
    return value


_SCALARS: Final[dict[Any, _Converter]] = {
    str: _text,
    bool: _bool,
    int: _int64,
    int | str: _int_or_string,
    Quantity: _quantity,
    Duration: _duration,
    bytes: _bytes,
    Any: _anything,
}


def type_name(value: Any) -> str:
    """The JSON type of a plain value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _wrong_type(value: Any, path: Path, report: Report, expected: str) -> object:
    hint = ""
    if expected == "string" and isinstance(value, bool | int | float):
        hint = "put the value in quotes"
    elif expected == "array":
        hint = 'a list: its items start with "- "'
    text = shown(value) if isinstance(value, bool | int | float | str) else ""
    report.undecodable(path, text, f"expected {expected}, got {type_name(value)}", hint)
    return _INVALID


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of the known names; empty when none is close."""
    import difflib  # here because only mistakes need it

    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower()[:64], by_lower, n=1, cutoff=0.7)
    return f"did you mean {quoted(by_lower[close[0]])}?" if close else ""
