"""Probes, and the actions that probes and lifecycle hooks share."""

from __future__ import annotations

from nsrunner.model.types.base import Int32, Struct

__all__ = ["ExecAction", "GRPCAction", "HTTPGetAction", "HTTPHeader", "Probe", "TCPSocketAction"]


class ExecAction(Struct, frozen=True, kw_only=True):
    command: tuple[str, ...] = ()


class HTTPHeader(Struct, frozen=True, kw_only=True):
    name: str
    value: str


class HTTPGetAction(Struct, frozen=True, kw_only=True):
    path: str = ""
    port: int | str
    """A number, or the name of one of the container's ports."""
    host: str | None = None
    scheme: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Struct, frozen=True, kw_only=True):
    port: int | str
    host: str | None = None


class GRPCAction(Struct, frozen=True, kw_only=True):
    port: Int32
    service: str | None = None


class Probe(Struct, frozen=True, kw_only=True):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: Int32 = 0
    timeout_seconds: Int32 = 0
    period_seconds: Int32 = 0
    success_threshold: Int32 = 0
    failure_threshold: Int32 = 0
    termination_grace_period_seconds: int | None = None
