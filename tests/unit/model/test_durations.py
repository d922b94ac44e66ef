from __future__ import annotations

import math

import pytest

from nsrunner.errors import FieldError
from nsrunner.model.decode import decode
from nsrunner.model.durations import go_seconds
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types.base import Duration, Struct


class Thing(Struct, frozen=True, kw_only=True):
    takes: Duration = Duration(0.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1.5s", 1.5), ("500ms", 0.5), ("0s", 0), ("90", None), ("s", None), ("-1s", None)],
)
def test_go_seconds(text: str, seconds: float | None) -> None:
    assert go_seconds(text) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("2m", 120), (3, 3), (0.25, 0.25), ("never", math.inf)])
def test_a_field_that_is_a_duration(value: object, seconds: float) -> None:
    report = Report()
    assert decode(Thing, {"takes": value}, ROOT, report, skip=frozenset()).takes == seconds
    assert not report.errors


@pytest.mark.parametrize("value", [True, [1], "soon", "90", -1, 2e9])
def test_what_is_no_duration(value: object) -> None:
    report = Report()
    assert decode(Thing, {"takes": value}, ROOT, report, skip=frozenset()).takes == 0
    [error] = report.errors
    assert isinstance(error, FieldError) and (error.field, error.kind) == ("takes", "Invalid value")
    assert "duration" in error.detail
