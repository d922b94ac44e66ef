"""What may be written: creating, replacing, changing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from nsrunner.api import errors
from nsrunner.api.patch import settled, updated_managers
from nsrunner.api.ports import Hooks
from nsrunner.api.registry.reading import Json, Reading
from nsrunner.api.resources import Context, Resource, object_of
from nsrunner.api.store import Exists, Key, Store, StoreUnavailable

__all__ = ["EVENT_TTL", "Writing", "now_text"]

_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"
"""What generateName appends (apimachinery ``util/rand``): no vowels, so no words."""
_NAME_TRIES: Final = 8
EVENT_TTL: Final = 3600.0
"""Seconds for which an event stays after it was written last; the API server's --event-ttl."""
_SETTLED: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""Of the metadata: what clients do not change."""


class Writing(Reading):
    """A part of Registry."""

    def __init__(self, store: Store, hooks: Hooks, resources: Sequence[Resource]) -> None:
        super().__init__(store, resources)
        self._hooks = hooks

    async def create(
        self, resource: Resource, namespace: str, body: Any, context: Context, *, applied: bool = False
    ) -> Json:
        """POST. ``applied``: its managedFields are right already."""
        object = object_of(resource.info, body)
        metadata = object["metadata"]
        if not resource.stored:
            return resource.prepare_create(object, context)
        self._place_in(resource, metadata, namespace)
        self._check_namespace(resource, namespace)
        generate = not metadata.get("name")
        if generate and not metadata.get("generateName"):
            raise errors.invalid(resource.info.kind, "", [errors.NAME_REQUIRED], resource.info.group)
        for field in ("resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(field, None)
        given = metadata.pop("managedFields", None)
        base = metadata.get("generateName", "")
        for _ in range(_NAME_TRIES if generate else 1):
            if generate:
                metadata["name"] = base + _suffix()
            fresh = {**metadata, "uid": str(uuid.uuid4()), "creationTimestamp": context.now}
            prepared = resource.prepare_create({**object, "metadata": fresh}, context)
            prepared = _with_managers(None, prepared, given, context, applied, _assigned(resource, object))
            key = self._key(resource, namespace, metadata["name"])
            try:
                if context.dry_run:
                    if self._store.get(key) is not None:
                        raise Exists(key)
                    return prepared
                created = self._store.create(key, prepared, ttl=_ttl(resource))
                break
            except Exists:
                if not generate:
                    raise errors.already_exists(resource.info.plural, metadata["name"], resource.info.group) from None
        else:
            raise errors.already_exists(resource.info.plural, base, resource.info.group)
        if resource.info.kind == "Pod":
            self._hooks.pod_written(created, "created")
        elif resource.info.kind == "Namespace":
            self.add_service_account(metadata["name"])
        await self._committed()
        return created

    async def update(self, resource: Resource, namespace: str, name: str, body: Any, context: Context) -> Json:
        """PUT. One without a resourceVersion overwrites whatever is there."""
        new = object_of(resource.info, body)
        self._place_in(resource, new["metadata"], namespace)
        if new["metadata"].setdefault("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({new['metadata']['name']}) does not match the name on the URL ({name})"
            )
        return await self._replace(resource, namespace, name, lambda _: new, context)

    async def change(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        modify: Callable[[Json], Json],
        context: Context,
        *,
        applied: bool = False,
    ) -> Json:
        """PATCH. ``modify`` gets what is there and gives a new object; nobody else comes between. ``applied``: the
        managedFields of the new one are right already."""
        return await self._replace(resource, namespace, name, modify, context, applied)

    async def _replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        modify: Callable[[Json], Json],
        context: Context,
        applied: bool = False,
    ) -> Json:
        key, info = self._key(resource, namespace, name), resource.info
        old = self.get(resource, namespace, name)
        new = object_of(info, modify(old))
        self._place_in(resource, new["metadata"], namespace)
        wanted, there = new["metadata"].get("resourceVersion") or "", old["metadata"]
        if wanted and wanted != there["resourceVersion"]:
            raise errors.conflict(
                info.plural,
                name,
                "the object has been modified; please apply your changes to the latest version and try again",
                info.group,
            )
        if (new["metadata"].get("uid") or there["uid"]) != there["uid"]:
            given = new["metadata"]["uid"]
            why = f"Precondition failed: UID in precondition: {given}, UID in object meta: {there['uid']}"
            raise errors.conflict(info.plural, name, why, info.group)
        for field in _SETTLED:
            new["metadata"].pop(field, None)
            if field in there:
                new["metadata"][field] = there[field]
        given = new["metadata"].pop("managedFields", None)
        prepared = resource.prepare_update(old, new, context)
        prepared = _with_managers(old, prepared, given, context, applied)
        if context.dry_run:
            return prepared
        updated = self._store.update(key, prepared, ttl=_ttl(resource))
        if updated is not old and info.kind == "Pod":
            self._tell_pod_written(old, updated, context)
        if there.get("deletionTimestamp") and there.get("finalizers") and not updated["metadata"].get("finalizers"):
            self._removable(resource, updated)
        await self._committed()
        return updated

    def _tell_pod_written(self, old: Json, new: Json, context: Context) -> None:
        if context.subresource == "status":
            before = {each["type"]: each for each in (old.get("status") or {}).get("conditions") or ()}
            for condition in (new.get("status") or {}).get("conditions") or ():
                if before.get(condition["type"]) != condition:
                    self._hooks.condition_set(new, condition)
        else:
            self._hooks.pod_written(new, "ephemeral" if context.subresource == "ephemeralcontainers" else "updated")

    def _removable(self, resource: Resource, object: Json) -> None:
        """The last finalizer of a deleted object is gone. Pods wait for their processes, too."""
        if resource.info.kind != "Pod":
            metadata = object["metadata"]
            self._store.delete(self._key(resource, metadata.get("namespace", ""), metadata["name"]))

    def _place_in(self, resource: Resource, metadata: Json, namespace: str) -> None:
        """The namespace of the path is the object's."""
        if not resource.info.namespaced:
            metadata.pop("namespace", None)
            return
        if (metadata.get("namespace") or namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        metadata["namespace"] = namespace

    def _check_namespace(self, resource: Resource, namespace: str) -> None:
        if resource.info.namespaced and self._store.get(Key("namespaces", "", namespace)) is None:
            raise errors.not_found("namespaces", namespace)

    async def _committed(self) -> None:
        try:
            await self._store.committed()
        except StoreUnavailable as error:
            raise errors.service_unavailable(f"the store cannot be written: {error}") from None

    def add_service_account(self, namespace: str) -> None:
        """Each namespace has one called ``default``."""
        key = Key("serviceaccounts", namespace, "default")
        if self._store.get(key) is None:
            metadata = {
                "name": "default",
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": now_text(),
            }
            self._store.create(key, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata})


