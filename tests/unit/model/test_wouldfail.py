from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from nsrunner.model import would_fail
from nsrunner.model.environment import EnvironmentContext
from nsrunner.model.types import ConfigMap, Container, ObjectMeta, Pod, PodSpec, SecurityContext

MakePod = Callable[..., Pod]
BAD = '"Busybox"'
VOLUME = {"name": "v", "emptyDir": {}}


def mount(path: str, **more: Any) -> dict[str, Any]:
    return {"volumeMounts": [{"name": "v", "mountPath": path, **more}]}


def test_an_ordinary_pod_is_fine(make_pod: MakePod) -> None:
    pod = make_pod(
        {
            "image": "host",
            "command": ["sh", "-c", "a\nb\tc\x1b"],
            "env": [{"name": "A", "value": "a"}],
            "workingDir": "/x",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1,
                "capabilities": {"drop": ["ALL"], "add": ["CAP_KILL"]},
            },
            "volumeMounts": [
                {"name": "v", "mountPath": "/a"},
                {"name": "v", "mountPath": "/a/b", "subPathExpr": "$(A)/c"},
                {"name": "h", "mountPath": "/sys/fs/cgroup"},  # common in manifests of node agents
            ],
        },
        volumes=[VOLUME, {"name": "m", "emptyDir": {"medium": "Memory"}}, {"name": "h", "hostPath": {"path": "/x"}}],
        os={"name": "linux"},
        securityContext={"sysctls": [{"name": "net/ipv4/tcp_syncookies", "value": "1"}]},
        dnsConfig={"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]},
        nodeSelector={"kubernetes.io/os": "linux"},
    )
    assert would_fail(pod) == ()


