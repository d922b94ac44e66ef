"""A copy of a pod to look into: ``kubectl debug --copy-to``. Pure: a pod in, another out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from nsrunner.errors import ManifestError
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import Container, ObjectMeta, Pod, PodStatus
from nsrunner.model.validate import validate

__all__ = ["debug_copy"]


def debug_copy(
    pod: Pod,
    name: str,
    *,
    container: str = "",
    command: Sequence[str] = (),
    images: Mapping[str, str] | None = None,
    add: Container | None = None,
    share_process_namespace: bool = True,
    keep_labels: bool = False,
    keep_annotations: bool = False,
    keep_probes: bool = False,
) -> Pod:
    """The pod under another name, as one would run it to find out why it does not work.

    ``command`` replaces command and arguments of ``container`` (empty: the first one); ``images`` gives other images by
    name of the container, ``*`` for all; ``add`` is one more container. The containers see each other's processes.
    Probes, labels and annotations are left out, so that nothing restarts the copy, or takes it for the original; so are
    ephemeral containers, the status, and what the system has set.

    Raises ManifestError with everything that the API would refuse, such as the name of a container that does not exist.
    """
    report = Report()
    target = container or pod.spec.containers[0].name
    names = [each.name for each in pod.spec.containers]
    wanted = images or {}
    for known in (target, *(image for image in wanted if image != "*")):
        if known not in names:
            report.not_found(ROOT / "spec" / "containers", known)
    containers = tuple(
        _changed(each, command if each.name == target else (), wanted, keep_probes) for each in pod.spec.containers
    )
    copy = Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=pod.metadata.namespace,
            labels=pod.metadata.labels if keep_labels else {},
            annotations=pod.metadata.annotations if keep_annotations else {},
        ),
        spec=replace(
            pod.spec,
            containers=containers if add is None else (*containers, add),
            init_containers=pod.spec.init_containers
            if keep_probes
            else tuple(_without_probes(each) for each in pod.spec.init_containers),
            ephemeral_containers=(),
            share_process_namespace=share_process_namespace,
            node_name=None,
        ),
        status=PodStatus(),
    )
    copy = apply_defaults(copy)
    validate(copy, ROOT, report)
    if report.errors:
        raise ManifestError(report.close(), kind="Pod", name=name)
    return copy


def _changed(container: Container, command: Sequence[str], images: Mapping[str, str], keep_probes: bool) -> Container:
    image = images.get(container.name) or images.get("*")
    if image is not None:
        # Whether it is pulled is decided anew: by its tag.
        container = replace(container, image=image, image_pull_policy="")
    if command:
        container = replace(container, command=tuple(command), args=())
    return container if keep_probes else _without_probes(container)


def _without_probes(container: Container) -> Container:
    return replace(container, liveness_probe=None, readiness_probe=None, startup_probe=None)
