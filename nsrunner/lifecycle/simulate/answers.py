"""What hooks and probes of a simulated container answer, and how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from nsrunner.lifecycle.commands import ProbeName, RunHook, RunProbe
from nsrunner.lifecycle.events import HookDone, ProbeDone
from nsrunner.lifecycle.simulate.scenario import HookStep, Window
from nsrunner.lifecycle.text import go_duration
from nsrunner.model.types import AnyContainer, LifecycleHandler, Probe

__all__ = ["of_hook", "of_probe"]

_SAYS_SO: Final = "so says the scenario"
_GOES_WELL: Final = Window(result="success")
_RESULTS: Final[dict[str, Literal["Success", "Failure", "Unknown"]]] = {
    "success": "Success",
    "failure": "Failure",
    "error": "Unknown",
}


def of_hook(command: RunHook, container: AnyContainer, step: HookStep) -> tuple[float, HookDone]:
    """Seconds until the answer, infinite for a hook that hangs; and the answer."""
    handler = _handler(command, container)
    error = step.error or ""
    if handler is not None and handler.tcp_socket is not None and not error:
        error = "tcpSocket handlers cannot be run"
    sleeps = handler.sleep.seconds if handler is not None and handler.sleep is not None else 0
    done = HookDone(id=command.id, container=command.container, attempt=command.attempt, hook=command.hook, error=error)
    return sleeps if step.takes is None else step.takes, done


def of_probe(
    command: RunProbe, container: AnyContainer, windows: Sequence[Window], now: float
) -> tuple[float, ProbeDone]:
    """The same for an attempt of a probe, which has its time limit."""
    window = next((window for window in windows if window.from_ <= now < window.to), _GOES_WELL)
    result, message, takes = _RESULTS[window.result], window.message, float(window.takes)
    if result != "Success" and not message:
        message = _SAYS_SO
    limit = _probe(container, command.probe).timeout_seconds or 1
    if takes > limit:
        result, message, takes = "Failure", f"timed out after {go_duration(limit)}", limit
    done = ProbeDone(
        id=command.id,
        container=command.container,
        attempt=command.attempt,
        probe=command.probe,
        result=result,
        message=message,
    )
    return takes, done


def _handler(command: RunHook, container: AnyContainer) -> LifecycleHandler | None:
    lifecycle = container.lifecycle
    if lifecycle is None:
        return None
    return lifecycle.post_start if command.hook == "PostStart" else lifecycle.pre_stop


def _probe(container: AnyContainer, name: ProbeName) -> Probe:
    probes = {
        "Startup": container.startup_probe,
        "Readiness": container.readiness_probe,
        "Liveness": container.liveness_probe,
    }
    probe = probes[name]
    assert probe is not None, "a probe that is not there is not run"
    return probe
