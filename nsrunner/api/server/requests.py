"""What a request says: its query, its body, its options."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from nsrunner.api import errors
from nsrunner.api.depth import bounded
from nsrunner.api.registry import now_text
from nsrunner.api.resources import Context
from nsrunner.api.server.budget import BODIES
from nsrunner.api.server.media import JSON, PROTOBUF, YAML

__all__ = ["ACCESS", "BODY_MAX", "body_object", "context_of", "delete_options", "number", "read_body", "truth"]

ACCESS: Final = web.RequestKey("access", str)
"""What the user may do, a word of ``access.Access``."""

BODY_MAX: Final = 3 * 1024 * 1024
"""Bytes of a request's body (apiserver: MaxRequestBodyBytes)."""

_BODY_SECONDS: Final = 60.0
_MANAGER_MAX: Final = 128


def truth(request: web.Request, name: str) -> bool:
    """A boolean of the query, as Go's strconv.ParseBool reads it; absent is false. Raises ApiError (400)."""
    text = request.query.get(name, "")
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("", "0", "f", "F", "false", "FALSE", "False"):
        return False
    raise errors.bad_request(f'strconv.ParseBool: parsing "{text}": invalid syntax (query parameter {name})')


def number(request: web.Request, name: str) -> int | None:
    """A whole number of the query, not negative; None: absent. Raises ApiError (400)."""
    text = request.query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise errors.bad_request(f'Invalid value: "{text}": query parameter {name} must be a number, zero or more')
    return int(text)


def context_of(request: web.Request, user: str, subresource: str = "") -> Context:
    """Raises ApiError for options that make no sense."""
    dry_run = request.query.getall("dryRun", [])
    if any(value != "All" for value in dry_run):
        raise errors.bad_request(f'dryRun: Unsupported value: "{dry_run[0]}": supported values: "All"')
    validation = request.query.get("fieldValidation") or "Warn"
    if validation not in ("Strict", "Warn", "Ignore"):
        raise errors.bad_request(
            f'fieldValidation: Unsupported value: "{validation}": supported values: "Ignore", "Strict", "Warn"'
        )
    manager = request.query.get("fieldManager") or ""
    if len(manager) > _MANAGER_MAX or not manager.isprintable():
        raise errors.bad_request(f"fieldManager: must be printable and have at most {_MANAGER_MAX} characters")
    return Context(
        now=now_text(),
        user=user,
        access=request.get(ACCESS, "none"),
        field_manager=manager or _manager_of(request.headers.get("User-Agent", "")),
        manager_named=bool(manager),
        dry_run=bool(dry_run),
        field_validation=validation,  # type: ignore[arg-type] # one of the three
        subresource=subresource,
        warnings=[],
    )


def _manager_of(agent: str) -> str:
    """The client's name without its version, as managedFields show it."""
    return "".join(char for char in agent.partition("/")[0] if char.isprintable())[:_MANAGER_MAX] or "unknown"


async def read_body(request: web.Request) -> bytes:
    """Raises ApiError: 415 when it is compressed, 413 when it is too long, 408 when it takes too long to come, 429 when
    others' bodies fill the memory set aside for them, 400 when it is broken."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise errors.http_error(415, f"bodies must not be compressed (Content-Encoding: {coding})")
    size = request.content_length
    if (size or 0) > BODY_MAX:
        raise errors.too_large(BODY_MAX)
    held = size if size is not None else BODY_MAX if request.body_exists else 0
    try:
        with request.app[BODIES].holding(held):
            async with asyncio.timeout(_BODY_SECONDS):
                return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise errors.too_large(BODY_MAX) from None
    except TimeoutError:
        raise errors.http_error(408, "the body of the request has not come in time") from None
    except (ClientPayloadError, HttpProcessingError, RequestPayloadError) as error:
        raise errors.bad_request(f"the body of the request cannot be read: {error}") from None


def body_object(data: bytes, content_type: str, protobuf: Callable[[bytes], Any]) -> Any:
    """The object of a body. Raises ApiError: 415 for what we cannot read, 400 for what is broken."""
    match content_type:
        case "application/json" | "" | "application/octet-stream":  # what aiohttp says when there is none
            try:
                return bounded(msgspec.json.decode(data))
            except (msgspec.DecodeError, RecursionError) as error:
                raise errors.bad_request(f"the body of the request is not JSON: {error}") from None
        case "application/yaml":
            from nsrunner.model.source import read_documents  # YAML costs its import where it is used

            document = read_documents(data)[0]
            if document.error is not None:
                raise errors.bad_request(f"the body of the request is not YAML: {document.error.field_error()}")
            return bounded(document.value)
        case "application/vnd.kubernetes.protobuf":
            return bounded(protobuf(data))
        case _:
            raise errors.unsupported_media_type([JSON, YAML, PROTOBUF])


def delete_options(request: web.Request, body: Any) -> dict[str, Any]:
    """``meta/v1 DeleteOptions`` from the body, and what the query says instead. Raises ApiError (400)."""
    if body is not None and not isinstance(body, dict):
        raise errors.bad_request("the body of the request must be an object of kind DeleteOptions")
    options = dict(body or {})
    grace = number(request, "gracePeriodSeconds")
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    given = options.get("gracePeriodSeconds")
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given > 2**31):
        raise errors.bad_request(f"gracePeriodSeconds: must be a number of seconds, got {given!r}")
    preconditions = options.get("preconditions")
    if preconditions is not None and not isinstance(preconditions, dict):
        raise errors.bad_request("preconditions: must be an object")
    return options
