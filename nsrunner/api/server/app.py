"""The HTTP application: who asks, what for, and what is answered when something goes wrong."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.server.access import Access, authorize, is_service_account
from nsrunner.api.server.browsers import keep_to_itself, refuse_other_pages
from nsrunner.api.server.budget import BODIES, Budget, deliver
from nsrunner.api.server.paths import Target, parse_path, verb_of
from nsrunner.api.server.requests import ACCESS, BODY_MAX
from nsrunner.api.server.verbs import Verbs, answer

__all__ = ["Authenticate", "Count", "Page", "application"]

log = logging.getLogger(__name__)
audit = logging.getLogger("nsrunner.audit")

Authenticate: TypeAlias = Callable[[web.Request], str]
"""The user of a request. Raises ApiError (401)."""
Page: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

Count: TypeAlias = Callable[[str, str, str], None]
"""Takes verb, resource (plural; empty for a page) and status code of an answer."""

_USER = web.RequestKey("user", str)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CHANGES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_REACHES_IN = frozenset({"exec", "attach", "portforward"})
_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""What a request can fail for that is nobody's mistake, and passes."""
_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})
"""Answered to those whom nobody knows, too (upstream's role system:public-info-viewer)."""


def application(
    verbs: Verbs,
    *,
    authenticate: Authenticate,
    pages: Mapping[str, Page],
    access: Access = "none",
    count: Count = lambda verb, resource, code: None,
) -> web.Application:
    """``pages``: all that is no resource, by path; one that ends in ``/`` stands for everything below it. ``access``:
    that of service accounts. ``count`` is told of each answer."""

    async def serve(request: web.Request) -> web.StreamResponse:
        response = await respond(request)
        try:
            response = await deliver(request, response)
        except ApiError as error:
            response = _refusal(error)
        except TimeoutError:
            _abort(request)
            raise ConnectionResetError("the client takes nothing of its answer") from None
        target = parse_path(request.rel_url.raw_path)
        known = target is not None and verbs.knows(target)
        verb = _verb(request, target)
        if target is not None and known and (verb in _CHANGES or target.subresource in _REACHES_IN):
            audit.info("%s: %s %s: %d", request.get(_USER, "nobody"), verb, request.rel_url.raw_path, response.status)
        count(verb, target.plural if target is not None and known else "", str(response.status))
        return response

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await _dispatch(request, verbs, authenticate, pages, access)
        except ApiError as error:
            return _refusal(error)
        except web.HTTPException as error:
            return answer(errors.http_error(error.status, error.text or error.reason).status, status=error.status)
        except RecursionError:
            return _refusal(errors.bad_request("the body of the request is nested too deeply"))
        except (ConnectionResetError, TimeoutError):
            raise  # the client is gone, or aiohttp closes it
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _LACKS:
                return _refusal(errors.service_unavailable(f"the daemon lacks something: {error.strerror}"))
            log.exception("%s %s", request.method, request.path)
            problem = errors.internal("a mistake of nsrunner's own, please report it; its log says more")
            return answer(problem.status, status=problem.code)

    app = web.Application(client_max_size=BODY_MAX)
    app[BODIES] = Budget()
    app.router.add_route("*", "/{path:.*}", serve)
    app.on_response_prepare.append(keep_to_itself)
    return app


def _refusal(error: ApiError) -> web.Response:
    response = answer(error.status, status=error.code)
    response.headers.update(error.headers)
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _dispatch(
    request: web.Request, verbs: Verbs, authenticate: Authenticate, pages: Mapping[str, Page], access: Access
) -> web.StreamResponse:
    refuse_other_pages(request)
    path = request.rel_url.raw_path
    user = request[_USER] = "" if path in _OPEN else authenticate(request)
    target = parse_path(path)
    request[ACCESS] = access if is_service_account(user) else "admin"
    authorize(user, path, target, _verb(request, target), access)
    if target is not None and (page := _page(pages, path)) is None:
        return await verbs.serve(request, target, user)
    page = _page(pages, path)
    if page is None:
        raise errors.path_not_found()
    return await page(request)


def _verb(request: web.Request, target: Target | None) -> str:
    if target is None:
        return request.method.lower() if request.method in _METHODS else "other"
    return verb_of(request.method, target, watching=request.query.get("watch", "") in ("1", "true")) or "other"


def _page(pages: Mapping[str, Page], path: str) -> Page | None:
    exact = pages.get(path) or pages.get(path.rstrip("/"))
    if exact is not None:
        return exact
    return next((page for start, page in pages.items() if start.endswith("/") and path.startswith(start)), None)
