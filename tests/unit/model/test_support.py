from __future__ import annotations

from typing import Any

import pytest

from nsrunner.model import Verdict, load
from nsrunner.model.path import ROOT
from nsrunner.model.support import _TABLE, verdicts
from nsrunner.model.types import (
    ConfigMap,
    Container,
    ContainerPort,
    ObjectMeta,
    Pod,
    PodSpec,
    Secret,
)

S, IGNORED, U = Verdict.SUPPORTED, Verdict.IGNORED, Verdict.UNSUPPORTED


def of(pod: Pod) -> dict[str, Verdict]:
    return {item.field: item.verdict for item in verdicts(pod)}


def test_the_table_names_fields_that_exist() -> None:
    for kind, rules in _TABLE.items():
        assert set(rules) <= set(kind.__struct_fields__), kind


def test_only_what_the_manifest_sets_is_listed() -> None:
    pod = Pod(metadata=ObjectMeta(name="web"), spec=PodSpec(containers=(Container(name="a", image="x", args=("y",)),)))
    assert of(pod) == {
        "metadata.name": S,
        "spec.containers[0].name": S,
        "spec.containers[0].image": S,
        "spec.containers[0].args": S,
    }


def test_the_path_may_start_elsewhere() -> None:
    (verdict,) = verdicts(ConfigMap(metadata=ObjectMeta(name="m")), (ROOT / "items")[3])
    assert verdict.field == "items[3].metadata.name"


@pytest.mark.parametrize(
    ("spec", "field", "verdict"),
    [
        ("hostNetwork: true", "spec.hostNetwork", S),
        ("hostUsers: true", "spec.hostUsers", S),
        ("hostUsers: false", "spec.hostUsers", U),
        ("affinity: {}", "spec.affinity", IGNORED),
        ("tolerations: [{operator: Exists}]", "spec.tolerations", IGNORED),
        ("nodeSelector: {a: b}", "spec.nodeSelector", IGNORED),
        ("topologySpreadConstraints: [{maxSkew: 1}]", "spec.topologySpreadConstraints", IGNORED),
        ("priorityClassName: x", "spec.priorityClassName", IGNORED),
        ("readinessGates: [{conditionType: x}]", "spec.readinessGates[0].conditionType", S),
        ("ephemeralContainers: [{name: x}]", "spec.ephemeralContainers[0].name", S),
        (
            "ephemeralContainers: [{name: x, targetContainerName: web}]",
            "spec.ephemeralContainers[0].targetContainerName",
            S,
        ),
        ("runtimeClassName: gvisor", "spec.runtimeClassName", U),
        ("schedulingGates: [{name: x}]", "spec.schedulingGates", U),
        ("os: {name: linux}", "spec.os.name", S),
        ("volumes: [{name: v, emptyDir: {}}]", "spec.volumes[0].emptyDir", S),
        ("volumes: [{name: v, emptyDir: {medium: Memory}}]", "spec.volumes[0].emptyDir.medium", S),
        ("volumes: [{name: v, emptyDir: {medium: HugePages-2Mi}}]", "spec.volumes[0].emptyDir.medium", U),
        ("volumes: [{name: v, hostPath: {path: /x}}]", "spec.volumes[0].hostPath.path", S),
        ("volumes: [{name: v, configMap: {name: x}}]", "spec.volumes[0].configMap", U),
        ("volumes: [{name: v, nfs: {server: a, path: /}}]", "spec.volumes[0].nfs", U),
        ("securityContext: {fsGroup: 1}", "spec.securityContext.fsGroup", U),
        ("securityContext: {runAsUser: 0}", "spec.securityContext.runAsUser", S),
        ("securityContext: {appArmorProfile: {type: Unconfined}}", "spec.securityContext.appArmorProfile.type", S),
        ("securityContext: {appArmorProfile: {type: RuntimeDefault}}", "spec.securityContext.appArmorProfile", U),
        ("containers: [{name: a, livenessProbe: {}}]", "spec.containers[0].livenessProbe", S),
        (
            "containers: [{name: a, readinessProbe: {grpc: {port: 1}}}]",
            "spec.containers[0].readinessProbe.grpc.port",
            S,
        ),
        ("containers: [{name: a, lifecycle: {}}]", "spec.containers[0].lifecycle", S),
        (
            "containers: [{name: a, lifecycle: {stopSignal: SIGUSR1}}]",
            "spec.containers[0].lifecycle.stopSignal",
            S,
        ),
        ("containers: [{name: a, restartPolicy: Never}]", "spec.containers[0].restartPolicy", S),
        ("initContainers: [{name: a, restartPolicy: Always}]", "spec.initContainers[0].restartPolicy", S),
        ("containers: [{name: a, resources: {limits: {cpu: 1}}}]", "spec.containers[0].resources.limits", IGNORED),
        ("containers: [{name: a, ports: [{containerPort: 1}]}]", "spec.containers[0].ports[0].containerPort", S),
        ("containers: [{name: a, ports: [{hostPort: 1}]}]", "spec.containers[0].ports[0].hostPort", U),
        ("containers: [{name: a, env: [{name: A, value: b}]}]", "spec.containers[0].env[0].value", S),
        (
            "containers: [{name: a, env: [{name: A, valueFrom: {fileKeyRef: {key: x}}}]}]",
            "spec.containers[0].env[0].valueFrom.fileKeyRef",
            U,
        ),
    ],
)
def test_verdicts(spec: str, field: str, verdict: Verdict) -> None:
    (document,) = load(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  {spec}\n".encode())
    found = {item.field: item for item in document.fields}
    assert found[field].verdict is verdict
    assert bool(found[field].note) is (verdict is not S)
    assert (field in [error.field for error in document.unsupported]) is (verdict is U)
    assert (field in [item.field for item in document.ignored]) is (verdict is IGNORED)


def test_host_ports_are_fine_on_the_hosts_network() -> None:
    port = ContainerPort(container_port=1, host_port=1)
    pod = Pod(spec=PodSpec(containers=(Container(name="a", ports=(port,)),), host_network=True))
    assert of(pod)["spec.containers[0].ports[0].hostPort"] is S


def test_an_unsupported_field_is_an_error_that_says_so() -> None:
    (verdict,) = (item for item in verdicts(Pod(spec=PodSpec(containers=(), host_users=False))) if item.verdict is U)
    assert str(verdict.error()) == "spec.hostUsers: Not supported: user namespaces are not supported yet"


@pytest.mark.parametrize("kind", [ConfigMap, Secret])
def test_immutable_objects(kind: Any) -> None:
    assert verdicts(kind(immutable=True))[0].verdict is IGNORED
