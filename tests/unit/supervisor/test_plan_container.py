"""One instance: what a manifest asks for is what the sandbox is told."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from nsrunner.model.types import ConfigMap, ObjectMeta, Secret
from nsrunner.sandbox import security
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.spec import BindMount, RootSpec
from nsrunner.supervisor.plan_container import container_id, plan_container, plan_exec
from nsrunner.supervisor.plan_types import ConfigError, CreateError
from unit.supervisor.planning import IMAGE, UID, container, node, pod, sandbox, start


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


NUL = "a\0b"


@pytest.mark.parametrize(
    "fields",
    [
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {"env": [{"name": "A", "value": NUL}]},
        {"args": [NUL]},
        {"args": ["$(A)"], "envFrom": [{"secretRef": {"name": "s"}}]},
    ],
)
def test_a_nul_can_be_passed_to_no_program(fields: dict[str, Any]) -> None:
    secrets = {"s": Secret(metadata=ObjectMeta(name="s"), data={"k": NUL.encode()})}
    with pytest.raises(CreateError, match="NUL"):
        start(container(fields), secrets=secrets)


def test_the_node_s_name_is_the_manifest_s_or_ours_or_the_host_s() -> None:
    env = [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    assert start(container({"env": env})).spec.env[-1] == "N=node-a"
    assert start(container({"env": env}), node(name="mine")).spec.env[-1] == "N=mine"
    assert start(container({"env": env}, nodeName="theirs"), node(name="mine")).spec.env[-1] == "N=theirs"


def test_a_value_may_hold_an_equals_sign() -> None:
    assert start(container({"env": [{"name": "A", "value": "b=c=d"}]})).spec.env[-1] == "A=b=c=d"


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


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", "1m", 4000),
        ("limits.memory", "1", 8 << 30),
        ("limits.ephemeral-storage", "1Gi", 64),
        ("requests.memory", "1", 0),
    ],
)
def test_the_node_s_size_is_a_default_limit(resource: str, divisor: str, value: int) -> None:
    source = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
    asking = container({"env": [{"name": "M", "valueFrom": source}]})
    assert start(asking).spec.env[-1] == f"M={value}"


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
