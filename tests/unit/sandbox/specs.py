"""Hypothesis strategies for specs, and a decoder of their bytes that knows only what csrc/wire.h says."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from nsrunner.sandbox import spec as s

WIRE_H = Path(__file__).parents[3] / "csrc" / "wire.h"


def tables() -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
    """(kinds, tags with their payload) of the text of wire.h."""
    text = WIRE_H.read_text()
    kinds = text.partition("#define NSR_KINDS(X)")[2].partition("enum nsr_kind")[0]
    tags = text.partition("#define NSR_TAGS(X)")[2].partition("enum nsr_tag")[0]
    return (
        {name: int(number) for name, number in re.findall(r"X\((\w+), (\d+)\)", kinds)},
        {name: (int(number), kind) for name, number, kind in re.findall(r"X\((\w+), (\d+), (\w+)\)", tags)},
    )


_, TAGS = tables()
NAMES = {number: (name, payload) for name, (number, payload) in TAGS.items()}
FORMATS = {"U32": "<I", "U64": "<Q", "I64": "<q"}


def decode_spec(data: bytes) -> tuple[int, list[tuple[str, Any]]]:
    """(kind, fields in order); blocks are lists again."""
    magic, version, kind, command, length, zero = struct.unpack_from("<IHHQII", data)
    assert (magic, version, command, zero) == (0x3152534E, 1, 0, 0)
    assert length == len(data) - 24
    return kind, decode_block(data[24:])


def decode_block(data: bytes) -> list[tuple[str, Any]]:
    fields = []
    while data:
        tag, zero, length = struct.unpack_from("<HHI", data)
        assert zero == 0
        payload, data = data[8 : 8 + length], data[8 + length :]
        assert len(payload) == length
        name, kind = NAMES[tag]
        value: Any
        if kind in FORMATS:
            (value,) = struct.unpack(FORMATS[kind], payload)
        elif kind == "STRING":
            assert payload.endswith(b"\0") and payload.count(b"\0") == 1
            value = payload[:-1].decode("utf-8", "surrogateescape")
        else:
            value = payload if kind == "BYTES" else decode_block(payload)
        fields.append((name, value))
    return fields


text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
some_text = text.filter(bool)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)


def texts(items: st.SearchStrategy[str] = text) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(items, max_size=5).map(tuple)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


volumes = st.one_of(
    st.builds(s.EmptyDir, name=some_text),
    st.builds(s.MemoryDir, name=some_text, size=u64),
    st.builds(s.HostPath, name=some_text, path=some_text),
)
owners = st.one_of(
    st.just(s.Owner(kind="daemon")),
    st.builds(s.Owner, kind=st.just("process"), pid=st.integers(1, 2**31 - 1), start_time=u64),
)
sandboxes = st.builds(
    s.SandboxSpec,
    uid=some_text,
    attempt=u32,
    paths=st.builds(s.PodPaths, run=text, state=text, logs=text, log_links=text),
    owner=owners,
    namespaces=st.builds(s.Namespaces),
    hostname=text,
    address=text,
    sysctls=tuples(st.tuples(some_text, text)),
    volumes=tuples(volumes),
    files=tuples(st.builds(s.GeneratedFile, name=some_text, target=some_text, content=st.binary(max_size=50))),
    shm_size=u64,
    cgroup=text,
    pause_oom_score_adj=st.integers(-1000, 1000),
)
mounts = st.one_of(
    st.builds(
        s.BindMount,
        source=some_text,
        target=some_text,
        volume=text,
        sub_path=text,
        read_only=st.booleans(),
        recursive_read_only=st.booleans(),
        propagation=st.sampled_from(["None", "HostToContainer", "Bidirectional"]),
        create_source=st.booleans(),
    ),
    st.builds(s.TmpfsMount, target=some_text, size=u64, mode=u32),
)
credentials = st.builds(
    s.Credentials,
    uid=u32,
    gid=u32,
    groups=tuples(u32),
    bounding=u64,
    permitted=u64,
    ambient=u64,
    no_new_privs=st.booleans(),
    seccomp=st.binary(max_size=64),
    seccomp_flags=u32,
)
containers = st.builds(
    s.ContainerSpec,
    name=some_text,
    attempt=u32,
    id=some_text,
    root=st.builds(
        s.RootSpec,
        lower=some_text,
        readonly=st.booleans(),
        submounts=tuples(st.builds(s.Submount, path=some_text, overlay=st.booleans())),
        private=texts(),
    ),
    argv=texts(),
    env=texts(),
    cwd=some_text,
    mounts=tuples(mounts),
    masked_paths=texts(),
    readonly_paths=texts(),
    credentials=credentials,
    privileged=st.booleans(),
    rlimits=tuples(st.builds(s.Rlimit, resource=u32, soft=st.integers(-1, 2**63), hard=st.integers(-1, 2**63))),
    oom_score_adj=st.integers(-1000, 1000),
    tty=st.booleans(),
    stdin=st.booleans(),
    stdin_once=st.booleans(),
    target=text,
    log=st.one_of(
        st.none(),
        st.builds(
            s.LogSpec,
            directory=some_text,
            file=some_text,
            link=text,
            max_size=st.integers(-(2**63), 2**63 - 1),
            max_files=u32,
        ),
    ),
    termination_message_path=text,
)
execs = st.builds(
    s.ExecSpec,
    container_id=some_text,
    argv=texts(),
    tty=st.booleans(),
    rows=u32,
    columns=u32,
    env=texts(),
    timeout_ms=u64,
    output_limit=u64,
)
