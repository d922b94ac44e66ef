from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nsrunner.model.environment import (
    EnvironmentContext,
    ValueFromError,
    environment,
    expand_sub_path,
    resource_value,
)
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import (
    ConfigMap,
    Container,
    EnvVar,
    EnvVarSource,
    EphemeralContainer,
    ObjectFieldSelector,
    ObjectMeta,
    Pod,
    ResourceFieldSelector,
    Secret,
)

MakePod = Callable[..., Pod]

CONTEXT = EnvironmentContext(
    config_maps={"m": ConfigMap(metadata=ObjectMeta(name="m"), data={"k": "from map $(A)", "l": "2", "odd key": "3"})},
    secrets={"s": Secret(metadata=ObjectMeta(name="s"), data={"k": b"secret", "bin": b"\xff"})},
    node_name="node-1",
    host_ips=("192.168.0.1", "fd00::1"),
    pod_ips=("10.0.0.1", "fd00::2"),
    allocatable={"cpu": Quantity("3500m"), "memory": Quantity("8Gi")},
    services={"SVC_HOST": "10.1.1.1", "A": "service"},
)


def variables(make_pod: MakePod, container: dict[str, Any]) -> tuple[str, ...]:
    """Without those of the services."""
    pod = make_pod(container)
    everything = environment(pod, pod.spec.containers[0], CONTEXT)
    return tuple(item for item in everything if item not in ("SVC_HOST=10.1.1.1", "A=service"))


def one(make_pod: MakePod, source: dict[str, Any], **spec: Any) -> str:
    pod = make_pod({"env": [{"name": "X", "valueFrom": source}]}, **spec)
    return environment(pod, pod.spec.containers[0], CONTEXT)[0].removeprefix("X=")


def test_values_see_what_came_before(make_pod: MakePod) -> None:
    """kubelet-semantics 33.26."""
    env = [
        {"name": "A", "value": "a"},
        {"name": "B", "value": "$(A)-$(C)-$(SVC_HOST)-$$(A)"},
        {"name": "C", "value": "c"},
        {"name": "A", "value": "[$(A)]"},
        {"name": "EMPTY"},
    ]
    assert variables(make_pod, {"env": env}) == ("A=[a]", "B=a-$(C)-10.1.1.1-$(A)", "C=c", "EMPTY=")


def test_services_give_way(make_pod: MakePod) -> None:
    pod = make_pod({"env": [{"name": "SVC_HOST", "value": "mine"}]})
    assert environment(pod, pod.spec.containers[0], CONTEXT) == ("SVC_HOST=mine", "A=service")
    assert environment(make_pod(), make_pod().spec.containers[0], EnvironmentContext()) == ()


def test_whole_objects_with_prefixes(make_pod: MakePod) -> None:
    env_from = [
        {"configMapRef": {"name": "m"}},
        {"prefix": "S_", "secretRef": {"name": "s"}},
        {"secretRef": {"name": "s"}},
    ]
    assert variables(make_pod, {"envFrom": env_from}) == (
        "k=secret",
        "l=2",
        "odd key=3",
        "S_k=secret",
        "S_bin=\udcff",
        "bin=\udcff",
    )


def test_references_are_not_expanded(make_pod: MakePod) -> None:
    assert one(make_pod, {"configMapKeyRef": {"name": "m", "key": "k"}}) == "from map $(A)"
    assert one(make_pod, {"secretKeyRef": {"name": "s", "key": "k"}}) == "secret"


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmaps "no" not found'),
        ({"envFrom": [{"secretRef": {"name": "no"}}]}, 'secrets "no" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k"}}}]},
            'configmaps "no" not found',
        ),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]}, 'secrets "no" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "no"}}}]},
            "couldn't find key no in ConfigMap default/m",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}]},
            "couldn't find key no in Secret default/s",
        ),
    ],
)
def test_what_is_missing_is_an_error_unless_optional(
    make_pod: MakePod, container: dict[str, Any], message: str
) -> None:
    pod = make_pod(container)
    with pytest.raises(ValueFromError) as raised:
        environment(pod, pod.spec.containers[0], CONTEXT)
    assert str(raised.value) == message
    for source in container.get("envFrom", ()):
        next(iter(source.values()))["optional"] = True
    for variable in container.get("env", ()):
        next(iter(variable["valueFrom"].values()))["optional"] = True
    assert environment(make_pod(container), make_pod(container).spec.containers[0], EnvironmentContext()) == ()


