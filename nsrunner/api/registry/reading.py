"""What may be read: one object, lists in pages, watches."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence

from nsrunner.api import errors
from nsrunner.api.registry.selection import Json, Selection
from nsrunner.api.registry.watching import Watching
from nsrunner.api.resources import Resource
from nsrunner.api.store import Expired, Key, Store

__all__ = ["Json", "Reading"]


class Reading:
    """A part of Registry."""

    def __init__(self, store: Store, resources: Sequence[Resource]) -> None:
        self._store = store
        self._resources = {resource.info.name: resource for resource in resources}

    @property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(self._resources.values())

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a path; None: it is not served."""
        resource = self._resources.get(f"{plural}.{group}" if group else plural)
        return resource if resource is not None and resource.info.version == version else None

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Raises ApiError (404)."""
        found = self._store.get(self._key(resource, namespace, name))
        if found is None:
            raise self._missing(resource, name)
        return resource.shown(found)

    def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        objects: Sequence[Json] | None = None,
    ) -> Json:
        """The List object. ``namespace`` None: of all. A page ends after ``limit`` objects; ``continue_`` is what the
        last one said. ``objects``: these instead of those in the store, in order."""
        chosen = Selection(resource, label_selector, field_selector)
        version, after = str(self._store.version), None
        if continue_:
            version, after = _continue_token(continue_)
        items: list[Json] = []
        left = 0
        for item in self._store.list(resource.info.storage, namespace) if objects is None else objects:
            if (after is not None and _place(item) <= after) or not chosen.has(item):
                continue
            if limit and len(items) == limit:
                left += 1
            else:
                items.append(resource.shown(item))
        metadata: Json = {"resourceVersion": version}
        if left:
            metadata["continue"] = _token(version, _place(items[-1]))
            if chosen.everything:
                metadata["remainingItemCount"] = left
        info = resource.info
        return {"kind": f"{info.kind}List", "apiVersion": info.api_version, "metadata": metadata, "items": items}

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        since: str = "",
        initial_events: bool = False,
    ) -> Watching:
        """Watch events. ``since`` is a resourceVersion; none or ``0``: what there is now comes first, as ADDED.

        With ``initial_events`` a BOOKMARK with the annotation ``k8s.io/initial-events-end`` follows these. Raises
        ApiError: 410 when ``since`` is too old.
        """
        chosen = Selection(resource, label_selector, field_selector)
        info = resource.info
        try:
            start = int(since or "0")
        except ValueError:
            raise errors.bad_request(f'Invalid value: "{since}": resourceVersion must be a number') from None
        replay = initial_events or start == 0
        wanted = None if chosen.everything else chosen.concerned
        try:
            watch = self._store.watch(info.storage, namespace, None if replay else start, wanted=wanted)
        except Expired as error:
            raise errors.expired(str(error)) from None
        first: list[Json] = []
        if replay:
            there = self._store.list(info.storage, namespace)
            first += ({"type": "ADDED", "object": resource.shown(item)} for item in there if chosen.has(item))
        if initial_events:
            first.append(bookmark(resource, self._store.version, initial=True))
        return Watching(watch, resource, chosen, first)

    def bookmark(self, resource: Resource) -> Json:
        """Up to where a watcher has seen everything, when nothing waits for it."""
        return bookmark(resource, self._store.version)

    def _key(self, resource: Resource, namespace: str, name: str) -> Key:
        return Key(resource.info.storage, namespace if resource.info.namespaced else "", name)

    def _missing(self, resource: Resource, name: str) -> errors.ApiError:
        return errors.not_found(resource.info.plural, name, resource.info.group)


def bookmark(resource: Resource, version: int, *, initial: bool = False) -> Json:
    """A BOOKMARK event (``meta/v1 WatchEvent``)."""
    info = resource.info
    metadata: Json = {"resourceVersion": str(version)}
    if initial:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    object: Json = {"kind": info.kind, "apiVersion": info.api_version, "metadata": metadata}
    return {"type": "BOOKMARK", "object": object}


def _place(object: Json) -> tuple[str, str]:
    return object["metadata"].get("namespace", ""), object["metadata"]["name"]


def _token(version: str, place: Iterable[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *place]).encode()).decode()


def _continue_token(text: str) -> tuple[str, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError, binascii.Error):
        raise errors.bad_request("continue key is not valid") from None
    return str(version), (str(namespace), str(name))
