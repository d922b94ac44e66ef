"""Plans from pods: what a manifest asks for is what the sandbox is told."""

from __future__ import annotations

import json
import resource
from typing import Any

import pytest

from nsrunner.model import load
from nsrunner.model.types import ConfigMap, ObjectMeta, Pod, Secret
from nsrunner.sandbox import security
from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.seccomp_error import ProfileError
from nsrunner.sandbox.seccomp_store import Program
from nsrunner.sandbox.spec import (
    BindMount,
    EmptyDir,
    HostPath,
    MemoryDir,
    Namespaces,
    Owner,
    RootSpec,
)
from nsrunner.sandbox.state import Roots
from nsrunner.sandbox.users import Users
from nsrunner.supervisor.plan import (
    ConfigError,
    ContainerPlan,
    CreateError,
    Node,
    SandboxPlan,
    admit,
    container_id,
    plan_container,
    plan_exec,
    plan_sandbox,
)

OWNER = Owner(kind="process", pid=10, start_time=20)
HELD = security.ALL
UID = "8c5a4b1e-0000-4000-8000-000000000001"


def facts(**changes: Any) -> HostFacts:
    values: dict[str, Any] = {
        "hostname": "node-a",
        "ips": ("198.51.100.7",),
        "kernel": (6, 1),
        "machine": "x86_64",
        "capabilities": HELD,
        "uid": 0,
        "cgroup": "/sys/fs/cgroup",
        "controllers": (),
        "device_filter": True,
        "submounts": (),
        "masked_paths": security.MASKED_PATHS,
        "cpus": 4,
        "memory": 8 << 30,
        "oom_score_adj": 0,
        "rlimits": (
            (resource.RLIMIT_NOFILE, 4096, 20000),
            (resource.RLIMIT_CORE, -1, -1),
            (resource.RLIMIT_AS, -1, -1),
        ),
        "resolv_conf": b"nameserver 203.0.113.1\nsearch example.com\n",
        "hosts": b"127.0.0.1 localhost\n",
    }
    return HostFacts(**{**values, **changes})


def fake_seccomp(localhost: str, host: HostFacts, roots: Roots, capabilities: int) -> Program:
    if localhost == "missing.json":
        raise ProfileError("cannot load seccomp profile")
    return Program(f"{localhost or 'default'} {capabilities:x}".encode(), 4)


def node(*, host: HostFacts | None = None, **changes: Any) -> Node:
    return Node(facts=host or facts(), roots=Roots(), seccomp=fake_seccomp, **changes)


IMAGE = ImageRoot(image="host", root=RootSpec(lower="/"))


def pod(spec: dict[str, Any], **metadata: Any) -> Pod:
    """Through the whole front door, so that defaults are those of the API."""
    spec = {"containers": [{"name": "main", "image": "host", "command": ["sleep"]}], **spec}
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", **metadata}, "spec": spec}
    (document,) = load(json.dumps(data).encode(), "test")
    assert isinstance(document.object, Pod), document.errors
    loaded = document.object
    from msgspec.structs import replace

    return replace(loaded, metadata=replace(loaded.metadata, uid=UID, namespace="default"))


def container(fields: dict[str, Any], **spec: Any) -> Pod:
    return pod({"containers": [{"name": "main", "image": "host", "command": ["sleep"], **fields}], **spec})


def sandbox(of: Pod, where: Node | None = None, attempt: int = 0) -> SandboxPlan:
    return plan_sandbox(of, where or node(), owner=OWNER, attempt=attempt)


def start(
    of: Pod, where: Node | None = None, *, image: ImageRoot = IMAGE, attempt: int = 0, **more: Any
) -> ContainerPlan:
    where = where or node()
    return plan_container(of, "main", where, attempt=attempt, sandbox=sandbox(of, where), image=image, **more)


# --- admission --------------------------------------------------------------------------------------------------------


def test_an_ordinary_pod_is_admitted() -> None:
    assert admit(pod({}), node()) is None


def test_another_os_is_refused() -> None:
    rejection = admit(pod({"os": {"name": "windows"}}), node())
    assert rejection is not None
    assert rejection.reason == "PodOSNotSupported"
    assert rejection.message == "Failed to admit pod as the OS field doesn't match node OS"


