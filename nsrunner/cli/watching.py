"""The changes of a resource, as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..api.client import Client, Refused
from .resources import Resource

__all__ = ["changes"]


def changes(
    client: Client,
    resource: Resource,
    namespace: str | None,
    version: str,
    *,
    labels: str = "",
    fields: str = "",
    accept: str = "application/json",
    include: str = "",
) -> Iterator[dict[str, Any]]:
    """Watch events after a resourceVersion, without bookmarks and without end: a watch that the server ends after its
    time is begun again where it was.

    Raises Refused, HostError; TooLate when the client's deadline is over.
    """
    path = resource.path(namespace)
    while True:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": labels,
            "fieldSelector": fields,
            "includeObject": include,
        }
        answer = client.checked(client.request("GET", path, query=query, accept=accept, timeout=None))
        for line in answer.lines():
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise Refused(event["object"])
            version = event["object"]["metadata"].get("resourceVersion") or version
            if event["type"] != "BOOKMARK":
                yield event
