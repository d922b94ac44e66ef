"""All verbs, and what the daemon does beside them."""

from __future__ import annotations

import uuid

from nsrunner.api.registry.deleting import BUILT_IN_NAMESPACES, Deleting
from nsrunner.api.registry.reading import Json
from nsrunner.api.registry.writing import EVENT_TTL, now_text
from nsrunner.api.resources import Context, Resource
from nsrunner.api.store import Key, Missing

__all__ = ["Registry"]


class Registry(Deleting):
    """All that clients may do, and what the daemon writes. Raises ApiError and nothing else on purpose.

    The hooks hear of pods; a client's write is answered when it is on disk.
    """

    def finalize(self, namespace: str, name: str, uid: str) -> None:
        """Nothing of a deleted pod is left: its object goes, unless finalizers of others hold it."""
        key = Key("pods", namespace, name)
        found = self._store.get(key)
        if found is not None and found["metadata"]["uid"] == uid and not found["metadata"].get("finalizers"):
            self._store.delete(key)

    def set_pod_status(self, namespace: str, name: str, uid: str, status: Json) -> None:
        """What the engine says of a pod. Nothing happens when it is the same, or the pod is another."""
        key = Key("pods", namespace, name)
        found = self._store.get(key)
        if found is not None and found["metadata"]["uid"] == uid:
            self._store.update(key, {**found, "status": status})

    def put(self, resource: Resource, object: Json, *, ttl: float | None = None) -> Json:
        """Creates or replaces an object of the daemon's own: the node, a mirror of a static pod, an event."""
        metadata = object["metadata"]
        key = self._key(resource, metadata.get("namespace", ""), metadata["name"])
        old = self._store.get(key)
        if old is None:
            fresh = {"uid": str(uuid.uuid4()), "creationTimestamp": now_text(), **metadata}
            return self._store.create(key, {**object, "metadata": fresh}, ttl=ttl)
        kept = {"uid": old["metadata"]["uid"], "creationTimestamp": old["metadata"]["creationTimestamp"], **metadata}
        return self._store.update(key, {**object, "metadata": kept}, ttl=ttl)

    def put_event(self, event: Json) -> None:
        """An event new or counted up; it goes an hour after it was written last."""
        self.put(self._resources["events"], event, ttl=EVENT_TTL)

    def drop(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object of the daemon's own at once; nothing happens when there is none."""
        try:
            self._store.delete(self._key(resource, namespace, name))
        except Missing:
            pass

    def add_built_ins(self) -> None:
        """The namespaces that are always there, and the service account of each."""
        for name in BUILT_IN_NAMESPACES:
            if self._store.get(Key("namespaces", "", name)) is None:
                context = Context(now=now_text())
                fresh = {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": context.now}
                resource = self._resources["namespaces"]
                self._store.create(Key("namespaces", "", name), resource.prepare_create({"metadata": fresh}, context))
        for namespace in self._store.list("namespaces"):
            self.add_service_account(namespace["metadata"]["name"])