def test_another_os_label_is_refused() -> None:
    rejection = admit(pod({"nodeSelector": {"kubernetes.io/os": "windows"}}), node())
    assert rejection is not None
    assert rejection.reason == "PodOSSelectorNodeLabelDoesNotMatch"


@pytest.mark.parametrize("name", ["net.core.somaxconn", "kernel.msgmax", "net/core/somaxconn"])
def test_unsafe_sysctls_are_refused(name: str) -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": name, "value": "1"}]}})
    rejection = admit(asking, node())
    assert rejection is not None
    assert (rejection.reason, rejection.message) == ("SysctlForbidden", f'forbidden sysctl: "{name}" not allowlisted')


def test_the_node_may_allow_more_sysctls() -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}})
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.*",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core.somaxconn",))) is None
    assert admit(asking, node(allowed_unsafe_sysctls=("net.core",))) is not None


# --- the sandbox ------------------------------------------------------------------------------------------------------


def test_the_sandbox_of_an_ordinary_pod() -> None:
    plan = sandbox(pod({}), attempt=2)
    spec = plan.spec
    assert (spec.uid, spec.attempt, spec.owner) == (UID, 2, OWNER)
    assert spec.namespaces == Namespaces(network="pod", ipc="pod", pid="container")
    assert spec.paths.run == f"/run/nsrunner/pods/{UID}"
    assert spec.paths.logs == f"/var/log/pods/default_web_{UID}"
    assert spec.cgroup == f"/sys/fs/cgroup/nsrunner/{UID}"
    assert (spec.hostname, spec.address) == ("web", "192.0.2.1/32")
    assert plan.pod_ips == ("192.0.2.1",)
    assert plan.hostname == "web"
    assert dict(spec.sysctls) == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }
    assert {file.target: file.content for file in spec.files}["/etc/hostname"] == b"web\n"
    assert plan.warnings == ()


def test_host_namespaces() -> None:
    plan = sandbox(pod({"hostNetwork": True, "hostPID": True, "hostIPC": True}))
    assert plan.spec.namespaces == Namespaces(network="host", ipc="host", pid="host")
    assert (plan.spec.hostname, plan.spec.address, plan.spec.sysctls) == ("", "", ())
    assert plan.pod_ips == ("198.51.100.7",)
    assert plan.hostname == "node-a"
    hosts = {file.name: file.content for file in plan.spec.files}["hosts"]
    assert hosts == b"# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"


def test_a_shared_pid_namespace() -> None:
    assert sandbox(pod({"shareProcessNamespace": True})).spec.namespaces.pid == "pod"


@pytest.mark.parametrize(
    ("spec", "name", "hostname", "hosts_line"),
    [
        ({}, "web", "web", b"192.0.2.1\tweb\n"),
        ({"hostname": "db"}, "web", "db", b"192.0.2.1\tdb\n"),
        (
            {"hostname": "db", "subdomain": "sub"},
            "web",
            "db",
            b"192.0.2.1\tdb.sub.default.svc.cluster.local\tdb\n",
        ),
        (
            {"subdomain": "sub", "setHostnameAsFQDN": True},
            "web",
            "web.sub.default.svc.cluster.local",
            b"192.0.2.1\tweb.sub.default.svc.cluster.local\tweb\n",
        ),
        ({"hostnameOverride": "other.example.org"}, "web", "other.example.org", b"192.0.2.1\tother.example.org\n"),
        ({}, "a" * 62 + ".b", "a" * 62, b"192.0.2.1\t" + b"a" * 62 + b"\n"),
        ({}, "a" * 70, "a" * 63, b"192.0.2.1\t" + b"a" * 63 + b"\n"),
    ],
)
def test_host_names(spec: dict[str, Any], name: str, hostname: str, hosts_line: bytes) -> None:
    plan = sandbox(pod(spec, name=name))
    assert plan.spec.hostname == hostname
    hosts = {file.name: file.content for file in plan.spec.files}["hosts"]
    assert hosts.endswith(hosts_line)