@pytest.mark.parametrize(
    ("container", "spec", "field", "reason", "message"),
    [
        (
            {},
            {"os": {"name": "windows"}},
            "spec.os.name",
            "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS",
        ),
        (
            {},
            {"nodeSelector": {"kubernetes.io/os": "windows"}},
            "spec.nodeSelector[kubernetes.io/os]",
            "PodOSSelectorNodeLabelDoesNotMatch",
            "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        ),
        (
            {},
            {"securityContext": {"sysctls": [{"name": "kernel/msgmax", "value": "1"}]}},
            "spec.securityContext.sysctls[0].name",
            "SysctlForbidden",
            'forbidden sysctl: "kernel.msgmax" not allowlisted',
        ),
        (
            {},
            {"securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1\n2"}]}},
            "spec.securityContext.sysctls[0].value",
            "FailedCreatePodSandBox",
            'value "1\\n2" has control characters',
        ),
        (
            {},
            {"dnsConfig": {"options": [{"name": "a\nnameserver 6.6.6.6"}]}},
            "spec.dnsConfig.options[0].name",
            "FailedCreatePodSandBox",
            '"a\\nnameserver 6.6.6.6" has blanks or control characters',
        ),
        (
            {},
            {"dnsConfig": {"options": [{"name": "a", "value": "b c"}]}},
            "spec.dnsConfig.options[0].value",
            "FailedCreatePodSandBox",
            '"b c" has blanks or control characters',
        ),
        (
            {},
            {"volumes": [{"name": "v", "hostPath": {"path": "x"}}]},
            "spec.volumes[0].hostPath.path",
            "FailedMount",
            'hostPath "x" must be absolute',
        ),
        (
            {},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x\0"}}]},
            "spec.volumes[0].hostPath.path",
            "FailedMount",
            'hostPath "/x\\x00" has a NUL character',
        ),
        (
            {},
            {"volumes": [{"name": "v", "emptyDir": {"medium": "Floppy"}}]},
            "spec.volumes[0].emptyDir.medium",
            "FailedMount",
            'unknown storage medium "Floppy"',
        ),
        (
            {"image": "Busybox"},
            {},
            "spec.containers[0].image",
            "InvalidImageName",
            f"Failed to apply default image tag {BAD}: couldn't parse image name {BAD}: invalid reference format",
        ),
        (
            {"image": "rootfs:srv", "command": ["x"]},
            {},
            "spec.containers[0].image",
            "ErrImagePull",
            'image rootfs:srv: "rootfs:" must be followed by an absolute path, such as rootfs:/srv/root',
        ),
        (
            {"image": "rootfs:/srv/..", "command": ["x"]},
            {},
            "spec.containers[0].image",
            "ErrImagePull",
            "image rootfs:/srv/..: the host's own root is the image host",
        ),
        (
            {},
            {"hostname": "h" * 63, "subdomain": "sub", "setHostnameAsFQDN": True},
            "spec.setHostnameAsFQDN",
            "FailedCreatePodSandBox",
            f"FQDN {'h' * 63}.sub.default.svc.cluster.local is too long "
            "(64 characters is the max, 93 characters requested)",
        ),
        ({"image": "host"}, {}, "spec.containers[0].command", "CreateContainerError", "no command specified"),
        (
            {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}},
            {},
            "spec.containers[0].securityContext.runAsNonRoot",
            "CreateContainerConfigError",
            'container\'s runAsUser breaks non-root policy (pod: "web_default", container: main)',
        ),
        (
            {"securityContext": {"runAsUser": 0}},
            {"securityContext": {"runAsNonRoot": True, "runAsUser": 5}},
            "spec.containers[0].securityContext.runAsNonRoot",
            "CreateContainerConfigError",
            'container\'s runAsUser breaks non-root policy (pod: "web_default", container: main)',
        ),
        (
            {"image": "host", "args": ["x"], "securityContext": {"runAsNonRoot": True}},
            {},
            "spec.containers[0].securityContext.runAsNonRoot",
            "CreateContainerConfigError",
            'container has runAsNonRoot and image will run as root (pod: "web_default", container: main)',
        ),
        (
            {"securityContext": {"capabilities": {"add": ["KILL", "FLY"]}}},
            {},
            "spec.containers[0].securityContext.capabilities.add[1]",
            "CreateContainerError",
            'unknown capability "FLY"',
        ),
        (
            {"securityContext": {"capabilities": {"drop": ["FLY"]}}},
            {},
            "spec.containers[0].securityContext.capabilities.drop[0]",
            "CreateContainerError",
            'unknown capability "FLY"',
        ),
        (
            {"workingDir": "x"},
            {},
            "spec.containers[0].workingDir",
            "CreateContainerError",
            '"x" must be an absolute path',
        ),
        (
            {"terminationMessagePath": "x"},
            {},
            "spec.containers[0].terminationMessagePath",
            "CreateContainerError",
            '"x" must be an absolute path',
        ),
        (
            {"terminationMessagePath": "/a/.."},
            {},
            "spec.containers[0].terminationMessagePath",
            "CreateContainerError",
            '"/a/.." cannot be a file of the container\'s own',
        ),
        (
            {"terminationMessagePath": "//proc/message"},
            {},
            "spec.containers[0].terminationMessagePath",
            "CreateContainerError",
            '"//proc/message" cannot be a file of the container\'s own',
        ),
        (
            {"command": ["a", "b\0"]},
            {},
            "spec.containers[0].command[1]",
            "CreateContainerError",
            "a NUL character cannot be passed to a program",
        ),
        (
            {"args": ["\0"]},
            {},
            "spec.containers[0].args[0]",
            "CreateContainerError",
            "a NUL character cannot be passed to a program",
        ),
        (
            {"env": [{"name": "A", "value": "\0"}]},
            {},
            "spec.containers[0].env[0].value",
            "CreateContainerError",
            "a NUL character cannot be passed to a program",
        ),
        (
            {"workingDir": "/\0"},
            {},
            "spec.containers[0].workingDir",
            "CreateContainerError",
            "a NUL character cannot be passed to a program",
        ),
        (
            {"args": ["ä" * 65_536]},
            {},
            "spec.containers[0].args[0]",
            "RunContainerError",
            "longer than 131071 bytes: argument list too long",
        ),
        (
            {"env": [{"name": "NAME", "value": "x" * (131_071 - 4)}]},  # the equals sign is one too many
            {},
            "spec.containers[0].env[0].value",
            "RunContainerError",
            "longer than 131071 bytes: argument list too long",
        ),
        (
            mount("a"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].mountPath",
            "CreateContainerError",
            '"a" must be an absolute path',
        ),
        (
            mount("/a\0"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].mountPath",
            "CreateContainerError",
            '"/a\\x00" has a NUL character',
        ),
        (
            mount("/a/../b"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].mountPath",
            "CreateContainerError",
            "\"/a/../b\" must not contain '..'",
        ),
        (
            mount("//"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].mountPath",
            "CreateContainerError",
            '"//" would hide the container\'s root file system',
        ),
        (
            mount("/proc/sys"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].mountPath",
            "CreateContainerError",
            '"/proc/sys" is inside of /proc, which belongs to the kernel',
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "//a/./"}]},
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[1].mountPath",
            "CreateContainerError",
            '"//a/./" is the same place as "/a"',
        ),
        (
            mount("/a", subPath="x\0"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].subPath",
            "CreateContainerConfigError",
            '"x\\x00" has a NUL character',
        ),
        (
            mount("/a", subPathExpr="$(NO)"),
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].subPathExpr",
            "CreateContainerConfigError",
            'missing value for "NO"',
        ),
        (
            {"env": [{"name": "A", "value": "/x"}], **mount("/a", subPathExpr="$(A)")},
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].subPathExpr",
            "CreateContainerConfigError",
            '"/x" must be a relative path',
        ),
        (
            {"env": [{"name": "A", "value": ".."}], **mount("/a", subPathExpr="$(A)/b")},
            {"volumes": [VOLUME]},
            "spec.containers[0].volumeMounts[0].subPathExpr",
            "CreateContainerConfigError",
            "\"../b\" must not contain '..'",
        ),
    ],
)
def test_one_reason(
    make_pod: MakePod, container: dict[str, Any], spec: dict[str, Any], field: str, reason: str, message: str
) -> None:
    (found,) = would_fail(make_pod(container, **spec))
    assert (found.field, found.reason, found.message) == (field, reason, message)
    assert str(found) == f"{field}: {reason}: {message}"


