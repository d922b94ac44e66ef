"""All that is served and is no resource: discovery, version, health."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from nsrunner.api import discovery, errors
from nsrunner.api.registry import Registry
from nsrunner.api.server.app import Page
from nsrunner.api.server.media import JSON, parse_accept
from nsrunner.api.server.openapi import openapi_pages
from nsrunner.api.server.paths import parse_path
from nsrunner.api.server.verbs import answer

__all__ = ["METRICS", "pages"]

METRICS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's text format."""


def pages(
    registry: Registry,
    *,
    version: str,
    git_version: str,
    problems: Callable[[], dict[str, str]],
    metrics: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> dict[str, Page]:
    """``problems``: what is wrong with the daemon now, by the name of the check; an empty text is fine. ``metrics``:
    the pages in Prometheus's text format, by path."""
    resources = registry.resources

    async def core(request: web.Request) -> web.StreamResponse:
        found = _aggregated(request)
        if found:
            return _discovered(discovery.aggregated(resources, core=True, version=found), found)
        return answer(discovery.api_versions(request.host))

    async def groups(request: web.Request) -> web.StreamResponse:
        found = _aggregated(request)
        if found:
            return _discovered(discovery.aggregated(resources, core=False, version=found), found)
        return answer(discovery.api_groups(resources))

    async def listed(request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        group, number = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        found = discovery.api_resources(resources, group, number)
        if found is None:
            raise errors.path_not_found()
        return answer(found)

    async def show_version(request: web.Request) -> web.StreamResponse:
        return answer(_version(version, git_version))

    async def health(request: web.Request) -> web.StreamResponse:
        if "verbose" in request.query:
            return web.Response(text=f"[+]ping ok\n{request.path.strip('/')} check passed\n")
        return web.Response(text="ok")

    async def show_metrics(request: web.Request) -> web.StreamResponse:
        text = metrics[request.path.rstrip("/")]()
        return web.Response(body=text.encode(), headers={"Content-Type": METRICS})

    async def all_pods(request: web.Request) -> web.StreamResponse:
        """The kubelet's ``/pods``."""
        found = registry.find("", "v1", "pods")
        assert found is not None
        return answer({**registry.list(found, None), "metadata": {}})

    async def ready(request: web.Request) -> web.StreamResponse:
        found = problems()
        bad = {name: text for name, text in found.items() if text}
        if not bad and "verbose" not in request.query:
            return web.Response(text="ok")
        lines = [f"[-]{name} failed: {bad[name]}" if name in bad else f"[+]{name} ok" for name in found]
        lines.append("readyz check failed" if bad else "readyz check passed")
        return web.Response(text="\n".join(lines) + "\n", status=500 if bad else 200)

    served: dict[str, Page] = {
        "/api": core,
        "/apis": groups,
        "/version": show_version,
        "/healthz": health,
        "/livez": health,
        "/readyz": ready,
        **dict.fromkeys(metrics, show_metrics),
        "/pods": all_pods,
    }
    served = {path: _reading(page) for path, page in served.items()}
    for resource in resources:
        info = resource.info
        served[f"/apis/{info.api_version}" if info.group else f"/api/{info.version}"] = _reading(listed)
    served.update(openapi_pages([resource.info for resource in resources], git_version))
    assert all(parse_path(path) is None for path in served)
    return served


def _reading(page: Page) -> Page:
    """Pages are read; every other method is refused."""

    async def read(request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            raise errors.http_error(405, f"{request.method} is not supported on {request.path}")
        return await page(request)

    return read


def _aggregated(request: web.Request) -> str:
    """The version of the aggregated form that the client prefers to the plain one; empty: none."""
    for each in parse_accept(request.headers.get("Accept", "")):
        if each.type == JSON and each.parameters.get("g") == discovery.AGGREGATED:
            version = each.parameters.get("v", "")
            if version in ("v2", "v2beta1"):
                return version
        elif each.type in (JSON, "*/*"):
            return ""
    return ""


def _discovered(value: dict[str, Any], version: str) -> web.Response:
    response = answer(value)
    response.headers["Content-Type"] = f"{JSON};g={discovery.AGGREGATED};v={version};as=APIGroupDiscoveryList"
    return response


def _version(version: str, git_version: str) -> dict[str, str]:
    major, minor = git_version.removeprefix("v").split(".")[:2]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{git_version}+nsrunner.{version}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": f"linux/{machine}",
    }
