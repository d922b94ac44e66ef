from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nsrunner.model import apply_defaults, encode
from nsrunner.model.types import ConfigMap, ObjectMeta, Pod, PodSecurityContext, Secret, Volume

MakePod = Callable[..., Pod]


def test_a_negative_grace_period_is_one_second(make_pod: MakePod) -> None:
    assert make_pod(terminationGracePeriodSeconds=-1).spec.termination_grace_period_seconds == 1


def test_pod(make_pod: MakePod) -> None:
    pod = make_pod()
    spec = pod.spec
    assert pod.metadata.namespace == "default"
    assert spec.restart_policy == "Always"
    assert spec.dns_policy == "ClusterFirst"
    assert spec.termination_grace_period_seconds == 30
    assert spec.scheduler_name == "default-scheduler"
    assert spec.security_context == PodSecurityContext()
    assert spec.enable_service_links is True
    assert spec.host_users is None
    assert spec.share_process_namespace is None


def test_what_is_given_stays(make_pod: MakePod) -> None:
    spec = make_pod(
        restartPolicy="Never",
        terminationGracePeriodSeconds=0,
        enableServiceLinks=False,
        dnsPolicy="Default",
        schedulerName="x",
        securityContext={"runAsUser": 1},
    ).spec
    assert spec.restart_policy == "Never"
    assert spec.termination_grace_period_seconds == 0
    assert spec.enable_service_links is False
    assert spec.dns_policy == "Default"
    assert spec.security_context is not None
    assert spec.security_context.run_as_user == 1


def test_the_old_name_of_the_service_account(make_pod: MakePod) -> None:
    for given in (
        {"serviceAccount": "a"},
        {"serviceAccountName": "a"},
        {"serviceAccountName": "a", "serviceAccount": "b"},
    ):
        spec = make_pod(**given).spec
        assert (spec.service_account_name, spec.service_account) == ("a", "a")


@pytest.mark.parametrize(
    ("image", "policy"),
    [("busybox", "Always"), ("busybox:latest", "Always"), ("busybox:1", "IfNotPresent"), ("host", "Always")],
)
def test_pull_policy(make_pod: MakePod, image: str, policy: str) -> None:
    assert make_pod({"image": image}).spec.containers[0].image_pull_policy == policy
    assert make_pod({"image": image, "imagePullPolicy": "Never"}).spec.containers[0].image_pull_policy == "Never"


def test_container(make_pod: MakePod) -> None:
    container = make_pod({"ports": [{"containerPort": 80}]}).spec.containers[0]
    assert container.termination_message_path == "/dev/termination-log"
    assert container.termination_message_policy == "File"
    assert (container.ports[0].protocol, container.ports[0].host_port) == ("TCP", 0)
    assert container.security_context is None
    assert container.restart_policy is None


def test_host_ports_follow_with_the_hosts_network(make_pod: MakePod) -> None:
    spec = make_pod(
        {"ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]},
        hostNetwork=True,
        initContainers=[{"name": "i", "image": "x", "ports": [{"containerPort": 82}]}],
    ).spec
    assert [port.host_port for port in spec.containers[0].ports] == [80, 81]
    assert spec.init_containers[0].ports[0].host_port == 82


def test_probes_and_hooks(make_pod: MakePod) -> None:
    container = make_pod(
        {
            "livenessProbe": {"httpGet": {"port": 1}, "periodSeconds": 0, "timeoutSeconds": 7},
            "readinessProbe": {"grpc": {"port": 1}},
            "startupProbe": {"tcpSocket": {"port": 1}},
            "lifecycle": {"postStart": {"httpGet": {"port": 1}}},
        }
    ).spec.containers[0]
    live, ready = container.liveness_probe, container.readiness_probe
    assert live is not None
    assert live.http_get is not None
    assert (live.http_get.path, live.http_get.scheme) == ("/", "HTTP")
    numbers = (live.timeout_seconds, live.period_seconds, live.success_threshold, live.failure_threshold)
    assert numbers == (7, 10, 1, 3)
    assert ready is not None
    assert ready.grpc is not None
    assert ready.grpc.service == ""
    assert (ready.timeout_seconds, ready.period_seconds, ready.initial_delay_seconds) == (1, 10, 0)
    assert (ready.success_threshold, ready.failure_threshold) == (1, 3)
    assert ready.termination_grace_period_seconds is None
    assert container.lifecycle is not None
    assert container.lifecycle.post_start is not None
    assert container.lifecycle.post_start.http_get is not None
    assert container.lifecycle.post_start.http_get.path == "/"
    assert container.lifecycle.pre_stop is None


def test_requests_follow_limits_and_are_rounded(make_pod: MakePod) -> None:
    resources = (
        make_pod({"resources": {"limits": {"cpu": "0.0001", "memory": "1Gi"}, "requests": {"memory": "1Mi"}}})
        .spec.containers[0]
        .resources
    )
    assert {name: str(item) for name, item in resources.requests.items()} == {"memory": "1Mi", "cpu": "1m"}
    assert str(resources.limits["cpu"]) == "1m"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"cpu": "2"}}, {"cpu": "100m"}),
        ({"limits": {"cpu": "2", "memory": "1Gi"}}, {"cpu": "100m", "memory": "1Gi"}),
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}, {"cpu": "1"}),
        ({"limits": {"hugepages-2Mi": "4Mi", "cpu": "1"}}, {"cpu": "100m", "hugepages-2Mi": "4Mi"}),
        ({"requests": {"cpu": "1"}}, {"cpu": "1"}),
        ({}, {}),
    ],
)
def test_resources_of_the_pod(make_pod: MakePod, resources: dict[str, Any], expected: dict[str, str]) -> None:
    pod = make_pod({"resources": {"requests": {"cpu": "100m"}}}, resources=resources)
    assert pod.spec.resources is not None
    assert {name: str(item) for name, item in pod.spec.resources.requests.items()} == expected


