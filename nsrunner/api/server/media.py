"""Media types: what a client accepts, and in which form it gets its answer."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from nsrunner.api import errors

__all__ = ["JSON", "PROTOBUF", "YAML", "Form", "Range", "negotiate", "parse_accept"]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"

_MOST: Final = 32
"""Ranges of an Accept header that are read."""


class Range(Struct, frozen=True):
    """One media range of an Accept header (RFC 9110 12.5.1)."""

    type: str
    parameters: dict[str, str]
    quality: float


class Form(Struct, frozen=True):
    """In which form an object is sent."""

    type: Literal["application/json", "application/yaml"] = "application/json"
    kind: Literal["", "Table", "PartialObjectMetadata"] = ""
    version: str = "v1"
    """Of the Table or the PartialObjectMetadata, in meta.k8s.io."""


def parse_accept(header: str) -> list[Range]:
    """The ranges, the preferred first. What cannot be read is left out."""
    ranges = []
    for item in header.split(",")[:_MOST]:
        type, *pairs = (part.strip() for part in item.split(";"))
        parameters = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            continue
        if type and quality > 0:
            ranges.append(Range(type.lower(), parameters, quality))
    return sorted(ranges, key=lambda each: -each.quality)


def negotiate(header: str) -> Form:
    """The first form in the header that we can give. Raises ApiError (406)."""
    if not header.strip():
        return Form()
    for each in parse_accept(header):
        if each.type in ("*/*", "application/*"):
            return Form()
        if each.type not in (JSON, YAML):
            continue
        kind, group = each.parameters.get("as", ""), each.parameters.get("g", "")
        version = each.parameters.get("v", "v1")
        if not kind:
            return Form(each.type)  # type: ignore[arg-type] # one of the two
        if group == "meta.k8s.io" and version in ("v1", "v1beta1"):
            match kind:
                case "Table":
                    return Form(each.type, "Table", version)  # type: ignore[arg-type]
                case "PartialObjectMetadata" | "PartialObjectMetadataList":
                    return Form(each.type, "PartialObjectMetadata", version)  # type: ignore[arg-type]
    raise errors.not_acceptable([JSON, YAML])