def test_a_full_name_that_the_kernel_cannot_hold() -> None:
    with pytest.raises(CreateError, match=r"is too long \(64 characters is the max, \d+ characters requested\)"):
        sandbox(pod({"subdomain": "s" * 40, "setHostnameAsFQDN": True}))


def resolv_conf(plan: SandboxPlan) -> bytes:
    return {file.name: file.content for file in plan.spec.files}["resolv.conf"]


@pytest.mark.parametrize(
    ("spec", "dns", "expected"),
    [
        ({}, (), b"search example.com\nnameserver 203.0.113.1\n"),
        ({"dnsPolicy": "Default"}, ("10.0.0.10",), b"search example.com\nnameserver 203.0.113.1\n"),
        (
            {},
            ("10.0.0.10",),
            (
                b"search default.svc.cluster.local svc.cluster.local cluster.local example.com\n"
                b"nameserver 10.0.0.10\noptions ndots:5\n"
            ),
        ),
        ({"hostNetwork": True}, ("10.0.0.10",), b"search example.com\nnameserver 203.0.113.1\n"),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["9.9.9.9"], "options": [{"name": "edns0"}]}},
            (),
            b"nameserver 9.9.9.9\noptions edns0\n",
        ),
    ],
)
def test_dns_policies(spec: dict[str, Any], dns: tuple[str, ...], expected: bytes) -> None:
    assert resolv_conf(sandbox(pod(spec), node(cluster_dns=dns))) == expected


def test_missing_cluster_dns_is_told_where_it_was_asked_for() -> None:
    plan = sandbox(pod({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}))
    assert [warning.reason for warning in plan.warnings] == ["MissingClusterDNS"]


def test_too_many_name_servers_are_told() -> None:
    host = facts(resolv_conf=b"".join(b"nameserver 203.0.113.%d\n" % number for number in range(5)))
    plan = sandbox(pod({"dnsPolicy": "Default"}), node(host=host))
    assert [warning.reason for warning in plan.warnings] == ["DNSConfigForming"]
    assert resolv_conf(plan).count(b"nameserver") == 3


def test_sysctls_of_the_pod_win_over_the_defaults() -> None:
    asking = pod({"securityContext": {"sysctls": [{"name": "net/ipv4/ip_unprivileged_port_start", "value": "1024"}]}})
    assert dict(sandbox(asking).spec.sysctls)["net.ipv4.ip_unprivileged_port_start"] == "1024"


