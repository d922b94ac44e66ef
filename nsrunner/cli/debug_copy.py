"""``debug --copy-to``: the manifest of a copy of a pod."""

from __future__ import annotations

import argparse
from typing import Any, Final

from ..errors import UsageError
from .parser import Misuse

__all__ = ["copied"]

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def copied(pod: dict[str, Any], options: argparse.Namespace, added: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The container that is looked at, and the copy: without labels, so that nothing takes it for the original, and
    without probes, so that nothing restarts what one looks at. Raises UsageError, Misuse."""
    spec = {key: value for key, value in pod["spec"].items() if key not in ("ephemeralContainers", "nodeName")}
    images = _images(options.set_image)
    containers = [_changed(each, images) for each in spec["containers"]]
    spec["initContainers"] = [_changed(each, images) for each in spec.get("initContainers") or ()]
    names = {each["name"] for each in (*containers, *spec["initContainers"])}
    unknown = sorted(set(images) - names - {"*"})
    if unknown:
        raise UsageError(f'unable to find container "{unknown[0]}"; there is {", ".join(sorted(names))}')
    name = options.container
    existing = next((each for each in containers if each["name"] == name), None)
    if existing is not None:
        for key in ("image", "stdin", "tty"):
            if added.get(key):
                existing[key] = added[key]
        if options.command:
            existing["command"] = options.command
            existing.pop("args", None)
    elif options.image:
        name = added["name"]
        containers.append(added)
    elif options.command or name:
        raise UsageError(f'unable to find container "{name}"; there is {", ".join(sorted(names))}')
    else:
        name = containers[0]["name"]
    spec["containers"] = containers
    if not spec["initContainers"]:
        del spec["initContainers"]
    if options.share_processes:
        spec["shareProcessNamespace"] = True
    annotations = {
        key: value
        for key, value in (pod["metadata"].get("annotations") or {}).items()
        if not key.startswith(("kubernetes.io/config.", "kubectl.kubernetes.io/last-applied"))
    }
    metadata = {"name": options.copy_to, "namespace": options.namespace, "annotations": annotations}
    return name, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _changed(container: dict[str, Any], images: dict[str, str]) -> dict[str, Any]:
    kept = {key: value for key, value in container.items() if key not in _PROBES}
    image = images.get(container["name"]) or images.get("*")
    return {**kept, "image": image} if image else kept


def _images(words: list[str]) -> dict[str, str]:
    images = {}
    for word in (part for each in words for part in each.split(",")):
        name, equals, image = word.partition("=")
        if not equals or not name or not image:
            raise Misuse(f"invalid argument {word}: --set-image takes NAME=IMAGE")
        images[name] = image
    return images
