"""Probes, lifecycle hooks, and the handlers that both have."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import (
    AnyContainer,
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    LifecycleHandler,
    PodSpec,
    Probe,
    SleepAction,
    TCPSocketAction,
)
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_names

__all__ = ["NOT_NEGATIVE", "check_lifecycle", "check_probes"]

NOT_NEGATIVE: Final = "must be greater than or equal to 0"

_LINUX_SIGNALS: Final = frozenset(
    f"SIG{name}"
    for name in (
        *(
            "ABRT",
            "ALRM",
            "BUS",
            "CHLD",
            "CLD",
            "CONT",
            "FPE",
            "HUP",
            "ILL",
            "INT",
            "IO",
            "IOT",
            "KILL",
            "PIPE",
            "POLL",
        ),
        *("PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG"),
        *("USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"),
        *(f"RTMIN+{number}" for number in range(1, 16)),
        *(f"RTMAX-{number}" for number in range(1, 15)),
    )
)
_WINDOWS_SIGNALS: Final = frozenset(("SIGKILL", "SIGTERM"))


def check_probes(container: AnyContainer, path: Path, report: Report, spec: PodSpec) -> None:
    for field, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is None:
            continue
        here = path / field
        _check_probe(probe, here, report, spec)
        if field == "readinessProbe":
            if (grace := probe.termination_grace_period_seconds) is not None:
                report.invalid(here / "terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
        elif probe.success_threshold != 1:
            report.invalid(here / "successThreshold", probe.success_threshold, "must be 1")


def _check_probe(probe: Probe, path: Path, report: Report, spec: PodSpec) -> None:
    _check_handler(probe, path, report, spec)
    for field, number in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        if number < 0:
            report.invalid(path / field, number, NOT_NEGATIVE)
    grace = probe.termination_grace_period_seconds
    if grace is not None and grace <= 0:
        report.invalid(path / "terminationGracePeriodSeconds", grace, "must be greater than 0")


def check_lifecycle(container: AnyContainer, path: Path, report: Report, spec: PodSpec) -> None:
    """``lifecycle`` of the container; ``path`` is the field's."""
    lifecycle = container.lifecycle
    if lifecycle is None:
        return
    if lifecycle.post_start is not None:
        _check_handler(lifecycle.post_start, path / "postStart", report, spec)
    if lifecycle.pre_stop is not None:
        _check_handler(lifecycle.pre_stop, path / "preStop", report, spec)
    if lifecycle.stop_signal is not None:
        here = path / "stopSignal"
        if spec.os is None:
            report.forbidden(here, "may not be set for containers with empty `spec.os.name`")
        else:
            known = _WINDOWS_SIGNALS if spec.os.name == "windows" else _LINUX_SIGNALS
            if lifecycle.stop_signal not in known:
                report.unsupported_value(here, lifecycle.stop_signal, known)


def _check_handler(handler: Probe | LifecycleHandler, path: Path, report: Report, spec: PodSpec) -> None:
    """Exactly one action; only the first is looked into."""
    actions = [
        (field, action)
        for field, action in (
            ("exec", handler.exec),
            ("httpGet", handler.http_get),
            ("tcpSocket", handler.tcp_socket),
            ("grpc", handler.grpc if isinstance(handler, Probe) else None),
            ("sleep", handler.sleep if isinstance(handler, LifecycleHandler) else None),
        )
        if action is not None
    ]
    if not actions:
        report.required(path, "must specify a handler type")
        return
    for field, _ in actions[1:]:
        report.forbidden(path / field, "may not specify more than 1 handler type")
    field, action = actions[0]
    here = path / field
    match action:
        case ExecAction():
            if not action.command:
                report.required(here / "command")
        case HTTPGetAction():
            _check_http_get(action, here, report)
        case TCPSocketAction():
            _check_port(action.port, here / "port", report)
        case GRPCAction():
            _check_port(action.port, here / "port", report)
        case SleepAction():
            grace = spec.termination_grace_period_seconds or 0
            if not 0 <= action.seconds <= grace:
                detail = f"must be non-negative and not greater than terminationGracePeriodSeconds ({grace})"
                report.invalid(here, action.seconds, detail)


def _check_http_get(action: HTTPGetAction, path: Path, report: Report) -> None:
    _check_port(action.port, path / "port", report)
    if action.scheme not in ("HTTP", "HTTPS"):
        report.unsupported_value(path / "scheme", action.scheme, ("HTTP", "HTTPS"))
    for header in action.http_headers:
        check_names(names.http_header_name, path / "httpHeaders", header.name, report)


def _check_port(port: int | str, path: Path, report: Report) -> None:
    for message in names.port_number(port) if isinstance(port, int) else names.port_name(port):
        report.invalid(path, port, message)