def test_volumes() -> None:
    asking = pod(
        {
            "volumes": [
                {"name": "a", "emptyDir": {}},
                {"name": "b", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                {"name": "c", "emptyDir": {"medium": "Memory"}},
                {"name": "d", "hostPath": {"path": "/srv", "type": "Directory"}},
                {"name": "e", "hostPath": {"path": "/srv/e"}},
                {"name": "f"},
            ]
        }
    )
    assert sandbox(asking).spec.volumes == (
        EmptyDir(name="a"),
        MemoryDir(name="b", size=1 << 20),
        MemoryDir(name="c", size=8 << 30),
        HostPath(name="d", path="/srv", type="Directory"),
        HostPath(name="e", path="/srv/e"),
        EmptyDir(name="f"),
    )


def test_a_memory_volume_is_no_larger_than_the_node() -> None:
    asking = pod({"volumes": [{"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "1Ti"}}]})
    assert sandbox(asking).spec.volumes == (MemoryDir(name="a", size=8 << 30),)


def test_limits_that_nothing_enforces_are_told() -> None:
    asking = container(
        {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
        volumes=[{"name": "d", "emptyDir": {"sizeLimit": "1Gi"}}],
    )
    warnings = sandbox(asking).warnings
    assert [warning.message for warning in warnings] == [
        "the limits of container main are not enforced: cpu, memory",
        "the sizeLimit of volume d is not enforced on a disk",
    ]
    assert warnings[0].container == "main"


def test_a_host_without_cgroups() -> None:
    plan = sandbox(pod({}), node(host=facts(cgroup="", device_filter=False)))
    assert plan.spec.cgroup == ""
    assert [warning.reason for warning in plan.warnings] == ["NoCgroup"]


def test_pause_is_no_more_protected_than_we_may_make_it() -> None:
    held = HELD & ~security.mask(("SYS_RESOURCE",))
    plan = sandbox(pod({}), node(host=facts(capabilities=held, oom_score_adj=100)))
    assert plan.spec.pause_oom_score_adj == 100
    assert sandbox(pod({})).spec.pause_oom_score_adj == -998


# --- a container ------------------------------------------------------------------------------------------------------


def test_the_plan_of_an_ordinary_container() -> None:
    spec = start(container({"args": ["1"]}), attempt=3).spec
    assert (spec.name, spec.attempt) == ("main", 3)
    assert spec.argv == ("sleep", "1")
    assert spec.cwd == "/"
    assert spec.env == ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=web")
    assert spec.id == container_id(UID, "main", 3, 0)
    assert len(spec.id) == 64
    assert spec.log is not None
    assert spec.log.directory == f"/var/log/pods/default_web_{UID}/main"
    assert spec.log.file == "3.log"
    assert spec.log.link == f"/var/log/containers/web_default_main-{spec.id}.log"
    assert (spec.log.max_size, spec.log.max_files) == (10 << 20, 5)
    assert spec.termination_message_path == "/dev/termination-log"
    assert spec.masked_paths == security.MASKED_PATHS
    assert spec.readonly_paths == security.READONLY_PATHS
    assert spec.oom_score_adj == 1000
    assert not (spec.privileged or spec.tty or spec.stdin or spec.stdin_once or spec.root.readonly)
    assert {limit.resource: (limit.soft, limit.hard) for limit in spec.rlimits} == {
        resource.RLIMIT_NOFILE: (1024, 20000),
        resource.RLIMIT_CORE: (0, -1),
        resource.RLIMIT_AS: (-1, -1),
    }


def test_ids_differ_by_every_part() -> None:
    ids = {container_id(*parts) for parts in (("u", "a", 0, 0), ("u", "a", 1, 0), ("u", "a", 0, 1), ("u", "b", 0, 0))}
    assert len(ids) == 4


def test_a_long_log_link_is_cut() -> None:
    asking = pod({"containers": [{"name": "main", "image": "host", "command": ["x"]}]}, name="n" * 240)
    log = start(asking).spec.log
    assert log is not None
    name = log.link.rpartition("/")[2]
    assert len(name) == 255 and name.endswith(".log")


IMAGE_WITH_CONFIG = ImageRoot(
    image="rootfs:/x",
    root=RootSpec(lower="/x"),
    entrypoint=("/entry",),
    command=("default",),
    env=("A=image", "PATH=/image"),
    working_dir="/work",
)


@pytest.mark.parametrize(
    ("fields", "argv"),
    [
        ({"command": [], "args": []}, ("/entry", "default")),
        ({"command": [], "args": ["x"]}, ("/entry", "x")),
        ({"command": ["mine"], "args": []}, ("mine",)),
        ({"command": ["mine"], "args": ["x"]}, ("mine", "x")),
    ],
)
def test_commands_and_arguments(fields: dict[str, Any], argv: tuple[str, ...]) -> None:
    assert start(container(fields), image=IMAGE_WITH_CONFIG).spec.argv == argv


def test_no_command() -> None:
    with pytest.raises(CreateError, match=r"^no command specified$"):
        start(container({"command": []}))


def test_the_container_s_own_environment_wins() -> None:
    spec = start(container({"env": [{"name": "A", "value": "own"}], "tty": True}), image=IMAGE_WITH_CONFIG).spec
    assert spec.env == ("PATH=/image", "HOSTNAME=web", "TERM=xterm", "A=own")
    assert spec.cwd == "/work"


def test_references_are_expanded_in_command_arguments_and_sub_paths() -> None:
    asking = container(
        {
            "command": ["$(WHO)", "$(NONE)", "$$(WHO)"],
            "args": ["$(WHO)-$(POD)"],
            "env": [
                {"name": "WHO", "value": "me"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            ],
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(WHO)/x"}],
        },
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    spec = start(asking).spec
    assert spec.argv == ("me", "$(NONE)", "$(WHO)", "me-192.0.2.1")
    (mount,) = spec.mounts
    assert isinstance(mount, BindMount)
    assert mount.sub_path == "me/x"


def test_values_come_from_objects() -> None:
    asking = container(
        {
            "envFrom": [{"configMapRef": {"name": "c"}}],
            "env": [{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        }
    )
    spec = start(
        asking,
        config_maps={"c": ConfigMap(metadata=ObjectMeta(name="c"), data={"C": "1"})},
        secrets={"s": Secret(metadata=ObjectMeta(name="s"), data={"k": b"2"})},
    ).spec
    assert spec.env[-2:] == ("C=1", "S=2")
    with pytest.raises(ConfigError, match='configmaps "c" not found'):
        start(asking)


def test_the_node_s_size_is_a_default_limit() -> None:
    asking = container({"env": [{"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]})
    assert start(asking).spec.env[-1] == f"M={8 << 30}"


@pytest.mark.parametrize("field", ["workingDir", "terminationMessagePath"])
def test_relative_paths_are_refused(field: str) -> None:
    with pytest.raises(CreateError, match='"a/b" must be an absolute path'):
        start(container({field: "a/b"}))


def test_terminal_and_input() -> None:
    spec = start(container({"tty": True, "stdin": True, "stdinOnce": True})).spec
    assert spec.tty and spec.stdin and spec.stdin_once


def test_an_unknown_container() -> None:
    asking = pod({})
    with pytest.raises(ConfigError):
        plan_container(asking, "other", node(), attempt=0, sandbox=sandbox(asking), image=IMAGE)


# --- mounts -----------------------------------------------------------------------------------------------------------


def mounts(items: list[dict[str, Any]], host: HostFacts | None = None, **fields: Any) -> list[BindMount]:
    asking = container(
        {"volumeMounts": items, **fields},
        volumes=[
            {"name": "v", "emptyDir": {}},
            {"name": "h", "hostPath": {"path": "/srv"}},
            {"name": "t", "hostPath": {"path": "/srv", "type": "Directory"}},
        ],
    )
    found = start(asking, node(host=host) if host else None).spec.mounts
    assert all(isinstance(mount, BindMount) for mount in found)
    return [mount for mount in found if isinstance(mount, BindMount)]


def test_parents_come_before_children() -> None:
    items = [{"name": "v", "mountPath": path} for path in ("/a/b/c", "/a", "/x/y", "/a/b")]
    assert [mount.target for mount in mounts(items)] == ["/a", "/x/y", "/a/b", "/a/b/c"]


def test_sources() -> None:
    v, h, t = mounts([{"name": name, "mountPath": f"/{name}"} for name in "vht"])
    assert v.source == f"/var/lib/nsrunner/pods/{UID}/volumes/kubernetes.io~empty-dir/v"
    assert (h.source, h.create_source) == ("/srv", True)
    assert (t.source, t.create_source) == ("/srv", False)
    assert v.volume == "v" and not v.create_source


def test_read_only() -> None:
    (plain,) = mounts([{"name": "v", "mountPath": "/v", "readOnly": True}])
    assert plain.read_only and not plain.recursive_read_only
    item = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    assert mounts([item])[0].recursive_read_only
    assert not mounts([item], facts(kernel=(5, 10)))[0].recursive_read_only
    item["recursiveReadOnly"] = "Enabled"
    assert mounts([item])[0].recursive_read_only
    with pytest.raises(ConfigError, match="not supported"):
        mounts([item], facts(kernel=(5, 10)))


def test_propagation() -> None:
    (mount,) = mounts([{"name": "v", "mountPath": "/v", "mountPropagation": "HostToContainer"}])
    assert mount.propagation == "HostToContainer"


@pytest.mark.parametrize(
    "path", ["relative", "/", "//", "/a/../b", "/proc", "/proc/sys", "/sys/fs/cgroup", "//proc", "/./sys"]
)
def test_targets_that_would_break_the_container_are_refused(path: str) -> None:
    with pytest.raises(CreateError):
        mounts([{"name": "v", "mountPath": path}])


def test_the_same_place_twice_is_refused() -> None:
    with pytest.raises(CreateError, match="same place"):
        mounts([{"name": "v", "mountPath": "/a"}, {"name": "h", "mountPath": "/a/."}])


@pytest.mark.parametrize("value", ["/etc", "../x", "a/../../x"])
def test_sub_paths_that_leave_the_volume_are_refused(value: str) -> None:
    with pytest.raises(ConfigError):
        mounts([{"name": "v", "mountPath": "/v", "subPathExpr": "$(P)"}], env=[{"name": "P", "value": value}])


def test_an_empty_variable_in_a_sub_path_is_refused() -> None:
    with pytest.raises(ConfigError, match='missing value for "P"'):
        mounts([{"name": "v", "mountPath": "/v", "subPathExpr": "$(P)"}], env=[{"name": "P", "value": ""}])


# --- security ---------------------------------------------------------------------------------------------------------

PASSWD = Users(
    passwd="root:x:0:0::/root:/bin/sh\nwww:x:33:34::/:/bin/false\n", group="root:x:0:\nwww:x:34:\nextra:x:50:www,root\n"
)


def image(user: str = "") -> ImageRoot:
    return ImageRoot(image="host", root=RootSpec(lower="/"), user=user, users=PASSWD)


@pytest.mark.parametrize(
    ("shared", "own", "user", "expected"),
    [
        ({}, {}, "", (0, 0, (0, 50))),
        ({}, {}, "www", (33, 34, (34, 50))),
        ({}, {}, "33", (33, 34, (34, 50))),
        ({}, {}, "www:root", (33, 0, (0, 50))),
        ({}, {"runAsUser": 33}, "", (33, 34, (34, 50))),
        ({}, {"runAsUser": 1000}, "www", (1000, 0, (0,))),
        ({"runAsUser": 1, "runAsGroup": 2}, {"runAsUser": 33}, "", (33, 2, (2, 50))),
        ({"runAsUser": 33, "supplementalGroups": [7, 34]}, {}, "", (33, 34, (34, 50, 7))),
        ({"runAsUser": 33, "supplementalGroups": [7], "supplementalGroupsPolicy": "Strict"}, {}, "", (33, 34, (34, 7))),
    ],
)
def test_users_and_groups(
    shared: dict[str, Any], own: dict[str, Any], user: str, expected: tuple[int, int, tuple[int, ...]]
) -> None:
    asking = container({"securityContext": own}, securityContext=shared)
    who = start(asking, image=image(user)).spec.credentials
    assert (who.uid, who.gid, who.groups) == expected


@pytest.mark.parametrize(
    ("own", "user", "message"),
    [
        ({"runAsUser": 0}, "", "container's runAsUser breaks non-root policy"),
        ({}, "", "container has runAsNonRoot and image will run as root"),
        ({}, "0", "container has runAsNonRoot and image will run as root"),
        ({}, "www", r"image has non-numeric user \(www\), cannot verify user is non-root"),
    ],
)
def test_run_as_non_root(own: dict[str, Any], user: str, message: str) -> None:
    asking = container({"securityContext": {"runAsNonRoot": True, **own}})
    with pytest.raises(ConfigError, match=message) as caught:
        start(asking, image=image(user))
    assert str(caught.value).endswith(f'(pod: "web_default({UID})", container: main)')


def test_run_as_non_root_with_a_number() -> None:
    asking = container({"securityContext": {"runAsNonRoot": True}})
    assert start(asking, image=image("33")).spec.credentials.uid == 33


def test_an_unknown_image_user() -> None:
    with pytest.raises(CreateError, match="unable to find user nobody-here"):
        start(pod({}), image=image("nobody-here"))


def test_capabilities_follow_the_user() -> None:
    root = start(pod({})).spec.credentials
    assert root.bounding == root.permitted == security.DEFAULT
    assert root.ambient == 0
    other = start(container({"securityContext": {"runAsUser": 5}})).spec.credentials
    assert (other.bounding, other.permitted) == (security.DEFAULT, 0)


def test_added_and_dropped_capabilities() -> None:
    asking = container({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}})
    assert start(asking).spec.credentials.bounding == security.mask(("NET_ADMIN",))


def test_a_capability_that_we_do_not_have_is_told() -> None:
    asking = container({"securityContext": {"capabilities": {"add": ["SYS_TIME"]}}})
    host = facts(capabilities=HELD & ~security.mask(("SYS_TIME",)))
    plan = start(asking, node(host=host))
    assert [warning.reason for warning in plan.warnings] == ["CapabilityNotHeld"]
    assert "CAP_SYS_TIME" in plan.warnings[0].message
    assert plan.spec.credentials.bounding == security.DEFAULT


def test_an_unknown_capability() -> None:
    with pytest.raises(CreateError, match='unknown capability "FLY"'):
        start(container({"securityContext": {"capabilities": {"add": ["FLY"]}}}))


def test_privileged() -> None:
    spec = start(container({"securityContext": {"privileged": True}})).spec
    assert spec.privileged
    assert spec.credentials.bounding == security.ALL
    assert spec.credentials.seccomp == b""
    assert spec.masked_paths == spec.readonly_paths == ()


def test_privilege_escalation_is_only_held_back_when_asked() -> None:
    assert not start(pod({})).spec.credentials.no_new_privs
    assert not start(container({"securityContext": {"allowPrivilegeEscalation": True}})).spec.credentials.no_new_privs
    assert start(container({"securityContext": {"allowPrivilegeEscalation": False}})).spec.credentials.no_new_privs


def test_a_read_only_root() -> None:
    assert start(container({"securityContext": {"readOnlyRootFilesystem": True}})).spec.root.readonly


@pytest.mark.parametrize(
    ("shared", "own", "default", "expected"),
    [
        (None, None, True, "default"),
        (None, None, False, ""),
        ({"type": "Unconfined"}, None, True, ""),
        ({"type": "Unconfined"}, {"type": "RuntimeDefault"}, False, "default"),
        (None, {"type": "Localhost", "localhostProfile": "my.json"}, True, "my.json"),
    ],
)
def test_seccomp(shared: Any, own: Any, default: bool, expected: str) -> None:
    asking = container(
        {"securityContext": {"seccompProfile": own} if own else {}},
        securityContext={"seccompProfile": shared} if shared else {},
    )
    program = start(asking, node(seccomp_default=default)).spec.credentials
    assert program.seccomp == (f"{expected} {security.DEFAULT:x}".encode() if expected else b"")
    assert program.seccomp_flags == (4 if expected else 0)


def test_a_seccomp_profile_that_cannot_be_used() -> None:
    profile = {"type": "Localhost", "localhostProfile": "missing.json"}
    with pytest.raises(CreateError, match="cannot load seccomp profile"):
        start(container({"securityContext": {"seccompProfile": profile}}))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, 1000),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, -997),
        ({"requests": {"memory": "4Gi"}}, 500),
        ({"requests": {"memory": "8Gi"}}, 3),
        ({"requests": {"cpu": "1"}}, 999),
        ({"requests": {"memory": "1"}}, 999),
    ],
)
def test_oom_scores(resources: dict[str, Any], expected: int) -> None:
    assert start(container({"resources": resources})).spec.oom_score_adj == expected


def test_node_critical_pods_are_protected() -> None:
    asking = container({}, priorityClassName="system-node-critical")
    assert start(asking).spec.oom_score_adj == -997
    held = facts(capabilities=HELD & ~security.mask(("SYS_RESOURCE",)))
    assert start(asking, node(host=held)).spec.oom_score_adj == 0


def test_exec() -> None:
    spec = plan_exec("id", ("ls", "-l"), tty=True, rows=24, columns=80)
    assert (spec.container_id, spec.argv, spec.tty, spec.rows, spec.columns) == ("id", ("ls", "-l"), True, 24, 80)
    assert spec.env == ("TERM=xterm",)
    assert plan_exec("id", ("ls",), output_limit=5, timeout_ms=7).env == ()


def test_planning_is_fast_enough_to_start_100_pods_at_once() -> None:
    """Not a benchmark: it fails only when planning became slower by an order of magnitude."""
    import time

    asking, where = container({}), node()
    begin = time.process_time()
    for _ in range(100):
        start(asking, where)
    assert time.process_time() - begin < 1.0
