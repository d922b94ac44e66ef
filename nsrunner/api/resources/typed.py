"""Objects whose every field is known: decoded, defaulted and validated by the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from nsrunner.api.errors import bad_request
from nsrunner.api.resources.base import Context, Resource
from nsrunner.errors import FieldError
from nsrunner.model.decode import decode
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.encoder import encode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.support import Verdict, verdicts
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.model.validate import validate

__all__ = ["TypedResource"]

T = TypeVar("T", Pod, ConfigMap, Secret)

_HEADER: Final = frozenset({"apiVersion", "kind"})
_UNDECODABLE: Final = "Unknown field"


class TypedResource(Resource, Generic[T]):
    """A resource of one of the model's types."""

    type: type[T]

    def decode(self, object: dict[str, Any], context: Context) -> T:
        """With defaults. Raises ApiError: 400 for unknown fields, where they are not to be let pass, and 422 for what
        is of a wrong type."""
        report = Report()
        value = decode(self.type, object, ROOT, report, skip=_HEADER)
        unknown = [error for error in report.errors if error.kind == _UNDECODABLE]
        self._unknown(unknown, context)
        self.refuse(object, [error for error in report.errors if error.kind != _UNDECODABLE])
        return apply_defaults(value, namespace=object["metadata"].get("namespace", ""))

    def _unknown(self, errors: Sequence[FieldError], context: Context) -> None:
        if context.field_validation == "Ignore" or not errors:
            return
        texts = [f'unknown field "{error.field}"' + (f" ({error.hint})" if error.hint else "") for error in errors]
        if context.field_validation == "Warn":
            context.warnings += texts
            return
        kind, version = self.info.kind, self.info.version
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {", ".join(texts)}'
        )

    def check(self, object: dict[str, Any], value: T) -> None:
        """What the API refuses, and what this version does not support. Raises ApiError (422)."""
        self.refuse(object, _problems(value))

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        value = self.decode(object, context)
        self.check(object, value)
        return encode(value)

    def prepare_update(self, old: dict[str, Any], new: dict[str, Any], context: Context) -> dict[str, Any]:
        return self.prepare_create(new, context)


def _problems(value: Pod | ConfigMap | Secret) -> list[FieldError]:
    report = Report()
    validate(value, ROOT, report)
    unsupported = [verdict.error() for verdict in verdicts(value) if verdict.verdict is Verdict.UNSUPPORTED]
    return [*report.close(), *unsupported]