def test_volumes(make_pod: MakePod) -> None:
    token = {"serviceAccountToken": {"path": "t"}}
    down = {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}
    volumes = {
        volume.name: volume
        for volume in make_pod(
            volumes=[
                {"name": "none"},
                {"name": "dir", "emptyDir": {"sizeLimit": "1.0001"}},
                {"name": "path", "hostPath": {"path": "/x"}},
                {"name": "secret", "secret": {"secretName": "s"}},
                {"name": "map", "configMap": {"name": "m", "defaultMode": 256}},
                {"name": "down", "downwardAPI": down},
                {"name": "all", "projected": {"sources": [token, {"downwardAPI": down}]}},
                {"name": "image", "image": {"reference": "a:1"}},
            ]
        ).spec.volumes
    }
    assert encode(volumes["none"]) == {"name": "none", "emptyDir": {}}
    assert encode(volumes["dir"])["emptyDir"] == {"sizeLimit": "1001m"}
    assert encode(volumes["path"])["hostPath"] == {"path": "/x", "type": ""}
    assert encode(volumes["secret"])["secret"] == {"secretName": "s", "defaultMode": 0o644}
    assert encode(volumes["map"])["configMap"] == {"name": "m", "defaultMode": 0o400}
    item = {"path": "l", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels"}}
    assert encode(volumes["down"])["downwardAPI"] == {"items": [item], "defaultMode": 0o644}
    assert encode(volumes["all"])["projected"] == {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}},
            {"downwardAPI": {"items": [item]}},
        ],
        "defaultMode": 0o644,
    }
    assert encode(volumes["image"])["image"] == {"reference": "a:1", "pullPolicy": "IfNotPresent"}


def test_references_in_the_environment(make_pod: MakePod) -> None:
    env = (
        make_pod(
            {
                "env": [
                    {"name": "A", "value": "a"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "C", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "K"}}},
                ]
            },
            volumes=[{"name": "v"}],
        )
        .spec.containers[0]
        .env
    )
    assert env[1].value_from is not None
    assert env[1].value_from.field_ref is not None
    assert env[1].value_from.field_ref.api_version == "v1"
    assert env[2].value_from is not None
    assert env[2].value_from.file_key_ref is not None
    assert env[2].value_from.file_key_ref.optional is False


def test_secret_and_config_map() -> None:
    secret = apply_defaults(
        Secret(metadata=ObjectMeta(name="s"), data={"a": b"old", "b": b"b"}, string_data={"a": "ä"}), namespace="ns"
    )
    assert secret.type == "Opaque"
    assert secret.data == {"a": "ä".encode(), "b": b"b"}
    assert secret.string_data == {}
    assert secret.metadata.namespace == "ns"
    assert (
        apply_defaults(ConfigMap(metadata=ObjectMeta(name="m", namespace="own")), namespace="ns").metadata.namespace
        == "own"
    )


def test_twice_is_once(make_pod: MakePod) -> None:
    pod = make_pod(
        {
            "resources": {"limits": {"cpu": "1"}},
            "livenessProbe": {"exec": {"command": ["x"]}},
            "ports": [{"containerPort": 1}],
        },
        volumes=[{"name": "v"}],
        resources={"limits": {"cpu": "2"}},
        hostNetwork=True,
    )
    assert apply_defaults(pod) == pod


def test_a_volume_with_a_source_gets_no_other() -> None:
    assert Volume(name="v").empty_dir is None