def test_an_optional_reference_leaves_what_was_there(make_pod: MakePod) -> None:
    container = {
        "env": [
            {"name": "X", "value": "kept"},
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k", "optional": True}}},
        ]
    }
    pod = make_pod(container)
    assert environment(pod, pod.spec.containers[0], EnvironmentContext()) == ("X=kept",)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "default"),
        ("metadata.uid", ""),
        ("metadata.labels['no']", ""),
        ("metadata.annotations['no']", ""),
        ("spec.nodeName", "node-1"),
        ("spec.serviceAccountName", ""),
        ("status.hostIP", "192.168.0.1"),
        ("status.hostIPs", "192.168.0.1,fd00::1"),
        ("status.podIP", "10.0.0.1"),
        ("status.podIPs", "10.0.0.1,fd00::2"),
    ],
)
def test_fields_of_the_pod(make_pod: MakePod, path: str, value: str) -> None:
    assert one(make_pod, {"fieldRef": {"fieldPath": path}}) == value


def test_fields_that_the_manifest_gives() -> None:
    from nsrunner.model import load

    text = b"""
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: l}, annotations: {a.b/c: note}}
spec:
  nodeName: mine
  serviceAccountName: robot
  containers:
  - name: main
    image: x
    env:
    - {name: L, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: M, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['a.b/c']"}}}
    - {name: O, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: S, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
    - {name: P, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
"""
    pod = load(text)[0].object
    assert isinstance(pod, Pod)
    expected = ("L=l", "M=note", "O=mine", "S=robot", "P=")
    assert environment(pod, pod.spec.containers[0], EnvironmentContext()) == expected


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", None, "1"),
        ("limits.cpu", "1m", "500"),
        ("requests.cpu", "1m", "100"),
        ("limits.memory", "1Mi", "64"),
        ("limits.memory", None, str(64 << 20)),
        ("requests.memory", "1Gi", "1"),
        ("requests.ephemeral-storage", None, "0"),
        ("limits.ephemeral-storage", None, "0"),
    ],
)
def test_resources(make_pod: MakePod, resource: str, divisor: str | None, value: str) -> None:
    ref = {"resource": resource, **({"divisor": divisor} if divisor else {})}
    resources = {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "100m"}}
    pod = make_pod({"resources": resources, "env": [{"name": "X", "valueFrom": {"resourceFieldRef": ref}}]})
    assert environment(pod, pod.spec.containers[0], CONTEXT)[0] == f"X={value}"


def test_without_a_limit_the_pods_then_the_nodes(make_pod: MakePod) -> None:
    ref = {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}
    assert one(make_pod, ref) == "3500"
    assert one(make_pod, ref, resources={"limits": {"cpu": "2"}}) == "2000"
    assert one(make_pod, ref, resources={"limits": {"memory": "2Gi"}}) == "3500"


def test_of_another_container(make_pod: MakePod) -> None:
    pod = make_pod(initContainers=[{"name": "i", "image": "x", "resources": {"limits": {"cpu": "7"}}}])
    main = pod.spec.containers[0]
    ref = ResourceFieldSelector(resource="limits.cpu", container_name="i")
    assert resource_value(ref, pod, main, {}) == 7
    with pytest.raises(ValueFromError, match="container no not found"):
        resource_value(ResourceFieldSelector(resource="limits.cpu", container_name="no"), pod, main, {})
    debug = EphemeralContainer(name="d")
    assert resource_value(ResourceFieldSelector(resource="limits.cpu", container_name="d"), pod, debug, {}) == 0


def test_sources_that_are_not_there_yet(make_pod: MakePod) -> None:
    source = {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "K"}}
    with pytest.raises(ValueFromError, match="not supported yet"):
        one(make_pod, source, volumes=[{"name": "v"}])


def test_a_field_that_validation_would_not_let_through(make_pod: MakePod) -> None:
    source = EnvVarSource(field_ref=ObjectFieldSelector(field_path="metadata.labels"))
    container = Container(name="main", env=(EnvVar(name="X", value_from=source),))
    with pytest.raises(ValueFromError, match=r"unsupported fieldPath: metadata\.labels"):
        environment(make_pod(), container, CONTEXT)


def test_sub_path_expressions() -> None:
    assert expand_sub_path("$(A)/x/$$(B)", {"A": "a"}) == "a/x/$(B)"
    for missing in ({}, {"A": ""}):
        with pytest.raises(ValueFromError, match=r'^missing value for "A"$'):
            expand_sub_path("$(A)", missing)
