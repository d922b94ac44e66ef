"""Which pod and container a stream is about, and what its query says."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from nsrunner.api import errors
from nsrunner.api.ports import PodRef

__all__ = ["chosen_container", "container_spec", "flag", "reference"]

Json = dict[str, Any]

_MIRROR: Final = "kubernetes.io/config.mirror"
_DEFAULT: Final = "kubectl.kubernetes.io/default-container"
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")


def reference(pod: Json) -> PodRef:
    metadata = pod["metadata"]
    uid = (metadata.get("annotations") or {}).get(_MIRROR) or metadata["uid"]
    return PodRef(namespace=metadata["namespace"], name=metadata["name"], uid=uid)


def flag(request: web.Request, name: str) -> bool:
    """A boolean of the query; anything that is not true is false, as conversion of url.Values has it."""
    return request.query.get(name, "") in _TRUE


def container_spec(pod: Json, name: str) -> Json:
    """Of a container that the pod has."""
    return next(each for kind in _LISTS for each in pod["spec"].get(kind) or () if each["name"] == name)


def chosen_container(pod: Json, name: str) -> str:
    """The container that is meant; without a name the annotated one, or the only one. Raises ApiError (400)."""
    spec, pod_name = pod["spec"], pod["metadata"]["name"]
    by_kind = {kind: [each["name"] for each in spec.get(kind) or ()] for kind in _LISTS}
    everyone = [each for names in by_kind.values() for each in names]
    if name:
        if name not in everyone:
            raise errors.bad_request(f"container {name} is not valid for pod {pod_name}")
        return name
    annotated = (pod["metadata"].get("annotations") or {}).get(_DEFAULT)
    if annotated in everyone:
        return str(annotated)
    containers: list[str] = by_kind["containers"]
    if len(containers) == 1:
        return containers[0]
    message = f"a container name must be specified for pod {pod_name}, choose one of: [{' '.join(containers)}]"
    if by_kind["initContainers"]:
        message += f" or one of the init containers: [{' '.join(by_kind['initContainers'])}]"
    raise errors.bad_request(message)
