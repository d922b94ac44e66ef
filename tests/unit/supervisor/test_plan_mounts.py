"""Which volumes a container sees, where and how."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.sandbox.host import HostFacts
from nsrunner.sandbox.spec import BindMount
from nsrunner.supervisor.plan_types import ConfigError, CreateError
from unit.supervisor.planning import UID, container, facts, node, start


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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (False, False)),
        ({"readOnly": True}, (True, True)),
        ({"readOnly": True, "recursiveReadOnly": "Disabled"}, (True, False)),
        ({"readOnly": True, "recursiveReadOnly": "IfPossible"}, (True, True)),
        ({"readOnly": True, "recursiveReadOnly": "Enabled"}, (True, True)),
    ],
)
@pytest.mark.parametrize("kernel", [(5, 10), (6, 1)])
def test_read_only(fields: dict[str, Any], expected: tuple[bool, bool], kernel: tuple[int, int]) -> None:
    """Also what is mounted below, on every kernel, unless the manifest says that it is not wanted."""
    (mount,) = mounts([{"name": "v", "mountPath": "/v", **fields}], facts(kernel=kernel))
    assert (mount.read_only, mount.recursive_read_only) == expected


def test_propagation() -> None:
    (mount,) = mounts([{"name": "v", "mountPath": "/v", "mountPropagation": "HostToContainer"}])
    assert mount.propagation == "HostToContainer"


@pytest.mark.parametrize("path", ["relative", "/", "//", "/a/../b", "/proc", "/proc/sys", "//proc", "/./proc"])
def test_targets_that_would_break_the_container_are_refused(path: str) -> None:
    with pytest.raises(CreateError):
        mounts([{"name": "v", "mountPath": path}])


@pytest.mark.parametrize("path", ["/sys", "/sys/fs/cgroup", "/dev", "/dev/shm", "/procfs", "/etc/hosts"])
def test_a_volume_may_stand_where_the_runtime_would_put_something(path: str) -> None:
    assert [mount.target for mount in mounts([{"name": "h", "mountPath": path}])] == [path]


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