@pytest.mark.parametrize(
    "spec",
    [
        {"hostname": "h" * 63, "subdomain": "sub"},
        {"hostname": "h" * 30, "subdomain": "sub", "setHostnameAsFQDN": True},
        {"hostname": "h" * 63, "subdomain": "sub", "setHostnameAsFQDN": True, "hostNetwork": True},
        {"hostname": "h" * 63, "setHostnameAsFQDN": True},
    ],
)
def test_names_that_the_kernel_can_hold(make_pod: MakePod, spec: dict[str, Any]) -> None:
    assert would_fail(make_pod(**spec)) == ()


@pytest.mark.parametrize(("length", "fails"), [(36, False), (37, True)])
def test_a_full_name_has_64_bytes_at_most(make_pod: MakePod, length: int, fails: bool) -> None:
    pod = make_pod(hostname="h" * length, subdomain="s", setHostnameAsFQDN=True)
    assert bool(would_fail(pod)) is fails
    assert would_fail(pod, cluster_domain="k8s") == ()


def test_a_long_pod_name_is_cut_to_a_host_name(make_pod: MakePod) -> None:
    pod = make_pod(subdomain="s", setHostnameAsFQDN=True)
    named = replace(pod, metadata=replace(pod.metadata, name="n" * 62 + "-" + "x" * 20))
    (found,) = would_fail(named)
    assert found.message.startswith(f"FQDN {'n' * 62}.s.default.svc.")


def test_the_longest_argument(make_pod: MakePod) -> None:
    longest = {"args": ["x" * 131_071], "env": [{"name": "NAME", "value": "x" * (131_071 - 5)}]}
    assert would_fail(make_pod(longest)) == ()


def test_init_containers_too(make_pod: MakePod) -> None:
    (found,) = would_fail(make_pod(initContainers=[{"name": "i", "image": "host"}]))
    assert found.field == "spec.initContainers[0].command"


def test_references_are_followed_only_with_a_context(make_pod: MakePod) -> None:
    source = {"configMapKeyRef": {"name": "m", "key": "k"}}
    pod = make_pod({"env": [{"name": "A", "valueFrom": source}], **mount("/a", subPathExpr="$(A)")}, volumes=[VOLUME])
    assert would_fail(pod) == ()
    (found,) = would_fail(pod, EnvironmentContext())
    assert str(found) == 'spec.containers[0].env: CreateContainerConfigError: configmaps "m" not found'
    config_map = ConfigMap(metadata=ObjectMeta(name="m"), data={"k": "x"})
    assert would_fail(pod, EnvironmentContext(config_maps={"m": config_map})) == ()


def test_a_user_that_only_the_image_knows(make_pod: MakePod) -> None:
    assert would_fail(make_pod({"securityContext": {"runAsNonRoot": True}})) == ()
    assert (
        would_fail(
            make_pod(
                {"securityContext": {"runAsNonRoot": False, "runAsUser": 0}}, securityContext={"runAsNonRoot": True}
            )
        )
        == ()
    )


def test_a_pod_that_never_met_defaults() -> None:
    context = SecurityContext(run_as_non_root=True, run_as_user=0)
    pod = Pod(spec=PodSpec(containers=(Container(name="a", image="x", security_context=context),)))
    (found,) = would_fail(pod)
    assert found.reason == "CreateContainerConfigError"


PORTS = {"ports": [{"containerPort": 80, "name": "http"}]}


@pytest.mark.parametrize("field", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_probe_of_a_port_that_the_container_does_not_have(make_pod: MakePod, field: str) -> None:
    """33.23: it is a prober error for ever."""
    for action in ("httpGet", "tcpSocket"):
        assert would_fail(make_pod({**PORTS, field: {action: {"port": "http"}}})) == ()
        assert would_fail(make_pod({**PORTS, field: {action: {"port": 81}}})) == ()
        (problem,) = would_fail(make_pod({**PORTS, field: {action: {"port": "https"}}}))
        assert str(problem) == (
            f'spec.containers[0].{field}.{action}.port: Unhealthy: the container has no port "https"; '
            "the probe can never be made"
        )


def test_hooks_that_always_fail(make_pod: MakePod) -> None:
    hook = {"postStart": {"tcpSocket": {"port": 80}}, "preStop": {"httpGet": {"port": "https"}}}
    assert [str(problem) for problem in would_fail(make_pod({**PORTS, "lifecycle": hook}))] == [
        "spec.containers[0].lifecycle.postStart.tcpSocket: PostStartHookError: "
        "a hook by tcpSocket is accepted and always fails",
        'spec.containers[0].lifecycle.preStop.httpGet.port: FailedPreStopHook: the container has no port "https"',
    ]
    fine = {"postStart": {"exec": {"command": ["x"]}}, "preStop": {"sleep": {"seconds": 1}}}
    assert would_fail(make_pod({"lifecycle": fine})) == ()
