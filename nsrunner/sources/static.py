"""Who a static pod is (kubelet-semantics 3.3, ``pkg/kubelet/config/common.go``)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from nsrunner.model.encoder import encode
from nsrunner.model.types import Pod, Toleration

__all__ = ["DIGEST", "HASH", "MIRROR", "PATH", "SEEN", "SOURCE", "full_name", "identity", "seen_at", "static_pod"]

HASH: Final = "kubernetes.io/config.hash"
SOURCE: Final = "kubernetes.io/config.source"
SEEN: Final = "kubernetes.io/config.seen"
MIRROR: Final = "kubernetes.io/config.mirror"
PATH: Final = "static.nsrunner.dev/path"
"""The file or URL that has the pod: the next daemon has to know it before it can read the manifest."""
DIGEST: Final = "static.nsrunner.dev/digest"
"""Of a manifest that has a uid of its own, which stays when the rest is edited."""


def static_pod(pod: Pod, *, node: str, source: str, path: str, seen: str) -> Pod:
    """The pod of a manifest as this node runs it. ``source`` is ``file`` or ``http``, ``path`` the file's path or the
    URL, ``seen`` the time in RFC 3339.

    The uid is a hash of the manifest and of where it is, unless the manifest has one: an edited manifest is another
    pod. (The kubelet hashes Go's dump of the object, so its uids are others.)
    """
    metadata = pod.metadata
    digest = _hash(pod, node, f"{source}:{path}")
    uid = metadata.uid or digest
    name = f"{metadata.name}-{node.lower()}"
    annotations: Mapping[str, str] = {**metadata.annotations, HASH: uid, SOURCE: source, SEEN: seen, PATH: path}
    if uid != digest:
        annotations = {**annotations, DIGEST: digest}
    spec = replace(pod.spec, node_name=node)
    if source == "file":
        tolerated = Toleration(operator="Exists", effect="NoExecute")
        if tolerated not in spec.tolerations:
            spec = replace(spec, tolerations=(*spec.tolerations, tolerated))
    metadata = replace(
        metadata, uid=uid, name=name, annotations=dict(annotations), generation=1, creation_timestamp=seen
    )
    return replace(pod, metadata=metadata, spec=spec)


def _hash(pod: Pod, node: str, where: str) -> str:
    plain = {key: value for key, value in encode(pod).items() if key != "status"}
    text = msgspec.json.encode(plain) + f"host:{node}{where}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def identity(pod: Pod) -> tuple[str, str]:
    """Two pods of one identity are the same: uid, and what of the manifest the uid does not say."""
    return pod.metadata.uid or "", pod.metadata.annotations.get(DIGEST, "")


def full_name(pod: Pod) -> tuple[str, str]:
    """Namespace and name: two pods of one full name never run at once."""
    return pod.metadata.namespace, pod.metadata.name


def seen_at(pod: Pod, seen: str) -> Pod:
    """The same pod, seen first at another time (RFC 3339)."""
    annotations = {**pod.metadata.annotations, SEEN: seen}
    return replace(pod, metadata=replace(pod.metadata, annotations=annotations, creation_timestamp=seen))
