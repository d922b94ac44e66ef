"""Lifecycle hooks of a container."""

from __future__ import annotations

from nsrunner.model.types.base import Struct
from nsrunner.model.types.probe import ExecAction, HTTPGetAction, TCPSocketAction

__all__ = ["Lifecycle", "LifecycleHandler", "SleepAction"]


class SleepAction(Struct, frozen=True, kw_only=True):
    seconds: int


class LifecycleHandler(Struct, frozen=True, kw_only=True):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    """Accepted for compatibility; it always fails when it is run."""
    sleep: SleepAction | None = None


class Lifecycle(Struct, frozen=True, kw_only=True):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None
