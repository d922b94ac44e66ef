from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.cli.jsonpath import JsonPath, JsonPathError, relaxed

# The input and the examples of kubernetes.io/docs/reference/kubectl/jsonpath.
DOCUMENT: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
            "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]},
        },
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.2"},
            "status": {
                "capacity": {"cpu": "8"},
                "addresses": [
                    {"type": "LegacyHostIP", "address": "127.0.0.2"},
                    {"type": "another", "address": "127.0.0.3"},
                ],
            },
        },
    ],
    "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
    "numbers": [0, 1, 2, 3, 4],
    "flag": True,
    "none": None,
    "half": 1.5,
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("kind is {.kind}", "kind is List"),
        ("{.kind}", "List"),
        ("{['kind']}", "List"),
        (r"{.items[0].metadata.labels.kubernetes\.io/hostname}", "127.0.0.1"),
        (r"{.items[0].metadata.labels['kubernetes\.io/hostname']}", "127.0.0.1"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.users[-1].name}", "e2e"),
        ("{.items[*]['metadata.name', 'status.capacity']}", '127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}'),
        ('{.users[?(@.name=="e2e")].user.password}', "secret"),
        ("{.users[?(@.name!='e2e')].name}", "myself"),
        (
            "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
            '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] ',
        ),
        ("{range .items[*]}{.metadata.name}{'\\t'}{end}", "127.0.0.1\t127.0.0.2\t"),
        ('{range .items[*]}{.metadata.name}{"\\n"}{end}', "127.0.0.1\n127.0.0.2\n"),
        ("{..address}", "127.0.0.1 127.0.0.2 127.0.0.3"),
        ("{..metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.numbers[1:3]}", "1 2"),
        ("{.numbers[:2]} {.numbers[3:]} {.numbers[-2:]}", "0 1 3 4 3 4"),
        ("{.numbers[0:5:2]}", "0 2 4"),
        ("{.numbers[0,3]}", "0 3"),
        ("{.numbers}", "[0,1,2,3,4]"),
        ("{.flag} {.none} {.half} {.nothing.at.all}|", "true  1.5 |"),
        ("{.items[0].status.capacity.*}", "4"),
        ("{.items[*].status.addresses[?(@.type=='another')].address}", "127.0.0.3"),
        ("{@.kind} {$.kind}", "List List"),
        ("{range .items[*]}{range .status.addresses[*]}{.address},{end};{end}", "127.0.0.1,;127.0.0.2,127.0.0.3,;"),
        ("{range .items[*]}{$.metadata.name} {end}", "127.0.0.1 127.0.0.2 "),
        ("{ .kind } {3} {'it\\'s'}", "List 3 it's"),
        ("plain, and }", "plain, and }"),
        ("", ""),
    ],
)
def test_render(template: str, expected: str) -> None:
    assert JsonPath(template).render(DOCUMENT) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("@.n>1", [2, 3]),
        ("@.n >= 2", [2, 3]),
        ("@.n<2", [1]),
        ("@.n<=1", [1]),
        ("@.n==2", [2]),
        ("@.b==true", [1]),
        ("@.b==1", []),
        ("@.s>'a'", [2]),
        ("@.s", [1, 2]),
        ("2<@.n", [3]),
    ],
)
def test_filters(filter: str, expected: list[int]) -> None:
    items = [{"n": 1, "b": True, "s": "a"}, {"n": 2, "b": False, "s": "b"}, {"n": 3}]
    assert [each["n"] for each in JsonPath(f"{{.items[?({filter})]}}").find({"items": items})] == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{.items[0]", "unclosed action"),
        ("{", "unclosed action"),
        ("{.a[", "unclosed action"),
        ("{'a", "unclosed action"),
        ("{.a['b]}", "unterminated quoted string"),
        ("{items}", "unrecognized identifier items"),
        ("{.a[x]}", "invalid array index x"),
        ("{.a[0:1:0]}", "step must be > 0"),
        ('{.a[?(@.b=="c" && @.d)]}', r"unrecognized character in action: U\+0026 '&'"),
        ("{range .items[*]}x", "{end} is missing"),
        ("{range .items[*] x}{end}", "unrecognized"),
        ("{end}", "not in range, nothing to end"),
        ("{.a[]}", "invalid array index"),
    ],
)
def test_templates_that_cannot_be_read(template: str, problem: str) -> None:
    with pytest.raises(JsonPathError, match=problem):
        JsonPath(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{.numbers[9]}", "array index out of bounds: index 9, length 5"),
        ("{.numbers[-6]}", "array index out of bounds"),
        ("{.items[?(@.status.addresses[1])].metadata.name}", "array index out of bounds: index 1, length 1"),
        ("{.kind[0]}", "str is not array or slice"),
        ("{.items[?(@.kind>1)]}", "cannot compare None with 1"),
    ],
)
def test_what_is_not_there(template: str, problem: str) -> None:
    with pytest.raises(JsonPathError, match=problem):
        JsonPath(template).render(DOCUMENT)


@pytest.mark.parametrize("expression", ["metadata.name", ".metadata.name", "{metadata.name}", "{.metadata.name}"])
def test_relaxed(expression: str) -> None:
    assert relaxed(expression) == "{.metadata.name}"


def test_relaxed_refuses_templates() -> None:
    assert relaxed("['a']") == "{['a']}"
    for bad in ("{.a} {.b}", "", "{", "x{.a}"):
        with pytest.raises(JsonPathError, match="unexpected path string"):
            relaxed(bad)


@given(st.text(alphabet="{}[]().@$*?'\"\\,:=<>!ab01 -", max_size=30))
def test_any_template_is_read_or_refused(template: str) -> None:
    try:
        JsonPath(template).render(DOCUMENT)
    except JsonPathError:
        pass
