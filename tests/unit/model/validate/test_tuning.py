from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from unit.model.conftest import manifest

Problems = Callable[[object], list[str]]
AT = "metadata.annotations"
EXEC = {"exec": {"command": ["x"]}}
PERIOD = "nsrunner.dev/probe-period-ms."
BACK_OFF = "nsrunner.dev/restart-backoff-"
DURATION = "must be a duration of at least 100ms, such as 500ms, 10s or 1h30m"
MILLISECONDS = "must be a whole number of milliseconds, at least 10"
SHAPE = "must end in the name of a container and the type of a probe: liveness, readiness, startup"


def tuned(annotations: dict[str, str]) -> dict[str, Any]:
    sidecar = {"name": "proxy", "image": "x", "restartPolicy": "Always", "startupProbe": EXEC}
    pod = manifest({"livenessProbe": EXEC, "readinessProbe": EXEC}, initContainers=[sidecar])
    pod["metadata"]["annotations"] = annotations
    return pod


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"example.com/probe-period-ms": "x"},
        {f"{PERIOD}main.liveness": "10", f"{PERIOD}main.readiness": "250", f"{PERIOD}proxy.startup": "100000"},
        {f"{BACK_OFF}initial": "100ms", f"{BACK_OFF}maximum": "1m30s", f"{BACK_OFF}reset": "1.5h"},
        {f"{BACK_OFF}initial": "1h"},
        {f"{BACK_OFF}initial": "5s", f"{BACK_OFF}maximum": "5s"},
    ],
)
def test_good(problems: Problems, annotations: dict[str, str]) -> None:
    assert problems(tuned(annotations)) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (f"{PERIOD}main.liveness", "9", f'[KEY]: Invalid value: "9": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "0.5", f'[KEY]: Invalid value: "0.5": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "-100", f'[KEY]: Invalid value: "-100": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "", f'[KEY]: Invalid value: "": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "٣٠٠", f'[KEY]: Invalid value: "٣٠٠": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "2147483648", f'[KEY]: Invalid value: "2147483648": {MILLISECONDS}'),
        (f"{PERIOD}main.liveness", "9" * 5000, f'[KEY]: Invalid value: "{"9" * 120}…": {MILLISECONDS}'),
        (f"{PERIOD}main.startup", "100", ': Invalid value: "KEY": container "main" has no startupProbe'),
        (f"{PERIOD}proxy.liveness", "100", ': Invalid value: "KEY": container "proxy" has no livenessProbe'),
        (
            f"{PERIOD}mian.liveness",
            "100",
            ': Invalid value: "KEY": there is no container "mian" (did you mean "main"?)',
        ),
        (f"{PERIOD}main.livenes", "100", f': Invalid value: "KEY": {SHAPE} (did you mean "liveness"?)'),
        (f"{PERIOD}liveness", "100", f': Invalid value: "KEY": {SHAPE}'),
        (f"{BACK_OFF}initial", "10", f'[KEY]: Invalid value: "10": {DURATION}'),
        (f"{BACK_OFF}initial", "99ms", f'[KEY]: Invalid value: "99ms": {DURATION}'),
        (f"{BACK_OFF}maximum", "-5s", f'[KEY]: Invalid value: "-5s": {DURATION}'),
        (f"{BACK_OFF}reset", "5 s", f'[KEY]: Invalid value: "5 s": {DURATION}'),
        (f"{BACK_OFF}reset", "999999999h", f'[KEY]: Invalid value: "999999999h": {DURATION}'),
        (
            f"{BACK_OFF}initail",
            "10s",
            ': Invalid value: "KEY": no annotation of nsrunner; there are nsrunner.dev/restart-backoff-initial, '
            "nsrunner.dev/restart-backoff-maximum, nsrunner.dev/restart-backoff-reset, "
            'nsrunner.dev/probe-period-ms.CONTAINER.TYPE (did you mean "nsrunner.dev/restart-backoff-initial"?)',
        ),
    ],
)
def test_bad(problems: Problems, key: str, value: str, expected: str) -> None:
    assert problems(tuned({key: value})) == [AT + expected.replace("KEY", key)]


def test_the_first_delay_is_not_longer_than_the_longest(problems: Problems) -> None:
    assert problems(tuned({f"{BACK_OFF}initial": "1m1s", f"{BACK_OFF}maximum": "61s"})) == []
    assert problems(tuned({f"{BACK_OFF}initial": "2m", f"{BACK_OFF}maximum": "60s"})) == [
        f'{AT}[{BACK_OFF}initial]: Invalid value: "2m": must not be longer than {BACK_OFF}maximum'
    ]
