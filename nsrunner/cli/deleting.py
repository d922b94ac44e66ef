"""Deleting an object, and waiting until nothing of it is left."""

from __future__ import annotations

import time
from typing import Any

from ..api.client import Client
from .progress import Progress, awaited
from .resources import connect
from .selection import Target
from .watching import changes

__all__ = ["delete_object", "wait_until_gone"]


def delete_object(client: Client, target: Target, grace: int | None, *, dry: bool = False) -> str:
    """The uid of what was deleted; ``grace`` seconds, None: its own period. Raises Refused."""
    body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    if grace is not None:
        body["gracePeriodSeconds"] = grace
    answer = client.call("DELETE", target.path, query={"dryRun": "All" if dry else ""}, body=body)
    return str((answer.get("metadata") or {}).get("uid") or (answer.get("details") or {}).get("uid", ""))


def wait_until_gone(target: Target, uid: str, timeout: float | None = None) -> None:
    """Until this very object is gone, but not longer than ``timeout`` seconds. Raises TooLate, Refused."""
    path, fields = target.resource.path(target.namespace), f"metadata.name={target.name}"
    with connect() as client:
        client.deadline = None if timeout is None else time.monotonic() + timeout
        found = client.call("GET", path, query={"fieldSelector": fields})
        there = next((item for item in found.get("items") or () if item["metadata"]["uid"] == uid), None)
        if there is None:
            return
        version = found["metadata"]["resourceVersion"]
        with Progress() as progress:
            progress.show(awaited(target, there))
            for event in changes(client, target.resource, target.namespace, version, fields=fields):
                if event["type"] == "DELETED" or event["object"]["metadata"]["uid"] != uid:
                    return
                progress.show(awaited(target, event["object"]))
