"""Changes of a pod that exists, as the API allows them: further ephemeral containers, another image (kubelet-semantics
2.5, 24). Pure: the old pod in, the new one out."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from nsrunner.errors import ManifestError
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.path import ROOT, Path
from nsrunner.model.report import Report
from nsrunner.model.types import EphemeralContainer, Pod
from nsrunner.model.validate.ephemeral import check_ephemeral_update
from nsrunner.model.validate.update import check_update

__all__ = ["updated", "with_ephemeral"]


def with_ephemeral(pod: Pod, *containers: EphemeralContainer) -> Pod:
    """The pod with these ephemeral containers besides those that it has, with defaults, of the next generation.

    Raises ManifestError with everything that the API would refuse.
    """
    spec = replace(pod.spec, ephemeral_containers=(*pod.spec.ephemeral_containers, *containers))
    return _changed(pod, replace(pod, spec=spec), check_ephemeral_update)


def updated(old: Pod, new: Pod) -> Pod:
    """``new`` in place of ``old``, with defaults; of the next generation if its spec is another. Status and ephemeral
    containers are the old one's.

    Raises ManifestError with everything that the API would refuse.
    """
    spec = replace(new.spec, ephemeral_containers=old.spec.ephemeral_containers)
    return _changed(old, replace(new, spec=spec, status=old.status), check_update)


def _changed(old: Pod, new: Pod, check: Callable[[Pod, Pod, Path, Report], None]) -> Pod:
    new = apply_defaults(new, namespace=old.metadata.namespace)
    report = Report()
    check(old, new, ROOT, report)
    if report.errors:
        raise ManifestError(report.close(), kind="Pod", name=old.metadata.name)
    generation = (old.metadata.generation or 0) + (new.spec != old.spec)
    return replace(new, metadata=replace(new.metadata, generation=generation))
