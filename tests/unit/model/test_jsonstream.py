from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.jsonstream import read_json
from nsrunner.model.stream import MAX_DEPTH, MAX_NODES, StreamError


def values(text: str) -> list[Any]:
    documents = list(read_json(text))
    assert [document.error for document in documents] == [None] * len(documents)
    return [document.value for document in documents]


def problem(text: str) -> StreamError:
    error = list(read_json(text))[-1].error
    assert error is not None
    return error


def test_several_documents_may_follow_each_other() -> None:
    assert values('{"a": 1}\n{"b": [true, null, "x"]} {}') == [{"a": 1}, {"b": [True, None, "x"]}, {}]
    assert [document.index for document in read_json("{}{}")] == [1, 2]


def test_numbers_are_those_of_json_in_go() -> None:
    assert values('{"a": 1.0, "b": 1e3, "c": 0.5, "d": 18446744073709551616}') == [
        {"a": 1, "b": 1000, "c": 0.5, "d": 2**64}
    ]


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert values(r'{"a": "\ud800", "b": "\ud83d\ude00", "c": "\\ud800", "\udc00": "\\\udfff"}') == [
        {"a": "\ufffd", "b": "\U0001f600", "c": r"\ud800", "\ufffd": "\\\ufffd"}
    ]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ('{"a": 1,\n "a": }', "Expecting value", 2, 7),
        ('{"a": 1', "Expecting ',' delimiter", 1, 8),
        ('{"a": "\n"}', "Invalid control character", 1, 8),
        ('{}\n{"a"}', "Expecting ':' delimiter", 2, 5),
        ('{"a": 1, "a": 2}', 'key "a" already set in map', 0, 0),
        ('{"a": NaN}', "NaN is not JSON", 0, 0),
        ('{"a": 1e400}', "number 1e400 is too large", 0, 0),
        ('{"a": -1e400}', "number -1e400 is too large", 0, 0),
        ('{"a": ' + "9" * 5000 + "}", "a number of 5000 digits is too large", 0, 0),
        ('{"a": 1.' + "9" * 5000 + "}", "a number of 5002 digits is too large", 0, 0),
        ("{}\n" + "[" * 65, "nested deeper than 64 levels", 2, 65),
        ("{}" * 10_001, "the source has more than 10000 documents", 0, 0),
        ('{"a": [' + "1," * 250_001 + "1]}", "the source has more than 250000 values", 0, 0),
    ],
)
def test_problems(text: str, message: str, line: int, column: int) -> None:
    error = problem(text)
    assert message in error.problem
    assert (error.line, error.column) == (line, column)


def test_brackets_in_strings_are_not_nesting() -> None:
    text = "[" * 1000 + '\\"' + "{" * 1000
    assert values(f'{{"a": "{text}"}}') == [{"a": text.replace('\\"', '"')}]
    assert values("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@pytest.mark.parametrize("unit", ['\\"', "\\\\", "\\u0041", "\\ud800", '"', "{", "\\"])
@pytest.mark.parametrize("start", ['{"', '{"a": "'])
def test_strings_of_escapes_take_linear_time(start: str, unit: str) -> None:
    started = time.monotonic()
    for document in read_json(start + unit * (1_000_000 // len(unit))):
        assert document.error is not None or document.value is not None
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("text", ["0", "[]", '",,,,,"'])
def test_values_are_counted_however_flat_they_lie(text: str) -> None:
    assert "has more than" in problem(f'{{"a": [{",".join([text] * (MAX_NODES + 1))}]}}').problem


def test_commas_in_strings_are_not_values() -> None:
    text = "," * (MAX_NODES + 1)
    assert values(f'{{"a": "{text}"}}') == [{"a": text}]


def test_deep_nesting_never_reaches_the_recursive_parser() -> None:
    assert problem('{"a":' * 1_000_000).problem == "nested deeper than 64 levels"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_reads_what_json_writes(value: Any) -> None:
    assert values(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()) is not None
    assert values(json.dumps(value)) == [json.loads(json.dumps(value).encode())]


@given(st.text(alphabet='{}[]",:\\ud8012e-. ntrue', max_size=60))
def test_any_text_gives_documents_and_nothing_else(text: str) -> None:
    for document in read_json("{" + text):
        json.dumps(document.value, allow_nan=False).encode()
