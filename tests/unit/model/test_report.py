from __future__ import annotations

import pytest

from nsrunner.model.path import ROOT
from nsrunner.model.quantity import Quantity
from nsrunner.model.report import MAX_ERRORS, Report, quoted, shown

SPEC = ROOT / "spec"


def only(report: Report) -> str:
    (error,) = report.close()
    return str(error)


def test_the_wording_is_that_of_the_api() -> None:
    for fill, expected in (
        (lambda r: r.required(SPEC / "a"), "spec.a: Required value"),
        (lambda r: r.required(SPEC / "a", "why"), "spec.a: Required value: why"),
        (lambda r: r.invalid(SPEC / "a", "A", "bad"), 'spec.a: Invalid value: "A": bad'),
        (lambda r: r.invalid(SPEC / "a", -1, "bad", "try 1"), "spec.a: Invalid value: -1: bad (try 1)"),
        (
            lambda r: r.unsupported_value(SPEC / "a", "x", ("c", "b")),
            'spec.a: Unsupported value: "x": supported values: "b", "c"',
        ),
        (lambda r: r.duplicate(SPEC / "a", "x"), 'spec.a: Duplicate value: "x"'),
        (lambda r: r.forbidden(SPEC / "a", "why"), "spec.a: Forbidden: why"),
        (lambda r: r.not_found(SPEC / "a", "x"), 'spec.a: Not found: "x"'),
        (lambda r: r.too_long(SPEC / "a", 5), "spec.a: Too long: may not be more than 5 bytes"),
        (lambda r: r.too_many(SPEC / "a", 9, 5), "spec.a: Too many: 9: must have at most 5 items"),
        (lambda r: r.unknown(SPEC / "a", ""), "spec.a: Unknown field"),
        (lambda r: r.missing(SPEC / "a"), "spec.a: Required value"),
        (lambda r: r.undecodable(SPEC / "a", "1", "why", "how"), "spec.a: Invalid value: 1: why (how)"),
    ):
        report = Report()
        fill(report)
        assert only(report) == expected


def test_nothing_is_said_twice_about_what_could_not_be_decoded() -> None:
    report = Report()
    report.undecodable(SPEC / "a", "", "expected array")
    report.required(SPEC / "a")
    report.required((SPEC / "a")[0] / "name")
    report.required(SPEC / "a" / "b")
    assert len(report.close()) == 1
    report.required(SPEC / "ab")
    assert len(report.close()) == 2


def test_a_flood_of_errors_is_cut() -> None:
    report = Report()
    for index in range(MAX_ERRORS + 50):
        report.undecodable((SPEC / "a")[index], "", "x")
    errors = report.close()
    assert len(errors) == MAX_ERRORS + 1
    assert str(errors[-1]) == "Too many: 50 more errors are not shown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a\nb\tc\r", '"a\\nb\\tc\\r"'),
        ("\x1b[31m\x7f", '"\\x1b[31m\\x7f"'),
        ("\u202e", '"\\u202e"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("ä 😀", '"ä 😀"'),
    ],
)
def test_text_is_quoted_as_in_go(text: str, expected: str) -> None:
    assert quoted(text) == expected


def test_long_values_are_shortened() -> None:
    assert len(quoted("x" * 1_000_000)) < 200
    assert shown(10**200) == "a number of more than 120 digits"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", '"x"'),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (12, "12"),
        (1.5, '"1.5"'),
        ({}, "an object"),
        ([], "a list"),
        ((), "a list"),
        (Quantity("1Gi"), '"1Gi"'),
    ],
)
def test_values_are_shown(value: object, expected: str) -> None:
    assert shown(value) == expected
