"""``describe`` of everything that is no pod."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from .blocks import Block, pairs, stamp

__all__ = ["object_block"]

Json = Mapping[str, Any]


def object_block(kind: str, object: Json, pods: Sequence[Json] = ()) -> Block:
    """``pods``: of a node, those that have not ended."""
    metadata = object["metadata"]
    block = Block()
    block.put("Name", metadata["name"])
    block.put("Namespace", metadata.get("namespace"))
    block.append(("Labels", pairs(metadata.get("labels"))))
    block.append(("Annotations", pairs(metadata.get("annotations"), ": ")))
    block.put("CreationTimestamp" if kind == "Node" else "Created", stamp(metadata.get("creationTimestamp")))
    match kind:
        case "ConfigMap":
            _config_map(block, object)
        case "Secret":
            block.put("Type", object.get("type"))
            below = Block()
            for key, value in sorted((object.get("data") or {}).items()):
                below.put(key, f"{_size(value)} bytes")
            block.append(("Data", below) if below else ("Data", "<none>"))
        case "Namespace":
            block.put("Status", (object.get("status") or {}).get("phase"))
        case "Node":
            _node(block, object, pods)
        case "Event":
            involved = object.get("involvedObject") or {}
            block.put("Type", object.get("type"))
            block.put("Reason", object.get("reason"))
            block.put("Object", f"{involved.get('kind', '')}/{involved.get('name', '')}")
            block.put("Message", object.get("message"))
            block.put("Count", object.get("count"))
            block.put("First Seen", stamp(object.get("firstTimestamp")))
            block.put("Last Seen", stamp(object.get("lastTimestamp")))
    if object.get("immutable"):
        block.put("Immutable", "true")
    return block


def _config_map(block: Block, object: Json) -> None:
    below = Block()
    for key, value in sorted((object.get("data") or {}).items()):
        below.append((key, str(value).rstrip("\n").split("\n")))
    block.append(("Data", below) if below else ("Data", "<none>"))
    binary = Block()
    for key, value in sorted((object.get("binaryData") or {}).items()):
        binary.put(key, f"{_size(value)} bytes")
    if binary:
        block.append(("BinaryData", binary))


def _size(encoded: object) -> int:
    try:
        return len(base64.b64decode(str(encoded)))
    except (binascii.Error, ValueError):
        return 0


def _node(block: Block, node: Json, pods: Sequence[Json]) -> None:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    taints = [f"{each.get('key')}={each.get('value') or ''}:{each.get('effect')}" for each in spec.get("taints") or ()]
    block.append(("Taints", taints or ["<none>"]))
    block.put("Unschedulable", str(bool(spec.get("unschedulable"))).lower())
    conditions = Block()
    for each in status.get("conditions") or ():
        conditions.put(each["type"], f"{each['status']}   {each.get('reason', '')}: {each.get('message', '')}")
    block.append(("Conditions", conditions))
    block.append(("Addresses", [f"{each['type']}: {each['address']}" for each in status.get("addresses") or ()]))
    for title in ("capacity", "allocatable"):
        below = Block()
        for key, value in sorted((status.get(title) or {}).items()):
            below.put(key, value)
        block.append((title.capitalize(), below))
    info = Block()
    for key, value in (status.get("nodeInfo") or {}).items():
        if value:
            info.put(key[:1].upper() + key[1:], value)
    block.append(("System Info", info))
    names = sorted(f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']}" for pod in pods)
    block.append(("Pods", names or ["<none>"]))
