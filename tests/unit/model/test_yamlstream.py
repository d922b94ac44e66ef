from __future__ import annotations

import json
import string
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.stream import MAX_DEPTH, StreamError
from nsrunner.model.yamlstream import read_yaml


def values(text: str) -> list[Any]:
    documents = list(read_yaml(text))
    assert [document.error for document in documents] == [None] * len(documents)
    return [document.value for document in documents]


def problem(text: str) -> StreamError:
    error = list(read_yaml(text))[-1].error
    assert error is not None
    return error


def test_documents_are_counted_from_one() -> None:
    documents = list(read_yaml("a: 1\n---\n# nothing\n---\nb: 2\n"))
    assert [(document.index, document.value) for document in documents] == [(1, {"a": 1}), (2, None), (3, {"b": 2})]


def test_collections_quotes_and_blocks() -> None:
    text = """
a: [1, {b: c}, []]
"quoted": "yes"
single: 'null'
block: |
  no
folded: >-
  1
  2
empty:
"""
    assert values(text) == [
        {
            "a": [1, {"b": "c"}, []],
            "quoted": "yes",
            "single": "null",
            "block": "no\n",
            "folded": "1 2",
            "empty": None,
        }
    ]


def test_keys_become_strings_as_in_json() -> None:
    assert values("{yes: 1, 2: 2, 1.5: 3, null_: 4}") == [{"true": 1, "2": 2, "1.5": 3, "null_": 4}]
    assert values("&k a: 1\nb: *k\n") == [{"a": 1, "b": "a"}]
    assert values("x: &k a\n*k : 1\n") == [{"x": "a", "a": 1}]


def test_aliases_share_and_merges_give_way() -> None:
    document = values("base: &b {p: 1, q: 2}\none: {<<: *b, p: 3}\ntwo: {<<: [*b, {r: 4}]}\nthree: *b\n")[0]
    assert document["one"] == {"p": 3, "q": 2}
    assert document["two"] == {"p": 1, "q": 2, "r": 4}
    assert document["three"] is document["base"]


def test_tags() -> None:
    assert values("[!!str 1, !!int 2, !!float 3.5, !!bool yes, !!null ~, ! 4, !!timestamp 2001-01-01]") == [
        ["1", 2, 3.5, True, None, "4", "2001-01-01"]
    ]
    assert values("!!map {a: !!seq [!!float 1]}") == [{"a": [1]}]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: 1\na: 2\n", 'key "a" already set in map', 2, 1),
        ("a:\n  b: 1\n  c: 1\n  b: 2\n", 'key "b" already set in map', 4, 3),
        ("yes: 1\ntrue: 2\n", 'key "true" already set in map', 2, 1),
        ("a: *b\n", 'unknown anchor "b"', 1, 4),
        ("&a [1, *a]\n", 'anchor "a" contains itself', 1, 8),
        ("a: .nan\n", ".nan has no equivalent in JSON", 1, 4),
        ("~: 1\n", "a key must be a string, not null", 1, 1),
        ("? [a]\n: 1\n", "a key must be a string, not a list or an object", 1, 3),
        ("a: &a []\n*a : 1\n", "a key must be a string, not null", 2, 1),
        ("<<: 1\n", "map merge requires map or sequence of maps as the value", 1, 5),
        ("a: !x 1\n", 'tag "!x" is not supported for "1"', 1, 4),
        ("a: !!int x\n", 'tag "tag:yaml.org,2002:int" is not supported for "x"', 1, 4),
        ("!!set {a}\n", 'tag "tag:yaml.org,2002:set" is not supported', 1, 1),
        ("!!python/object/apply:os.system [x]\n", 'tag "tag:yaml.org,2002:python/object/apply:os.system" is not', 1, 1),
        ("a:\n\t- b\n", "found character that cannot start any token", 2, 1),
        ("a: b: c\n", "mapping values are not allowed in this context", 1, 5),
        ('a: "x\n', "found unexpected end of stream", 2, 1),
        ("a: [1\nb: 2\n", "did not find expected ',' or ']'", 2, 2),
        ("ok: 1\nbad: a\0b\n", "control character U+0000 is not allowed", 2, 7),
        ("ok: 1\nbad: a\x07b\n", "control character U+0007 is not allowed", 2, 7),
        ("%YAML 3.0\n---\na: 1\n", "found incompatible YAML document", 1, 1),
    ],
)
def test_problems_have_a_place(text: str, message: str, line: int, column: int) -> None:
    error = problem(text)
    assert message in error.problem
    assert (error.line, error.column) == (line, column)
    assert str(error.field_error()).startswith(f"Syntax error: line {line}, column {column}: ")


def test_tabs_and_colons_get_a_hint() -> None:
    assert "never with tabs" in problem("a:\n\t- b\n").hint
    assert "never with tabs" in problem("a: b\n\tc: d\n").hint
    assert "template" in problem("name: {{ .Values.name }}\n").hint
    assert "quotes" in problem("a: b: c\n").hint


def test_a_broken_document_does_not_hide_those_before_it() -> None:
    documents = list(read_yaml("a: 1\n---\nb: [\n"))
    assert documents[0].value == {"a": 1}
    assert documents[1].index == 2
    assert documents[1].error is not None


def test_depth_is_bounded_also_through_aliases() -> None:
    assert values("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert "nested deeper" in problem("[" * 65 + "]" * 65).problem
    assert "nested deeper" in problem("{a: " * 65 + "1" + "}" * 65).problem
    half = "[" * 40 + "]" * 40
    assert "nested deeper" in problem(f"a: &a {half}\nb: {'[' * 40}*a{']' * 40}\n").problem
    assert "nested deeper" in problem("- " * 5_000 + "a").problem
    assert problem("[" * 100_000).problem


def test_the_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    started = time.monotonic()
    assert "aliases make more than 50000 values" in problem("\n".join(lines)).problem
    assert time.monotonic() - started < 5


def test_the_number_of_aliases_is_bounded() -> None:
    text = "a: &a x\nb: [" + ", ".join(["*a"] * 101) + "]\n"
    assert problem(text).problem == "more than 100 aliases in one document"
    assert values("a: &a x\nb: [" + ", ".join(["*a"] * 100) + "]\n")
    # Each document has its own budget.
    assert len(values("---\n".join(["a: &a x\nb: [" + ", ".join(["*a"] * 60) + "]\n"] * 3))) == 3


def test_the_number_of_values_is_bounded() -> None:
    assert problem("[" + "1," * 250_001 + "]").problem == "the source has more than 250000 values"
    assert problem("---\n" * 10_001).problem == "the source has more than 10000 documents"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(string.printable, max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc123_", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_json_is_read_as_json(value: Any) -> None:
    assert values(json.dumps(value)) == [value]


@given(PLAIN)
def test_what_pyyaml_writes_is_read_back_as_strings_and_numbers(value: Any) -> None:
    text = yaml.safe_dump(value, default_style='"', allow_unicode=False)
    assert values(text) == [value]


@given(st.text(alphabet=st.sampled_from("ab: -[]{}\n\t&*!|>'\"#%?,<~01.\0"), max_size=80))
def test_any_text_gives_documents_and_nothing_else(text: str) -> None:
    documents = list(read_yaml(text))
    assert all(document.error is None for document in documents[:-1])
    for document in documents:
        json.dumps(document.value, allow_nan=False)
