from __future__ import annotations

from nsrunner.model.aggregate import container_limits, container_requests
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import Container, PodSpec, ResourceRequirements


def container(name: str, cpu: str = "", restart: str | None = None, memory: str = "") -> Container:
    amounts = {key: Quantity(value) for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return Container(
        name=name, restart_policy=restart, resources=ResourceRequirements(requests=amounts, limits=amounts)
    )


def cpu(init: tuple[Container, ...], regular: tuple[Container, ...]) -> str:
    return str(container_requests(PodSpec(init_containers=init, containers=regular))["cpu"])


def test_regular_containers_and_sidecars_add_up() -> None:
    assert cpu((), (container("a", "1"), container("b", "500m"), container("c"))) == "1500m"
    assert cpu((container("s", "1", "Always"),), (container("a", "1"),)) == "2"


def test_an_init_container_counts_when_it_needs_more_than_the_rest() -> None:
    assert cpu((container("i", "3"), container("j", "2")), (container("a", "1"),)) == "3"
    assert cpu((container("i", "500m"),), (container("a", "1"),)) == "1"


def test_an_init_container_runs_beside_the_sidecars_before_it() -> None:
    sidecar = container("s", "1", "Always")
    assert cpu((sidecar, container("i", "3")), (container("a", "1"),)) == "4"
    assert cpu((container("i", "3"), sidecar), (container("a", "1"),)) == "3"
    assert cpu((sidecar, container("t", "5", "Always")), (container("a"),)) == "6"


def test_resources_are_independent() -> None:
    spec = PodSpec(containers=(container("a", "1"), container("b", memory="1Gi")))
    assert {name: str(item) for name, item in container_limits(spec).items()} == {"cpu": "1", "memory": "1Gi"}
    assert container_requests(PodSpec(containers=())) == {}