def _assigned(resource: Resource, sent: Json) -> frozenset[str]:
    """Fields of the spec that are ours to fill in, and that the client has left to us."""
    spec = sent.get("spec")
    return resource.assigned.difference(spec) if isinstance(spec, dict) else resource.assigned


def _with_managers(
    old: Json | None,
    new: Json,
    given: Any,
    context: Context,
    applied: bool,
    assigned: frozenset[str] = frozenset(),
) -> Json:
    """With metadata.managedFields; ``old`` itself when nothing else is different. ``assigned``: nobody's."""
    entries = given or []
    if not applied:
        entries = updated_managers(
            old,
            new,
            given,
            manager=context.field_manager or "unknown",
            subresource=context.subresource,
            now=context.now,
            unowned=frozenset(("f:spec", f"f:{field}") for field in assigned),
        )
    metadata = {key: value for key, value in new["metadata"].items() if key != "managedFields"}
    if old is not None:
        there = old["metadata"].get("managedFields") or []
        entries = settled(there, entries)
        same = {**old, "metadata": {key: value for key, value in old["metadata"].items() if key != "managedFields"}}
        if entries is there and same == {**new, "metadata": metadata}:
            return old
    return {**new, "metadata": {**metadata, **({"managedFields": entries} if entries else {})}}


def _ttl(resource: Resource) -> float | None:
    return EVENT_TTL if resource.info.kind == "Event" else None


def _suffix() -> str:
    import random  # for the few objects that leave their name to us

    return "".join(random.choices(_SUFFIX, k=5))  # noqa: S311 - no secret


def now_text() -> str:
    """The time as ``meta/v1 Time`` has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
