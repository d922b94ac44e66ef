"""What is accepted is valid by the schema that Kubernetes publishes: kubernetes-validate is the oracle."""

from __future__ import annotations

import json
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsrunner.model import encode, load
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import ConfigMap, ObjectMeta, Pod, PodSpec, Secret
from nsrunner.model.validate import validate

VERSION = "1.36"


@pytest.mark.parametrize(
    "value",
    [
        Pod(spec=PodSpec(containers=())),
        ConfigMap(metadata=ObjectMeta(namespace="x")),
        Secret(metadata=ObjectMeta(namespace="x")),
    ],
)
def test_every_kind_is_checked(value: Pod | ConfigMap | Secret) -> None:
    report = Report()
    validate(value, ROOT, report)
    assert "metadata.name: Required value: name or generateName is required" in [str(error) for error in report.close()]


def agrees(value: dict[str, Any]) -> bool:
    """Whether the document is accepted; what is accepted must be valid by the schema, before and after defaults."""
    (document,) = load(json.dumps(value).encode())
    if document.errors or document.object is None:
        return False
    for accepted in (without_nulls(value), encode(document.object)):
        kubernetes_validate.validate(accepted, VERSION, strict=True)
    return True


def without_nulls(value: Any) -> Any:
    """A null field is an absent one; the schema of a quantity knows two kinds of null, and so accepts none."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


KITCHEN_SINK: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "ns", "labels": {"a": "b"}, "annotations": {"c": "d"}},
    "spec": {
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": 5,
        "activeDeadlineSeconds": 100,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["a.b"], "options": [{"name": "ndots", "value": "1"}]},
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["a"]}],
        "hostname": "h",
        "subdomain": "s",
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsUser": 1,
            "supplementalGroups": [2],
            "fsGroup": 3,
            "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}],
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
                }
            }
        },
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
        "overhead": {"cpu": "1m"},
        "os": {"name": "linux"},
        "initContainers": [{"name": "init", "image": "busybox:1", "restartPolicy": "Always"}],
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "command": ["sh"],
                "args": ["-c", "true"],
                "workingDir": "/",
                "ports": [{"containerPort": 80, "name": "http", "protocol": "UDP", "hostIP": "127.0.0.1"}],
                "env": [
                    {"name": "A", "value": "a"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                    {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k", "optional": True}}},
                    {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}}],
                "resources": {"limits": {"cpu": 1, "memory": "0.5Gi"}, "requests": {"cpu": 0.25}},
                "volumeMounts": [{"name": "dir", "mountPath": "/dir", "subPathExpr": "$(A)", "readOnly": True}],
                "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
                "readinessProbe": {"tcpSocket": {"port": 80}},
                "startupProbe": {"grpc": {"port": 80}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
                "securityContext": {"capabilities": {"add": ["KILL"], "drop": ["ALL"]}, "procMount": "Default"},
                "stdin": True,
                "tty": True,
            }
        ],
        "volumes": [
            {"name": "dir", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "host", "hostPath": {"path": "/x", "type": "Directory"}},
            {"name": "map", "configMap": {"name": "m", "items": [{"key": "k", "path": "p", "mode": 256}]}},
            {"name": "secret", "secret": {"secretName": "s", "defaultMode": 256}},
            {"name": "down", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        ],
    },
}


def test_a_pod_with_almost_everything() -> None:
    assert agrees(KITCHEN_SINK)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_other_kinds(kind: str) -> None:
    assert agrees({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "data": {"a": "YQ=="}})


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        inner += [(*path, key), *places(item, (*path, key))]
    return inner


PLACES = places(KITCHEN_SINK)
JUNK = st.sampled_from(
    [None, "", "x", "A_b", 0, -1, 1, 2**31, 2**63, 1.5, True, False, [], ["x"], [None], {}, {"x": 1}, {"name": "x"}]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK | st.just("<remove>")), min_size=1, max_size=3))
def test_whatever_is_changed_in_it_the_schema_agrees_with_what_is_accepted(changes: list[tuple[Any, Any]]) -> None:
    value = json.loads(json.dumps(KITCHEN_SINK))
    for path, junk in changes:
        place: Any = value
        try:
            for step in path[:-1]:
                place = place[step]
            if junk == "<remove>":
                del place[path[-1]]
            else:
                place[path[-1]] = json.loads(json.dumps(junk))  # a copy: a later change may go into it
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    agrees(value)
