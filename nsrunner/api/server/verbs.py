"""The verbs over HTTP: a request for a resource becomes a call of the registry, and its result an answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.patch import PATCHES, patched
from nsrunner.api.registry import Json, Registry
from nsrunner.api.resources import Resource
from nsrunner.api.server.forms import shown
from nsrunner.api.server.media import YAML, Form, negotiate
from nsrunner.api.server.paths import Target, verb_of
from nsrunner.api.server.requests import (
    body_object,
    context_of,
    delete_options,
    number,
    read_body,
    truth,
)
from nsrunner.api.server.watch import watch

__all__ = ["Computed", "Subresource", "Verbs"]

Subresource: TypeAlias = Callable[[web.Request, Json], Awaitable[web.StreamResponse]]
"""Serves a subresource that is a stream; gets the pod."""
Computed: TypeAlias = Callable[[Resource, str | None], Awaitable[list[Json]]]
"""All objects of a resource that is not stored, of a namespace or of all, in order."""

_WRITABLE = frozenset({"", "ephemeralcontainers", "finalize", "status"})

_CONTROLLERS = frozenset({"apps", "autoscaling", "batch"})
"""Groups whose resources are controllers' orders; those who ask are told more than that there is nothing."""


class Verbs:
    """``streams``: by the name of the subresource. ``protobuf`` reads a body of that media type. ``computed``: by
    the group."""

    def __init__(
        self,
        registry: Registry,
        *,
        streams: Mapping[str, Subresource],
        protobuf: Callable[[bytes], Any],
        computed: Mapping[str, Computed],
    ) -> None:
        self._registry = registry
        self._computed = computed
        self._streams = streams
        self._protobuf = protobuf

    def knows(self, target: Target) -> bool:
        """Whether the resource is served."""
        return self._registry.find(target.group, target.version, target.plural) is not None

    async def serve(self, request: web.Request, target: Target, user: str) -> web.StreamResponse:
        """Raises ApiError."""
        resource = self._registry.find(target.group, target.version, target.plural)
        if resource is None and target.group in _CONTROLLERS:
            raise errors.no_controllers(target.plural, target.group)
        if resource is None:
            raise errors.path_not_found()
        info = resource.info
        if target.namespace is not None and not info.namespaced:
            raise errors.path_not_found()
        if target.subresource and target.subresource not in info.subresources:
            raise errors.path_not_found()
        namespace = target.namespace
        if info.namespaced and target.name and namespace is None:
            raise errors.path_not_found()
        stream = self._streams.get(target.subresource)
        if stream is not None:
            pod = self._registry.get(resource, namespace or "", target.name)
            return await stream(request, pod)
        verb = verb_of(request.method, target, watching=truth(request, "watch"))
        if verb not in info.verbs or target.subresource not in _WRITABLE:
            raise errors.method_not_allowed(info.plural, verb or request.method.lower(), info.group)
        form = negotiate(request.headers.get("Accept", ""))
        handle: Callable[[web.Request, Resource, Target, str, Form], Awaitable[web.StreamResponse]] = {
            "create": self._create,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "update": self._update,
            "watch": self._watch,
        }[verb]
        return await handle(request, resource, target, user, form)

    # --- one verb each ------------------------------------------------------------------------------------------------

    async def _get(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        compute = self._computed.get(resource.info.group)
        if compute is None:
            found = self._registry.get(resource, target.namespace or "", target.name)
        else:
            found = _named(await compute(resource, target.namespace), resource, target.name)
        return self._answer(request, found, resource, form)

    async def _list(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        compute = self._computed.get(resource.info.group)
        found = self._registry.list(
            resource,
            target.namespace,
            label_selector=request.query.get("labelSelector", ""),
            field_selector=request.query.get("fieldSelector", ""),
            limit=number(request, "limit") or 0,
            continue_=request.query.get("continue", ""),
            objects=None if compute is None else await compute(resource, target.namespace),
        )
        return self._answer(request, found, resource, form)

    async def _watch(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        return await watch(request, self._registry, resource, target.namespace, target.name, form)

    async def _create(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        if target.name:
            raise errors.method_not_allowed(resource.info.plural, "create", resource.info.group)
        if resource.info.namespaced and target.namespace is None:
            raise errors.bad_request("an empty namespace may not be set during creation")
        body = body_object(await read_body(request), request.content_type, self._protobuf)
        context = context_of(request, user)
        created = await self._registry.create(resource, target.namespace or "", body, context)
        return self._answer(request, created, resource, form, status=201, warnings=context.warnings)

    async def _update(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        body = body_object(await read_body(request), request.content_type, self._protobuf)
        context = context_of(request, user, target.subresource)
        updated = await self._registry.update(resource, target.namespace or "", target.name, body, context)
        return self._answer(request, updated, resource, form, warnings=context.warnings)

    async def _patch(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        data, kind = await read_body(request), request.content_type
        if kind not in PATCHES:
            raise errors.unsupported_media_type(PATCHES)
        context = context_of(request, user, target.subresource)
        result, created = await patched(
            self._registry,
            resource,
            target.namespace or "",
            target.name,
            kind,
            data,
            context,
            force=truth(request, "force"),
        )
        status = 201 if created else 200
        return self._answer(request, result, resource, form, status=status, warnings=context.warnings)

    async def _delete(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        data = await read_body(request)
        body = body_object(data, request.content_type, self._protobuf) if data else None
        options = delete_options(request, body)
        context = context_of(request, user)
        context.dry_run = context.dry_run or bool(options.get("dryRun"))
        info = resource.info
        deleted, gone = await self._registry.delete(resource, target.namespace or "", target.name, options, context)
        if info.kind == "Pod" or not gone:
            return self._answer(request, deleted, resource, form)
        details = {"name": target.name, "kind": info.plural, "uid": deleted["metadata"]["uid"]}
        if info.group:
            details["group"] = info.group
        return self._answer(request, errors.status(200, "", "", details=details, succeeded=True), resource, form)

    async def _delete_collection(
        self, request: web.Request, resource: Resource, target: Target, user: str, form: Form
    ) -> web.StreamResponse:
        data = await read_body(request)
        options = delete_options(request, body_object(data, request.content_type, self._protobuf) if data else None)
        context = context_of(request, user)
        context.dry_run = context.dry_run or bool(options.get("dryRun"))
        deleted = await self._registry.delete_collection(
            resource,
            target.namespace,
            label_selector=request.query.get("labelSelector", ""),
            field_selector=request.query.get("fieldSelector", ""),
            options=options,
            context=context,
        )
        return self._answer(request, deleted, resource, form)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer(
        self,
        request: web.Request,
        value: Json,
        resource: Resource,
        form: Form,
        *,
        status: int = 200,
        warnings: list[str] | None = None,
    ) -> web.Response:
        include = request.query.get("includeObject", "Metadata")
        whole = shown(value, resource, form, now=time.time(), include=include)  # type: ignore[arg-type]
        return answer(whole, form, status=status, pretty=truth(request, "pretty"), warnings=warnings or ())


def _named(objects: list[Json], resource: Resource, name: str) -> Json:
    for object in objects:
        if object["metadata"]["name"] == name:
            return object
    raise errors.not_found(resource.info.plural, name, resource.info.group)


def answer(
    value: Any, form: Form | None = None, *, status: int = 200, pretty: bool = False, warnings: Any = ()
) -> web.Response:
    """A value as a response; each warning becomes a header (RFC 7234 5.5, as kubectl shows them)."""
    if form is not None and form.type == YAML:
        import yaml

        body, type = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode(), YAML
    else:
        body, type = msgspec.json.encode(value), "application/json"
        if pretty:
            body = msgspec.json.format(body, indent=2)
        body += b"\n"
    response = web.Response(
        body=body, status=status, headers={"Content-Type": type, "Cache-Control": "no-cache, private"}
    )
    for warning in warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "backslashreplace").decode()
        response.headers.add("Warning", f'299 - "{text}"')
    return response
