"""Who a container is and what it may do."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.sandbox import security
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.spec import RootSpec
from nsrunner.sandbox.users import Users
from nsrunner.supervisor.plan_types import ConfigError, CreateError
from unit.supervisor.planning import HELD, UID, container, facts, node, pod, start

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


@pytest.mark.parametrize(
    ("shared", "own", "fails"),
    [
        ({"runAsNonRoot": True}, {}, True),
        ({"runAsNonRoot": True, "runAsUser": 5}, {}, False),
        ({"runAsNonRoot": True, "runAsUser": 5}, {"runAsUser": 0}, True),
        ({"runAsNonRoot": True}, {"runAsNonRoot": False}, False),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}, True),
    ],
)
def test_run_as_non_root_of_the_pod_and_of_its_container(
    shared: dict[str, Any], own: dict[str, Any], fails: bool
) -> None:
    asking = container({"securityContext": own}, securityContext=shared)
    if not fails:
        start(asking, image=image())
        return
    with pytest.raises(ConfigError):
        start(asking, image=image())


def test_run_as_non_root_with_a_number() -> None:
    asking = container({"securityContext": {"runAsNonRoot": True}})
    assert start(asking, image=image("33")).spec.credentials.uid == 33


def test_the_group_of_volumes_is_one_of_the_process_s() -> None:
    asking = container({}, securityContext={"runAsUser": 33, "supplementalGroups": [7], "fsGroup": 8})
    assert start(asking, image=image()).spec.credentials.groups == (34, 50, 7, 8)


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


@pytest.mark.parametrize(("mount", "hidden"), [(None, True), ("Default", True), ("Unmasked", False)])
def test_what_proc_shows(mount: str | None, hidden: bool) -> None:
    spec = start(container({"securityContext": {"procMount": mount}}, hostUsers=False)).spec
    assert bool(spec.masked_paths) is bool(spec.readonly_paths) is hidden
    assert not spec.privileged


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


def test_a_sidecar_is_no_likelier_to_be_killed_than_what_it_serves() -> None:
    """It counts as the regular container with the smallest request, when that is better than its own."""
    regular = [
        {"name": name, "image": "host", "command": ["x"], "resources": {"requests": {"memory": memory}}}
        for name, memory in (("web", "4Gi"), ("db", "2Gi"))
    ]

    def score(request: str, policy: str) -> int:
        init = {"name": "main", "image": "host", "command": ["x"], "restartPolicy": policy}
        init["resources"] = {"requests": {"memory": request}}
        return start(pod({"initContainers": [init], "containers": regular})).spec.oom_score_adj

    assert score("1Gi", "Always") == 750  # that of db
    assert score("6Gi", "Always") == 250  # its own
    assert score("1Gi", "OnFailure") == 875  # an ordinary init container


def test_what_the_pod_requests_beyond_its_containers_is_shared_among_them() -> None:
    whole = {"requests": {"memory": "4Gi"}, "limits": {"memory": "8Gi"}}
    others = [{"name": "first", "image": "host", "command": ["x"]}]
    asking = container({"resources": {"requests": {"memory": "1Gi"}}}, resources=whole, initContainers=others)
    # 1 Gi of its own and half of the other 3 Gi, on a node with 8 Gi
    assert start(asking).spec.oom_score_adj == 1000 - 1000 * 5 // 16


def test_node_critical_pods_are_protected() -> None:
    asking = container({}, priorityClassName="system-node-critical")
    assert start(asking).spec.oom_score_adj == -997
    held = facts(capabilities=HELD & ~security.mask(("SYS_RESOURCE",)))
    assert start(asking, node(host=held)).spec.oom_score_adj == 0
