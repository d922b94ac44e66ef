"""``describe pod``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .blocks import Block, listing, pairs, stamp
from .describe_container import container_block

__all__ = ["pod_block"]

Json = Mapping[str, Any]


def pod_block(pod: Json, now: float) -> Block:
    """``now`` in seconds since the epoch."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    block = Block()
    block.put("Name", metadata["name"])
    block.put("Namespace", metadata.get("namespace"))
    block.put("Priority", spec.get("priority"))
    block.put("Service Account", spec.get("serviceAccountName") or None)
    host = status.get("hostIP")
    block.put(
        "Node", f"{spec['nodeName']}/{host}" if spec.get("nodeName") and host else spec.get("nodeName") or "<none>"
    )
    block.put("Start Time", stamp(status.get("startTime")))
    block.append(("Labels", pairs(metadata.get("labels"))))
    block.append(("Annotations", pairs(metadata.get("annotations"), ": ")))
    deleted = stamp(metadata.get("deletionTimestamp"))
    if deleted is not None:
        block.put("Status", f"Terminating (until {deleted})")
        block.put("Termination Grace Period", f"{metadata.get('deletionGracePeriodSeconds')}s")
    else:
        block.put("Status", status.get("phase") or "Unknown")
    block.put("Reason", status.get("reason"))
    block.put("Message", status.get("message"))
    block.put("IP", status.get("podIP") or "<none>")
    block.append(("IPs", [each["ip"] for each in status.get("podIPs") or ()] or ["<none>"]))
    for title, specs, statuses in _CONTAINERS:
        if not spec.get(specs):
            continue
        known = {each.get("name"): each for each in status.get(statuses) or ()}
        below = Block()
        for container in spec[specs]:
            below.append((container["name"], container_block(container, known.get(container["name"]) or {}, now)))
        block.append((title, below))
    conditions = status.get("conditions") or ()
    if conditions:
        below = Block()
        for each in conditions:
            why = ": ".join(part for part in (each.get("reason"), each.get("message")) if part)
            below.put(each["type"], f"{each['status']}" + (f"   {why}" if why else ""))
        block.append(("Conditions", below))
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or ()]
    if gates:
        block.append(("Readiness Gates", gates))
    volumes = Block()
    for volume in spec.get("volumes") or ():
        volumes.append((volume["name"], _volume(volume)))
    block.append(("Volumes", volumes) if volumes else ("Volumes", "<none>"))
    block.put("QoS Class", status.get("qosClass"))
    block.put("Restart Policy", spec.get("restartPolicy"))
    block.put("Host Aliases", listing(each["ip"] for each in spec["hostAliases"]) if spec.get("hostAliases") else None)
    block.append(("Node-Selectors", pairs(spec.get("nodeSelector"))))
    block.append(("Tolerations", [_toleration(each) for each in spec.get("tolerations") or ()] or ["<none>"]))
    return block


_CONTAINERS: Final = (
    ("Init Containers", "initContainers", "initContainerStatuses"),
    ("Containers", "containers", "containerStatuses"),
    ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
)
_TYPES: Final = {
    "configMap": "ConfigMap (a volume populated by a ConfigMap)",
    "downwardAPI": "DownwardAPI (a volume populated by information about the pod)",
    "emptyDir": "EmptyDir (a temporary directory that shares a pod's lifetime)",
    "hostPath": "HostPath (bare host directory volume)",
    "projected": "Projected (a volume that contains injected data from multiple sources)",
    "secret": "Secret (a volume populated by a Secret)",
}


def _volume(volume: Json) -> Block:
    block = Block()
    kind = next((key for key in volume if key != "name"), "emptyDir")
    source = volume.get(kind) or {}
    block.put("Type", _TYPES.get(kind, kind))
    match kind:
        case "emptyDir":
            block.put("Medium", source.get("medium") or "")
            block.put("SizeLimit", source.get("sizeLimit") or "<unset>")
        case "hostPath":
            block.put("Path", source.get("path"))
            block.put("HostPathType", source.get("type") or "")
        case "configMap":
            block.put("Name", source.get("name"))
            block.put("Optional", str(bool(source.get("optional"))).lower())
        case "secret":
            block.put("SecretName", source.get("secretName"))
            block.put("Optional", str(bool(source.get("optional"))).lower())
        case _:
            for key, value in source.items():
                if isinstance(value, str | int | bool):
                    block.put(key, value)
    return block


def _toleration(each: Json) -> str:
    key = each.get("key") or ""
    value = f"={each['value']}" if each.get("value") else ""
    effect = f":{each['effect']}" if each.get("effect") else ""
    operator = " op=Exists" if each.get("operator") == "Exists" else ""
    seconds = f" for {each['tolerationSeconds']}s" if each.get("tolerationSeconds") is not None else ""
    return f"{key}{value}{effect}{operator}{seconds}".strip() or "<all>"
