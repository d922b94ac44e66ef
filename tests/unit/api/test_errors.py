"""Status objects have upstream's words, because clients and people read them."""

from __future__ import annotations

import pytest

from nsrunner.api import errors
from nsrunner.errors import FieldError


def test_not_found_says_what_kubectl_shows() -> None:
    error = errors.not_found("pods", "web")
    assert error.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "web" not found',
        "reason": "NotFound",
        "details": {"name": "web", "kind": "pods"},
        "code": 404,
    }
    assert (error.code, error.reason, str(error)) == (404, "NotFound", 'pods "web" not found')


def test_every_wrong_field_is_a_cause() -> None:
    problems = [
        FieldError("spec.containers", "Required value"),
        FieldError("spec.restartPolicy", "Unsupported value", '"x"', 'supported values: "Always"'),
    ]
    error = errors.invalid("Pod", "web", problems)
    assert error.code == 422
    assert str(error) == (
        'Pod "web" is invalid: [spec.containers: Required value, '
        'spec.restartPolicy: Unsupported value: "x": supported values: "Always"]'
    )
    assert error.status["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers"},
        {
            "reason": "FieldValueNotSupported",
            "message": 'Unsupported value: "x": supported values: "Always"',
            "field": "spec.restartPolicy",
        },
    ]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.already_exists("pods", "web"), 409, "AlreadyExists"),
        (errors.conflict("pods", "web", "it was changed"), 409, "Conflict"),
        (errors.bad_request("no"), 400, "BadRequest"),
        (errors.unauthorized(), 401, "Unauthorized"),
        (errors.forbidden("pods", "web", "no"), 403, "Forbidden"),
        (errors.method_not_allowed("pods", "update"), 405, "MethodNotAllowed"),
        (errors.not_acceptable(["application/json"]), 406, "NotAcceptable"),
        (errors.unsupported_media_type(["application/json"]), 415, "UnsupportedMediaType"),
        (errors.expired("too old"), 410, "Expired"),
        (errors.too_large(1), 413, "RequestEntityTooLarge"),
        (errors.too_many_requests("wait", 2), 429, "TooManyRequests"),
        (errors.internal("oh"), 500, "InternalError"),
        (errors.service_unavailable("full"), 503, "ServiceUnavailable"),
        (errors.timed_out("late"), 504, "Timeout"),
        (errors.path_not_found(), 404, "NotFound"),
        (errors.http_error(408, "slow"), 408, "RequestTimeout"),
        (errors.http_error(599, "odd"), 599, ""),
    ],
)
def test_codes_and_reasons(error: errors.ApiError, code: int, reason: str) -> None:
    assert (error.code, error.reason) == (code, reason)
