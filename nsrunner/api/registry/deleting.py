"""What may be deleted: at once, or with the time that a pod needs to end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from nsrunner.api import errors
from nsrunner.api.registry.reading import Json
from nsrunner.api.registry.writing import Writing
from nsrunner.api.resources import Context, Resource

__all__ = ["BUILT_IN_NAMESPACES", "MIRROR", "Deleting"]

MIRROR: Final = "kubernetes.io/config.mirror"
"""The annotation of a static pod's image in the API."""
BUILT_IN_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


class Deleting(Writing):
    """A part of Registry."""

    async def delete(
        self, resource: Resource, namespace: str, name: str, options: Mapping[str, Any], context: Context
    ) -> tuple[Json, bool]:
        """The object as it is now, and whether it is gone. Raises ApiError."""
        old = self.get(resource, namespace, name)
        info, metadata = resource.info, old["metadata"]
        self._check_preconditions(resource, old, options.get("preconditions") or {})
        if info.kind == "Namespace" and name in BUILT_IN_NAMESPACES:
            raise errors.forbidden(info.plural, name, "this namespace may not be deleted", info.group)
        grace = resource.grace_seconds(old, options)
        if context.dry_run:
            return old, grace == 0
        if info.kind == "Pod":
            return await self._delete_pod(resource, old, grace)
        if metadata.get("finalizers"):
            return await self._mark_deleted(resource, old, 0, context), False
        gone = self._store.delete(self._key(resource, namespace, name))
        if info.kind == "Namespace":
            await self._empty_namespace(name, context)
        await self._committed()
        return gone, True

    async def _delete_pod(self, resource: Resource, pod: Json, grace: int) -> tuple[Json, bool]:
        """A pod stays until nothing of it is left; forced (grace 0) it goes at once, and what runs is killed. A later
        deletion may only shorten the period."""
        metadata = pod["metadata"]
        key = self._key(resource, metadata["namespace"], metadata["name"])
        mirror = MIRROR in (metadata.get("annotations") or {})  # only its file ends a static pod: the mirror comes back
        if mirror or (grace == 0 and not metadata.get("finalizers")):
            gone = self._store.delete(key)
            self._hooks.pod_deleted(gone, 0)
            await self._committed()
            return gone, True
        pending = metadata.get("deletionGracePeriodSeconds")
        if metadata.get("deletionTimestamp") and pending is not None and grace >= pending:
            return pod, False
        marked = self._store.update(key, _marked(pod, grace, datetime.now(UTC).timestamp()))
        self._hooks.pod_deleted(marked, grace)
        await self._committed()
        return marked, False

    async def _mark_deleted(self, resource: Resource, object: Json, grace: int, context: Context) -> Json:
        if object["metadata"].get("deletionTimestamp"):
            return object
        key = self._key(resource, object["metadata"].get("namespace", ""), object["metadata"]["name"])
        marked = self._store.update(key, _marked(object, grace, datetime.now(UTC).timestamp()))
        await self._committed()
        return marked

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str,
        field_selector: str,
        options: Mapping[str, Any],
        context: Context,
    ) -> Json:
        """Deletes what is selected and gives the list of it."""
        found = self.list(resource, namespace, label_selector=label_selector, field_selector=field_selector)
        items = []
        for item in found["items"]:
            metadata = item["metadata"]
            deleted, _ = await self.delete(resource, metadata.get("namespace", ""), metadata["name"], options, context)
            items.append(deleted)
        return {**found, "items": items}

    async def _empty_namespace(self, name: str, context: Context) -> None:
        for resource in self._resources.values():
            if resource.info.namespaced and resource.info.kind != "Event":
                for item in self._store.list(resource.info.storage, name):
                    await self.delete(resource, name, item["metadata"]["name"], {}, context)

    def _check_preconditions(self, resource: Resource, object: Json, preconditions: Mapping[str, Any]) -> None:
        info, metadata = resource.info, object["metadata"]
        for field, label, there in (
            ("uid", "UID", metadata["uid"]),
            ("resourceVersion", "ResourceVersion", metadata["resourceVersion"]),
        ):
            given = preconditions.get(field)
            if given is not None and given != there:
                why = f"Precondition failed: {label} in precondition: {given}, {label} in object meta: {there}"
                raise errors.conflict(info.plural, metadata["name"], why, info.group)


def _marked(object: Json, grace: int, now: float) -> Json:
    """Terminating: the time by which it has to be gone. A shortened one comes nearer."""
    metadata = object["metadata"]
    began = now
    if metadata.get("deletionTimestamp") and metadata.get("deletionGracePeriodSeconds") is not None:
        due = datetime.fromisoformat(metadata["deletionTimestamp"]).timestamp()
        began = due - metadata["deletionGracePeriodSeconds"]
    due = max(now, began + grace)
    generation = metadata.get("generation")
    stamp = datetime.fromtimestamp(int(due), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = {**metadata, "deletionTimestamp": stamp, "deletionGracePeriodSeconds": grace}
    if generation is not None and not metadata.get("deletionTimestamp"):
        changed["generation"] = generation + 1
    return {**object, "metadata": changed}
