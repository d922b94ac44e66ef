"""The subresources of pods that are streams, by their names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from nsrunner.api.ports import Runtime
from nsrunner.api.streams.carriers import Hijacked
from nsrunner.api.streams.exec import serve_attach, serve_exec
from nsrunner.api.streams.forward import serve_forward
from nsrunner.api.streams.logs import serve_log

__all__ = ["streams"]

_Serve = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]
_ServeRuntime = Callable[[Runtime, web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def streams(runtime: Runtime) -> Mapping[str, _Serve]:
    """Each serves a request about the pod that it is given, and raises ApiError."""
    every: Mapping[str, _ServeRuntime] = {
        "attach": serve_attach,
        "exec": serve_exec,
        "log": serve_log,
        "portforward": serve_forward,
    }
    return {name: partial(_served, serve, runtime) for name, serve in every.items()}


async def _served(
    serve: _ServeRuntime, runtime: Runtime, request: web.Request, pod: dict[str, Any]
) -> web.StreamResponse:
    try:
        return await serve(runtime, request, pod)
    except (ConnectionError, TimeoutError):
        return Hijacked()  # the client is gone, or was given up: the connection is closed without another word
