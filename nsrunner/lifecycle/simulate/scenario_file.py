"""From the bytes of a scenario file to a :class:`Scenario` that fits a pod; everything that is wrong comes at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from nsrunner.errors import FieldError, ManifestError
from nsrunner.lifecycle.conditions import OURS
from nsrunner.lifecycle.simulate.scenario import (
    Action,
    ContainerScript,
    HookScripts,
    ImageStep,
    ProbeScripts,
    Run,
    SandboxStep,
    Scenario,
    Window,
)
from nsrunner.model.change import with_ephemeral
from nsrunner.model.decode import decode, did_you_mean, type_name
from nsrunner.model.durations import go_seconds
from nsrunner.model.path import ROOT, Path
from nsrunner.model.report import Report
from nsrunner.model.source import read_documents
from nsrunner.model.types import AnyContainer, Pod

__all__ = ["DEFAULT_END", "FINISHED", "end_of", "read_scenario"]

FINISHED: Final = "finished"
DEFAULT_END: Final = 3600.0
"""Seconds that are simulated when the scenario says nothing of it."""
_LONGEST: Final = 86400.0
"""Seconds that a pod has to finish."""

_IMAGE_REASONS: Final = ("ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
_START_REASONS: Final = ("RunContainerError", "CreateContainerError", "CreateContainerConfigError")
_SANDBOX_REASONS: Final = ("FailedCreatePodSandBox", "FailedMount")
_RESULTS: Final = ("success", "failure", "error")
_STATUSES: Final = ("True", "False", "Unknown")
_ACTIONS: Final = ("delete", "sandboxDies", "setCondition", "addEphemeralContainer")


def end_of(scenario: Scenario) -> tuple[float, bool]:
    """Seconds after which the simulation ends, and whether it ends before that when the pod has finished."""
    until = scenario.until
    if until is None:
        return DEFAULT_END, False
    if until == FINISHED:
        return _LONGEST, True
    seconds = until if isinstance(until, int) else go_seconds(until)
    return _LONGEST if seconds is None else float(seconds), False


def read_scenario(data: bytes, source: str, pod: Pod) -> Scenario:
    """The scenario for this pod. Raises ManifestError with all that is wrong with it."""
    documents = read_documents(data)
    report = Report()
    scenario = Scenario()
    first = documents[0]
    if documents[-1].error is not None:
        report.add(documents[-1].error.field_error())
    elif len(documents) > 1:
        report.add(FieldError("", "Too many", str(len(documents)), "a scenario is one document"))
    elif not isinstance(first.value, dict):
        report.add(FieldError("", "Invalid value", detail=f"expected object, got {type_name(first.value)}"))
    else:
        scenario = decode(Scenario, first.value, ROOT, report, skip=frozenset())
        _Check(pod, scenario, report).everything()
    if report.errors:
        raise ManifestError(report.close(), source=source, kind="Scenario")
    return scenario


class _Step(Protocol):
    @property
    def times(self) -> int | None: ...


class _Check:
    """What the types alone do not say."""

    def __init__(self, pod: Pod, scenario: Scenario, report: Report) -> None:
        spec = pod.spec
        self._pod = pod
        self._scenario = scenario
        self._report = report
        everyone = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)
        self._containers: dict[str, AnyContainer] = {each.name: each for each in everyone}
        for action in scenario.actions:
            if (added := action.add_ephemeral_container) is not None:
                self._containers.setdefault(added.name, added)

    def everything(self) -> None:
        report, until = self._report, self._scenario.until
        if isinstance(until, str) and until != FINISHED and go_seconds(until) is None:
            report.invalid(ROOT / "until", until, f'expected a duration such as 1h30m, or "{FINISHED}"')
        elif end_of(self._scenario)[0] <= 0:
            report.invalid(ROOT / "until", until, "must be greater than 0")
        self._steps(ROOT / "sandbox", self._scenario.sandbox)
        for index, step in enumerate(self._scenario.sandbox):
            self._sandbox((ROOT / "sandbox")[index], step)
        for name, script in self._scenario.containers.items():
            self._container((ROOT / "containers")[name], name, script)
        for index, action in enumerate(self._scenario.actions):
            self._action((ROOT / "actions")[index], action)

    def _sandbox(self, path: Path, step: SandboxStep) -> None:
        self._reason(path, step.reason, step.error, "error", _SANDBOX_REASONS)
        self._finite(path / "takes", step.takes)

    def _container(self, path: Path, name: str, script: ContainerScript) -> None:
        container = self._containers.get(name)
        if container is None:
            known = ", ".join(self._containers)
            hint = did_you_mean(name, self._containers) or f"the pod has {known}"
            self._report.add(FieldError(str(path), "Not found", f'"{name}"', "no such container in the pod", hint))
            return
        self._steps(path / "image", script.image)
        for index, image in enumerate(script.image):
            self._image((path / "image")[index], image)
        self._steps(path / "runs", script.runs)
        for index, run in enumerate(script.runs):
            self._run((path / "runs")[index], run)
        self._probes(path / "probes", container, script.probes)
        self._hooks(path / "hooks", container, script.hooks)

    def _image(self, path: Path, step: ImageStep) -> None:
        self._reason(path, step.reason, step.error, "error", _IMAGE_REASONS)
        self._finite(path / "takes", step.takes)

    def _run(self, path: Path, run: Run) -> None:
        self._reason(path, run.reason, run.start_error, "startError", _START_REASONS)
        self._finite(path / "takes", run.takes)
        for where, code in ((path / "exit", run.exit), (path / "stop" / "exit", run.stop.exit)):
            if code is not None and not 0 <= code <= 255:
                self._report.invalid(where, code, "must be between 0 and 255")
        if run.start_error is not None and run.exit is not None:
            self._report.forbidden(path / "exit", "what cannot be started (startError) does not exit")
        elif run.exit is None and run.after:
            self._report.required(path / "exit", "the code with which it ends after that time")
        else:
            self._finite(path / "after", run.after)

    def _probes(self, path: Path, container: AnyContainer, scripts: ProbeScripts) -> None:
        for name, probe, windows in (
            ("startup", container.startup_probe, scripts.startup),
            ("readiness", container.readiness_probe, scripts.readiness),
            ("liveness", container.liveness_probe, scripts.liveness),
        ):
            if windows and probe is None:
                self._report.forbidden(path / name, f'container "{container.name}" has no {name}Probe')
            for index, window in enumerate(windows):
                self._window((path / name)[index], window)

    def _window(self, path: Path, window: Window) -> None:
        self._choice(path / "result", window.result, _RESULTS)
        self._finite(path / "from", window.from_)
        if window.to <= window.from_:
            self._report.invalid(path / "to", f"{window.to:g}s", "must be later than from")

    def _hooks(self, path: Path, container: AnyContainer, scripts: HookScripts) -> None:
        lifecycle = container.lifecycle
        for name, handler, steps in (
            ("postStart", lifecycle and lifecycle.post_start, scripts.post_start),
            ("preStop", lifecycle and lifecycle.pre_stop, scripts.pre_stop),
        ):
            if steps and handler is None:
                self._report.forbidden(path / name, f'container "{container.name}" has no lifecycle.{name}')
            self._steps(path / name, steps)

    def _action(self, path: Path, action: Action) -> None:
        self._finite(path / "at", action.at)
        if action.at > end_of(self._scenario)[0]:
            self._report.invalid(path / "at", f"{action.at:g}s", "the simulation ends before that", "raise until")
        given = (action.delete, action.sandbox_dies, action.set_condition, action.add_ephemeral_container)
        names = [name for name, what in zip(_ACTIONS, given, strict=True) if what]
        if len(names) != 1:
            detail = "exactly one of " + ", ".join(_ACTIONS)
            self._report.add(FieldError(str(path), "Invalid value", ", ".join(names), detail))
        if action.delete is not None and (action.delete.grace_period or 0) < 0:
            where = path / "delete" / "gracePeriod"
            self._report.invalid(where, action.delete.grace_period, "must be greater than or equal to 0")
        if action.set_condition is not None:
            here = path / "setCondition"
            self._choice(here / "status", action.set_condition.status, _STATUSES)
            if action.set_condition.type in OURS:
                self._report.forbidden(here / "type", f'"{action.set_condition.type}" is decided by the pod itself')
        if action.add_ephemeral_container is not None:
            try:
                self._pod = with_ephemeral(self._pod, action.add_ephemeral_container)
            except ManifestError as error:
                for problem in error.errors:
                    inside = problem.field.partition("].")[2]
                    field = f"{path}.addEphemeralContainer" + (f".{inside}" if inside else "")
                    self._report.add(problem._replace(field=field))

    # --- what several have in common

    def _steps(self, path: Path, steps: Sequence[_Step]) -> None:
        for index, step in enumerate(steps):
            if step.times is not None and step.times < 1:
                self._report.invalid(path[index] / "times", step.times, "must be at least 1")

    def _reason(self, path: Path, reason: str | None, error: str | None, needs: str, known: Iterable[str]) -> None:
        if reason is None:
            return
        self._choice(path / "reason", reason, known)
        if error is None:
            self._report.required(path / needs, "a reason goes with an error")

    def _choice(self, path: Path, value: str, known: Iterable[str]) -> None:
        if value not in known:
            self._report.unsupported_value(path, value, known, did_you_mean(value, known))

    def _finite(self, path: Path, seconds: Any) -> None:
        if seconds == float("inf"):
            self._report.invalid(path, "never", "must come to an end")
