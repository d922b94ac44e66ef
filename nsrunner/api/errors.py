"""What the API answers when it does not do what was asked: Status objects, with upstream's reasons, codes and wording.

The source is ``staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go`` of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from nsrunner.errors import FieldError, ManifestError

__all__ = [
    "NAME_REQUIRED",
    "ApiError",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "from_manifest",
    "http_error",
    "internal",
    "invalid",
    "method_not_allowed",
    "no_controllers",
    "not_acceptable",
    "not_found",
    "path_not_found",
    "service_unavailable",
    "status",
    "timed_out",
    "too_large",
    "too_many_requests",
    "unauthorized",
    "unsupported_media_type",
]

NAME_REQUIRED: Final = FieldError("metadata.name", "Required value", detail="name or generateName is required")

_CAUSES: Final = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Forbidden": "FieldValueForbidden",
    "Not found": "FieldValueNotFound",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Unknown field": "FieldValueInvalid",
    "Not supported": "FieldValueNotSupported",
}


class ApiError(Exception):
    """An answer that is an error: :attr:`status` is the ``v1.Status`` to be sent, :attr:`code` its HTTP code."""

    def __init__(self, status: dict[str, Any], *, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}
        """To be sent with it, such as Retry-After."""

    @property
    def code(self) -> int:
        code: int = self.status["code"]
        return code

    @property
    def reason(self) -> str:
        """Such as ``NotFound``; empty when the Status has none."""
        reason: str = self.status.get("reason", "")
        return reason

    def __str__(self) -> str:
        message: str = self.status["message"]
        return message


def status(
    code: int, reason: str, message: str, *, details: dict[str, Any] | None = None, succeeded: bool = False
) -> dict[str, Any]:
    """A ``v1.Status``."""
    answer: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success" if succeeded else "Failure",
    }
    if message:
        answer["message"] = message
    if reason:
        answer["reason"] = reason
    if details:
        answer["details"] = details
    answer["code"] = code
    return answer


def _error(
    code: int,
    reason: str,
    message: str,
    details: dict[str, Any] | None = None,
    *,
    headers: dict[str, str] | None = None,
) -> ApiError:
    return ApiError(status(code, reason, message, details=details), headers=headers)


def _qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


def _about(plural: str, group: str, name: str) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in details.items() if value}


def not_found(plural: str, name: str, group: str = "") -> ApiError:
    return _error(404, "NotFound", f'{_qualified(plural, group)} "{name}" not found', _about(plural, group, name))


def path_not_found(message: str = "the server could not find the requested resource") -> ApiError:
    """No resource is served at the path of the request."""
    return _error(404, "NotFound", message, {})


def no_controllers(plural: str, group: str) -> ApiError:
    """For those who ask for a resource that needs a controller."""
    what = _qualified(plural, group)
    return path_not_found(f"{what} are not served: nsrunner runs Pods; what makes pods of others is not part of it")


def already_exists(plural: str, name: str, group: str = "") -> ApiError:
    message = f'{_qualified(plural, group)} "{name}" already exists'
    return _error(409, "AlreadyExists", message, _about(plural, group, name))


def conflict(plural: str, name: str, why: str, group: str = "", causes: Sequence[dict[str, str]] = ()) -> ApiError:
    """``why`` follows ``Operation cannot be fulfilled on pods "web": ``."""
    details = _about(plural, group, name)
    if causes:
        details["causes"] = list(causes)
    message = f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": {why}'
    return _error(409, "Conflict", message, details)


def invalid(kind: str, name: str, errors: Sequence[FieldError], group: str = "") -> ApiError:
    """422: every field that is wrong is a cause."""
    causes = []
    for error in errors:
        message = str(error._replace(field=""))
        cause = {"reason": _CAUSES.get(error.kind, "FieldValueInvalid"), "message": message, "field": error.field}
        causes.append({key: value for key, value in cause.items() if value})
    sentences = [str(error) for error in errors]
    what = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    details: dict[str, Any] = {**_about(kind, group, name), "causes": causes}
    return _error(422, "Invalid", f'{_qualified(kind, group)} "{name}" is invalid: {what}', details)


def from_manifest(error: ManifestError, kind: str, name: str, group: str = "") -> ApiError:
    """The 422 of a document that the model refused."""
    return invalid(error.kind or kind, error.name or name, error.errors, group)


def bad_request(message: str) -> ApiError:
    return _error(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    return _error(401, "Unauthorized", message)


def forbidden(plural: str, name: str, why: str, group: str = "") -> ApiError:
    what = f'{_qualified(plural, group)} "{name}" is forbidden: {why}' if name else f"forbidden: {why}"
    return _error(403, "Forbidden", what, _about(plural, group, name))


def method_not_allowed(plural: str, verb: str, group: str = "") -> ApiError:
    message = f'{verb} is not supported on resources of kind "{_qualified(plural, group)}"'
    return _error(405, "MethodNotAllowed", message, _about(plural, group, ""))


def not_acceptable(accepted: Sequence[str]) -> ApiError:
    message = f"only the following media types are accepted: {', '.join(accepted)}"
    return _error(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return _error(415, "UnsupportedMediaType", message)


def expired(message: str) -> ApiError:
    """410: a resourceVersion or a continue token that is too old."""
    return _error(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    return _error(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def too_many_requests(message: str, retry_after: int) -> ApiError:
    """``retry_after`` in seconds."""
    details = {"retryAfterSeconds": retry_after}
    return _error(429, "TooManyRequests", message, details, headers={"Retry-After": str(retry_after)})


def internal(message: str) -> ApiError:
    return _error(500, "InternalError", f"Internal error occurred: {message}")


def service_unavailable(message: str) -> ApiError:
    return _error(503, "ServiceUnavailable", message, headers={"Retry-After": "1"})


def timed_out(message: str) -> ApiError:
    return _error(504, "Timeout", f"Timeout: {message}")


def http_error(code: int, message: str) -> ApiError:
    """Of a request that no rule above is about."""
    try:
        reason = HTTPStatus(code).phrase.replace(" ", "")
    except ValueError:
        reason = ""
    return _error(code, reason, message)
