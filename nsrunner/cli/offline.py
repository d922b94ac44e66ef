"""What a daemon that does not run any more wrote down last."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import HostError
from ..sandbox.state import Roots
from .resources import Named

__all__ = ["LastKnown", "last_known"]


class LastKnown(NamedTuple):
    objects: list[dict[str, Any]]
    missing: list[Named]
    """What was asked for by name and is not among them."""
    warning: str


def last_known(wanted: Sequence[Named], namespace: str | None) -> LastKnown | None:
    """The objects that are wanted, from the store's file. Pods are of phase Unknown: nobody has looked since.

    None when there is no store. Raises HostError when it cannot be read.
    """
    from ..api.store import StoreError
    from ..api.store.offline import read_offline
    from ..model.printing.ages import age

    path = os.path.join(Roots.from_environment().state, "store.db")
    objects: list[dict[str, Any]] = []
    missing = []
    written = 0.0
    for each in wanted:
        try:
            snapshot = read_offline(path, each.resource.plural, namespace if each.resource.namespaced else None)
        except FileNotFoundError:
            return None
        except (StoreError, PermissionError) as error:
            raise HostError(str(error)) from None
        written = snapshot.written
        found = [item for item in snapshot.objects if not each.name or item["metadata"]["name"] == each.name]
        if each.name and not found:
            missing.append(each)
        objects += [_unknown(item, each, written) for item in found]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(written))
    warning = (
        f"Warning: no daemon is running: this is the last known state, of {since} ({age(time.time() - written)} ago)"
    )
    return LastKnown(objects, missing, warning)


def _unknown(item: dict[str, Any], wanted: Named, written: float) -> dict[str, Any]:
    item = {"apiVersion": "v1", "kind": wanted.resource.kind, **item}
    status = item.get("status") or {}
    if wanted.resource.kind != "Pod" or status.get("phase") in ("Succeeded", "Failed"):
        return item
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(written))
    told = {
        "phase": "Unknown",
        "reason": "Unknown",
        "message": f"no daemon is running; this was so at {stamp}",
        "conditions": [
            {**each, "status": "Unknown"} if each.get("type") in ("Ready", "ContainersReady") else each
            for each in status.get("conditions") or ()
        ],
    }
    # What the containers' states say would be shown instead of the phase.
    kept = {name: value for name, value in status.items() if not name.lower().endswith("containerstatuses")}
    return {**item, "status": {**kept, **told}}
