from __future__ import annotations

from typing import Any

import pytest

from nsrunner.model import qos_class

FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"cpu": "0", "memory": "0"}}], "BestEffort"),
        ([{"limits": {"ephemeral-storage": "1Gi"}}], "BestEffort"),
        ([{"limits": FULL}], "Guaranteed"),
        ([{"limits": FULL}, {"limits": FULL}], "Guaranteed"),
        ([{"limits": FULL}, {}], "Burstable"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": FULL, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"requests": {"cpu": "1m"}}], "Burstable"),
    ],
)
def test_class(make_pod: Any, containers: list[dict[str, Any]], expected: str) -> None:
    items = [{"name": f"c{index}", "image": "x", "resources": item} for index, item in enumerate(containers)]
    assert qos_class(make_pod(containers=items)) == expected


def test_init_containers_count(make_pod: Any) -> None:
    init = [{"name": "i", "image": "x"}]
    assert qos_class(make_pod({"resources": {"limits": FULL}}, initContainers=init)) == "Burstable"


def test_resources_of_the_pod_decide_alone(make_pod: Any) -> None:
    assert qos_class(make_pod(resources={"limits": FULL})) == "Guaranteed"
    assert qos_class(make_pod({"resources": {"limits": FULL}}, resources={})) == "BestEffort"
