"""The containers that a pod starts first: their worlds are built while its sandbox is made.

The shim holds each before its program until its start is asked for. So nothing is decided here: a start that never
comes, or comes with another plan, has only cost the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Final

from msgspec import Struct

from nsrunner.model.types import AnyContainer, Pod
from nsrunner.sandbox.records import SandboxCreated
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.supervisor.images import ImageProblem, find_image
from nsrunner.supervisor.plan import Node, plan_container
from nsrunner.supervisor.plan_types import ContainerPlan, SandboxPlan
from nsrunner.supervisor.ports import Sandbox
from nsrunner.supervisor.references import refers

__all__ = ["Preparations", "first_containers"]

_AT_MOST: Final = 8
"""Containers at once: more would take the processors from those that start first."""


class _Prepared(Struct, frozen=True):
    pod: Pod
    image: ImageRoot
    plan: ContainerPlan


def first_containers(pod: Pod) -> Iterator[AnyContainer]:
    """Those whose start does not depend on what another one of the pod has done by then: the first init container, or
    the regular ones as far as no postStart hook holds them up, and no subPath is to be what an earlier one makes it."""
    if pod.spec.init_containers:
        yield pod.spec.init_containers[0]
        return
    for index, container in enumerate(pod.spec.containers[:_AT_MOST]):
        if index == 0 or not any(mount.sub_path or mount.sub_path_expr for mount in container.volume_mounts):
            yield container
        if container.lifecycle is not None and container.lifecycle.post_start is not None:
            return


class Preparations:
    """What is prepared of one pod's first instances; of those that follow, :mod:`nsrunner.supervisor.foresight`."""

    def __init__(self, node: Node, *, fallback_host: bool) -> None:
        self._node = node
        self._fallback_host = fallback_host
        self._prepared: dict[str, _Prepared] = {}

    def create(self, id: int, pod: Pod, plan: SandboxPlan, sandbox: Sandbox) -> Awaitable[SandboxCreated]:
        """Asks for the sandbox, and right behind that has its first containers prepared. What cannot be planned now
        says why at its start."""
        self._prepared.clear()  # what an earlier sandbox was to start is not for this one
        creation = sandbox.create_sandbox(id, plan.spec)
        if plan.spec.attempt == 0:
            self._begin(pod, sandbox, plan)
        return creation

    def _begin(self, pod: Pod, sandbox: Sandbox, plan: SandboxPlan) -> None:
        for container in first_containers(pod):
            if refers(container):  # to objects, which are read when it starts
                continue
            try:
                prepared = self._plan(pod, container, plan)
            except Exception:  # noqa: BLE001, S112 - whatever it is, a bug too: the start says it
                continue
            if prepared is not None:
                self._prepared[container.name] = prepared
                sandbox.prepare_container(prepared.plan.spec)

    def image(self, container: AnyContainer) -> ImageRoot | ImageProblem:
        """The root that it gets. Looks at the disk, quickly."""
        node = self._node
        return find_image(
            container.image or "",
            container.image_pull_policy,
            facts=node.facts,
            roots=node.roots,
            fallback_host=self._fallback_host,
        )

    def _plan(self, pod: Pod, container: AnyContainer, sandbox: SandboxPlan) -> _Prepared | None:
        image = self.image(container)
        if isinstance(image, ImageProblem):
            return None
        plan = plan_container(pod, container.name, self._node, attempt=0, sandbox=sandbox, image=image)
        return _Prepared(pod, image, plan)

    def take(self, pod: Pod, container: str, attempt: int, image: ImageRoot) -> ContainerPlan | None:
        """The plan of a start that was prepared, if it still holds. Once."""
        prepared = self._prepared.pop(container, None)
        if prepared is None or attempt != 0 or prepared.pod is not pod or prepared.image != image:
            return None
        return prepared.plan
