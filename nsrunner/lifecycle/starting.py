"""How a container comes to run: its turn, its image, its start, its postStart hook (kubelet-semantics 8, 15, 19).

Actions of the table in :mod:`nsrunner.lifecycle.container`, in the order of a container's life.
"""

from __future__ import annotations

from msgspec.structs import replace

from nsrunner.lifecycle import probe, records
from nsrunner.lifecycle.events import ContainerExited, ContainerFailed, ContainerStarted, HookDone, ImageReady
from nsrunner.lifecycle.orders import Due, PullFailed, Redefine, Turn, Want
from nsrunner.lifecycle.step import RETRY_DELAY, Step, after_end, again, back_off, permission, probing, rest, waiting
from nsrunner.lifecycle.stopping import begin_stop
from nsrunner.lifecycle.value import ContainerState as S
from nsrunner.lifecycle.value import ContainerValue, Then

__all__ = [
    "exit_before_answer",
    "image_ready",
    "post_start_done",
    "pull_due",
    "pull_failed",
    "record_failure",
    "record_start",
    "redefine_backed_off",
    "redefine_pulling",
    "retry_due",
    "start_failed",
    "started",
    "turn",
    "want",
]


def want(value: ContainerValue, event: Want, at: Step) -> ContainerValue:
    return replace(value, state=S.QUEUED)


def turn(value: ContainerValue, event: Turn, at: Step) -> ContainerValue:
    backoff, until = permission(value, at)
    if until is not None:
        return back_off(value, until, at)
    before, value = value.backoff, replace(value, backoff=backoff, killed=False, spared=False)
    if event.refused is not None:
        return _pull_back_off(value, event.refused.until, f"ErrImagePull: {event.refused.error}", at)
    at.out.ensure_image(at.plan.name)
    return replace(value, state=S.PULLING, backoff_before=before)


def image_ready(value: ContainerValue, event: ImageReady, at: Step) -> ContainerValue:
    present = f'Container image "{at.plan.image}" already present on machine and can be accessed by the pod'
    at.tell("Pulled", event.message or present)
    at.out.start(at.plan.name, value.next_attempt)
    return replace(value, state=S.STARTING, image_id=event.image_id)


def pull_failed(value: ContainerValue, event: PullFailed, at: Step) -> ContainerValue:
    match event.reason:
        case "ErrImagePull":
            at.warn("Failed", f'Failed to pull image "{at.plan.image}": {event.message}')
        case "ErrImageNeverPull":
            at.warn("ErrImageNeverPull", event.message)
        case _:
            at.warn("InspectFailed", event.message)
    at.warn("Failed", f"Error: {event.reason}")
    look_at = min(event.retry_at, at.now.mono + RETRY_DELAY)
    return replace(waiting(value, S.PULL_WAIT, look_at, event.reason, event.message), retry_at=event.retry_at)


def _pull_back_off(value: ContainerValue, until: float, error: str, at: Step) -> ContainerValue:
    text = f'Back-off pulling image "{at.plan.image}"'
    at.tell("BackOff", text)
    at.warn("Failed", "Error: ImagePullBackOff")
    return replace(waiting(value, S.PULL_WAIT, until, "ImagePullBackOff", f"{text}: {error}"), retry_at=until)


def pull_due(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    """The kubelet shows the error of the pull until its next look, then the back-off until the next pull."""
    assert value.retry_at is not None
    if value.retry_at > at.now.mono:
        return _pull_back_off(value, value.retry_at, f"{value.reason}: {value.message}", at)
    return retry_due(value, event, at)


def retry_due(value: ContainerValue, event: Due, at: Step) -> ContainerValue:
    return replace(value, state=S.QUEUED, due=None, retry_at=None)


def redefine_pulling(value: ContainerValue, event: Redefine, at: Step) -> ContainerValue:
    """It is another image that is wanted now."""
    at.out.abandon(at.plan.name)
    return rest(value, S.QUEUED)


def redefine_backed_off(value: ContainerValue, event: Redefine, at: Step) -> ContainerValue:
    """The back-off was of another image; this one starts from zero."""
    return again(value, at)


def record_start(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    """The start was answered: there is an instance. It is dead already when ``early`` was there."""
    at.tell("Created", "Container created")
    at.tell("Started", "Container started")
    running = records.started(event, image_id=value.image_id, early=value.early)
    value = records.add(value, running, at.plan.name, at.out)
    return replace(value, reason="", message="", early=None, backoff_before=None)


def started(value: ContainerValue, event: ContainerStarted, at: Step) -> ContainerValue:
    value = record_start(value, event, at)
    assert value.current is not None
    if value.current.finished is not None:
        return after_end(value, at)
    if at.plan.post_start:
        at.out.run_hook(at.plan.name, event.attempt, "PostStart")
        return rest(value, S.POST_START)
    return _run(value, at)


def post_start_done(value: ContainerValue, event: HookDone, at: Step) -> ContainerValue:
    if not event.error:
        return _run(value, at)
    at.warn("FailedPostStartHook", "PostStartHook failed")
    value = replace(value, reason="PostStartHookError", message=event.error)
    return begin_stop(value, at.now.mono + at.plan.grace, Then.DECIDE, "FailedPostStartHook", at)


def _run(value: ContainerValue, at: Step) -> ContainerValue:
    assert value.current is not None
    change = probe.begin(at.plan.probes, value.current.started.mono, at.now.mono)
    return probing(rest(value, S.RUNNING), change, at)


def record_failure(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    """The events of a failed start; and the record that RunContainerError leaves."""
    if event.reason != "RunContainerError":
        at.warn("Failed", f"Error: {event.message}")
        return value
    at.tell("Created", "Container created")
    at.warn("Failed", f"Error: {event.message}")
    dead = records.start_error(event, image_id=value.image_id, now=at.now)
    return records.add(value, dead, at.plan.name, at.out)


def start_failed(value: ContainerValue, event: ContainerFailed, at: Step) -> ContainerValue:
    value = record_failure(value, event, at)
    if event.reason == "RunContainerError":
        return after_end(replace(value, reason=event.reason, message=event.message), at)
    return waiting(value, S.CREATE_WAIT, at.now.mono + RETRY_DELAY, event.reason, event.message)


def exit_before_answer(value: ContainerValue, event: ContainerExited, at: Step) -> ContainerValue:
    return replace(value, early=records.ended(event, container_id="", image_id=value.image_id))
