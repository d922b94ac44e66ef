"""Specs in bytes: all that is in a spec comes out again, by a decoder that was written from csrc/wire.h alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from nsrunner.sandbox import spec as s
from nsrunner.sandbox.wire_specs import encode_container, encode_sandbox
from unit.sandbox import specs
from unit.sandbox.specs import decode_spec

Fields = list[tuple[str, Any]]


def every(fields: Fields, name: str) -> list[Any]:
    return [value for tag, value in fields if tag == name]


def one(fields: Fields, name: str, default: Any) -> Any:
    values = every(fields, name)
    assert len(values) <= 1, name
    return values[0] if values else default


@given(specs.sandboxes)
def test_sandbox(spec: s.SandboxSpec) -> None:
    kind, fields = decode_spec(encode_sandbox(spec))
    assert kind == 1
    assert one(fields, "UID", "") == spec.uid
    assert one(fields, "ATTEMPT", 0) == spec.attempt
    paths = [one(fields, name, "") for name in ("RUN_DIR", "STATE_DIR", "LOGS_DIR", "LINKS_DIR")]
    assert paths == [spec.paths.run, spec.paths.state, spec.paths.logs, spec.paths.log_links]
    assert one(fields, "OWNER_PID", 0) == spec.owner.pid
    assert one(fields, "OWNER_START", 0) == spec.owner.start_time
    assert one(fields, "HOSTNAME", "") == spec.hostname
    assert one(fields, "ADDRESS", "") == spec.address
    assert [(one(each, "NAME", ""), one(each, "VALUE", "")) for each in every(fields, "SYSCTL")] == list(spec.sysctls)
    assert len(every(fields, "VOLUME")) == len(spec.volumes)
    for block, volume in zip(every(fields, "VOLUME"), spec.volumes, strict=True):
        assert one(block, "NAME", "") == volume.name
        assert one(block, "KIND", 0) == {s.EmptyDir: 1, s.MemoryDir: 2, s.HostPath: 3}[type(volume)]
        assert one(block, "SIZE", 0) == getattr(volume, "size", 0)
        assert one(block, "PATH", "") == getattr(volume, "path", "")
        assert one(block, "TYPE", "") == getattr(volume, "type", "")
    for block, file in zip(every(fields, "FILE"), spec.files, strict=True):
        got = [one(block, name, empty) for name, empty in (("NAME", ""), ("TARGET", ""), ("CONTENT", b""), ("MODE", 0))]
        assert got == [file.name, file.target, file.content, file.mode]
    assert one(fields, "SHM_SIZE", 0) == spec.shm_size
    assert one(fields, "CGROUP", "") == spec.cgroup
    assert one(fields, "OOM_SCORE_ADJ", 0) == spec.pause_oom_score_adj


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (s.Namespaces(), (0, 0, 0)),
        (s.Namespaces(pid="pod"), (0, 0, 1)),
        (s.Namespaces(network="host", ipc="host", pid="host"), (2, 2, 2)),
    ],
)
def test_namespaces(namespaces: s.Namespaces, expected: tuple[int, int, int]) -> None:
    spec = s.SandboxSpec(
        uid="u",
        attempt=0,
        paths=s.PodPaths(run="/r", state="/s", logs="/l", log_links=""),
        owner=s.Owner(kind="daemon"),
        namespaces=namespaces,
    )
    _, fields = decode_spec(encode_sandbox(spec))
    assert tuple(one(fields, name, 0) for name in ("NETWORK", "IPC", "PID_MODE")) == expected


@given(specs.containers)
def test_container(spec: s.ContainerSpec) -> None:
    kind, fields = decode_spec(encode_container(spec))
    assert kind == 2
    assert one(fields, "NAME", "") == spec.name
    assert one(fields, "CONTAINER_ID", "") == spec.id
    root = one(fields, "ROOT", [])
    assert one(root, "LOWER", "") == spec.root.lower
    assert one(root, "READ_ONLY", 0) == spec.root.readonly
    submounts = [(one(each, "PATH", ""), one(each, "OVERLAY", 0)) for each in every(root, "SUBMOUNT")]
    assert submounts == [(each.path, each.overlay) for each in spec.root.submounts]
    lists = (("ARG", spec.argv), ("ENV", spec.env), ("MASKED", spec.masked_paths), ("READONLY", spec.readonly_paths))
    for name, values in lists:
        assert every(fields, name) == list(values)
    assert every(root, "PRIVATE") == list(spec.root.private)
    for block, mount in zip(every(fields, "MOUNT"), spec.mounts, strict=True):
        if isinstance(mount, s.TmpfsMount):
            assert [one(block, name, 0) for name in ("KIND", "SIZE", "MODE")] == [2, mount.size, mount.mode]
            continue
        assert one(block, "KIND", 0) == 1
        got = [one(block, name, "") for name in ("SOURCE", "TARGET", "NAME", "SUB_PATH")]
        assert got == [mount.source, mount.target, mount.volume, mount.sub_path]
        got = [one(block, name, 0) for name in ("READ_ONLY", "RECURSIVE", "CREATE", "PROPAGATION")]
        propagation = ["None", "HostToContainer", "Bidirectional"].index(mount.propagation)
        assert got == [mount.read_only, mount.recursive_read_only, mount.create_source, propagation]
    block, who = one(fields, "CREDENTIALS", []), spec.credentials
    assert every(block, "SUPPLEMENTARY") == list(who.groups)
    numbers = ("USER", "GROUP", "BOUNDING", "PERMITTED", "AMBIENT", "NO_NEW_PRIVS", "SECCOMP_FLAGS")
    expected = [who.uid, who.gid, who.bounding, who.permitted, who.ambient, who.no_new_privs, who.seccomp_flags]
    assert [one(block, name, 0) for name in numbers] == expected
    assert one(block, "SECCOMP", b"") == who.seccomp
    for block, limit in zip(every(fields, "RLIMIT"), spec.rlimits, strict=True):
        got = [one(block, name, 0) for name in ("RESOURCE", "SOFT", "HARD")]
        assert got == [limit.resource, limit.soft % 2**64, limit.hard % 2**64]
    flags = [one(fields, name, 0) for name in ("PRIVILEGED", "TTY", "STDIN", "STDIN_ONCE")]
    assert flags == [spec.privileged, spec.tty, spec.stdin, spec.stdin_once]
    assert one(fields, "OOM_SCORE_ADJ", 0) == spec.oom_score_adj
    assert one(fields, "TERMINATION_PATH", "") == spec.termination_message_path
    assert one(fields, "TARGET_ID", "") == spec.target
    log = one(fields, "LOG", None)
    assert (log is None) == (spec.log is None)
    if spec.log is not None:
        assert [one(log, name, "") for name in ("DIRECTORY", "FILE_NAME", "LINK")] == [
            spec.log.directory,
            spec.log.file,
            spec.log.link,
        ]
        assert [one(log, name, 0) for name in ("MAX_SIZE", "MAX_FILES")] == [spec.log.max_size, spec.log.max_files]
