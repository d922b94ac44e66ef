"""One more process in a running container: what it consists of, and the bytes that the shim reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nsrunner.sandbox.wire import Kind, Tag
from nsrunner.sandbox.wire_fields import SpecTag, item, long, number, spec_bytes, text

__all__ = ["ExecSpec", "encode_exec"]


class ExecSpec(NamedTuple):
    """One more process in a running container, with its user, groups, capabilities, seccomp filter, environment,
    working directory and namespaces."""

    container_id: str
    argv: tuple[str, ...]
    tty: bool = False
    rows: int = 0
    columns: int = 0
    env: tuple[str, ...] = ()
    """Added to, or replacing entries of, the container's."""
    timeout_ms: int = 0
    """After this the whole tree that the exec started is killed; 0: never."""
    output_limit: int = 0
    """0: the caller passes stdin, stdout and stderr (tty: one end of nothing, the shim makes the pty and hands out its
    master). Positive: the shim itself collects stdout and stderr together, up to so many bytes, drops the rest, and
    returns them with the result (probes, hooks)."""
    attached: bool = False
    """It ends with the connection of whoever asked, as a client's does in any case, and only its end, or that it could
    not be started, is told: for a caller who waits. Not with ``tty`` or ``output_limit``."""


def _exec(spec: ExecSpec) -> Iterable[bytes]:
    yield text(Tag.CONTAINER_ID, spec.container_id)
    for argument in spec.argv:
        yield item(SpecTag.ARG, argument)
    for variable in spec.env:
        yield item(SpecTag.ENV, variable)
    yield number(SpecTag.TTY, spec.tty)
    yield number(Tag.ROWS, spec.rows)
    yield number(Tag.COLUMNS, spec.columns)
    yield long(SpecTag.TIMEOUT_MS, spec.timeout_ms)
    yield long(SpecTag.OUTPUT_LIMIT, spec.output_limit)
    yield number(SpecTag.ATTACHED, spec.attached)


def encode_exec(spec: ExecSpec) -> bytes:
    """Raises WireError for a value that cannot be carried."""
    return spec_bytes(Kind.EXEC_SPEC, _exec(spec))
