"""The HTTP application: who asks, what for, and what is answered when something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.server.paths import parse_path
from nsrunner.api.server.requests import BODY_MAX
from nsrunner.api.server.verbs import Verbs, answer

__all__ = ["Authenticate", "Page", "application"]

log = logging.getLogger(__name__)

Authenticate: TypeAlias = Callable[[web.Request], str]
"""The user of a request. Raises ApiError (401)."""
Page: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})
"""Answered to those whom nobody knows, too (upstream's role system:public-info-viewer)."""


def application(verbs: Verbs, *, authenticate: Authenticate, pages: Mapping[str, Page]) -> web.Application:
    """``pages``: all that is no resource, by path; one that ends in ``/`` stands for everything below it."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            return await _dispatch(request, verbs, authenticate, pages)
        except ApiError as error:
            response = answer(error.status, status=error.code)
            response.headers.update(error.headers)
            return response
        except web.HTTPException as error:
            return answer(errors.http_error(error.status, error.text or error.reason).status, status=error.status)
        except (ConnectionResetError, TimeoutError):
            raise  # the client is gone, or aiohttp closes it
        except Exception:
            log.exception("%s %s", request.method, request.path)
            problem = errors.internal("a mistake of nsrunner's own, please report it; its log says more")
            return answer(problem.status, status=problem.code)

    app = web.Application(client_max_size=BODY_MAX)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


async def _dispatch(
    request: web.Request, verbs: Verbs, authenticate: Authenticate, pages: Mapping[str, Page]
) -> web.StreamResponse:
    path = request.rel_url.raw_path
    user = "" if path in _OPEN else authenticate(request)
    target = parse_path(path)
    if target is not None and (page := _page(pages, path)) is None:
        return await verbs.serve(request, target, user)
    page = _page(pages, path)
    if page is None:
        raise errors.path_not_found()
    return await page(request)


def _page(pages: Mapping[str, Page], path: str) -> Page | None:
    exact = pages.get(path) or pages.get(path.rstrip("/"))
    if exact is not None:
        return exact
    return next((page for start, page in pages.items() if start.endswith("/") and path.startswith(start)), None)
