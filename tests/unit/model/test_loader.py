from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nsrunner.errors import ManifestError
from nsrunner.model import Document, load, raise_for_errors
from nsrunner.model.decode import fields_of
from nsrunner.model.types import ConfigMap, Pod, Secret, Struct

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: x}]}\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n"
KNOWN_KINDS = 'kind: Unsupported value: "{}": supported values: "ConfigMap", "List", "Pod", "Secret"'


def errors(text: str) -> list[str]:
    return [str(error) for document in load(text.encode()) for error in document.errors]


def test_every_kind() -> None:
    documents = load(f"{POD}---\n{MAP}---\n{SECRET}".encode(), "all.yaml")
    assert [type(document.object) for document in documents] == [Pod, ConfigMap, Secret]
    assert [(item.kind, item.name, item.index, item.count) for item in documents] == [
        ("Pod", "web", 1, 3),
        ("ConfigMap", "m", 2, 3),
        ("Secret", "s", 3, 3),
    ]
    assert all(document.error() is None for document in documents)
    raise_for_errors(documents)


def test_the_namespace_of_those_that_name_none() -> None:
    own = MAP.replace("name: m", "name: m, namespace: own")
    documents = load(f"{POD}---\n{own}".encode(), namespace="ns")
    assert [document.namespace for document in documents] == ["ns", "own"]
    assert documents[0].object is not None
    assert documents[0].object.metadata.namespace == "ns"


def test_errors_name_source_document_kind_and_name() -> None:
    documents = load(f"{POD}---\n{MAP.replace('a: b', 'a: 1')}".encode(), "x.yaml")
    with pytest.raises(ManifestError) as raised:
        raise_for_errors(documents)
    assert str(raised.value) == (
        'x.yaml, document 2: ConfigMap "m" is invalid: '
        "data[a]: Invalid value: 1: expected string, got integer (put the value in quotes)"
    )
    (single,) = load(b"kind: Pod\napiVersion: v1\nspec: {}\n", "y.yaml")
    assert str(single.error()) == (
        "y.yaml: Pod is invalid:\n"
        "  * spec.containers: Required value\n"
        "  * metadata.name: Required value: name or generateName is required"
    )


def test_invalid_and_unsupported_are_told_apart() -> None:
    text = POD.replace("image: x", "image: x, livenessProbe: {periodSeconds: -1}")
    text = text.replace("spec: {", "spec: {runtimeClassName: gvisor, ")
    (document,) = load(text.encode())
    assert [str(error) for error in document.errors] == [
        "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
    ]
    assert [error.kind for error in document.unsupported] == ["Not supported"]
    error = document.error()
    assert error is not None
    assert len(error.errors) == 3


def test_decoding_and_validation_report_together() -> None:
    text = POD.replace("image: x", "image: 1, comand: [x]").replace("name: web", "name: Web")
    found = errors(text)
    assert len(found) == 3
    assert found[0].startswith("spec.containers[0].image: Invalid value: 1: expected string")
    assert found[1].startswith("spec.containers[0].comand: Unknown field")
    assert found[2].startswith('metadata.name: Invalid value: "Web"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: Pod\n", 'apiVersion: Required value: such as "v1"'),
        ("apiVersion: v1\n", 'kind: Required value: such as "Pod"'),
        ("apiVersion: v1\nkind: ''\n", 'kind: Required value: such as "Pod"'),
        ("apiVersion: v1\nkind: 1\n", "kind: Invalid value: expected string, got integer"),
        (
            "apiVersion: 1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}",
            "apiVersion: Invalid value: expected string, got integer",
        ),
        (
            "apiVersion: apps/v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}",
            'apiVersion: Unsupported value: "apps/v1": supported values: "v1"',
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\n",
            KNOWN_KINDS.format("Deployment")
            + " (nsrunner runs pods, no controllers: make a Pod of the metadata and spec of its template)",
        ),
        (
            "apiVersion: v1\nkind: pod\n",
            KNOWN_KINDS.format("pod") + ' (did you mean "Pod"?)',
        ),
        ("- a\n", "Invalid value: expected object, got array"),
        ("hello\n", "Invalid value: expected object, got string"),
        ("a: [\n", "Syntax error: line 2, column 1: while parsing a flow node: did not find expected node content"),
        ("", "Syntax error: no objects: the source is empty"),
        ("apiVersion: v1\nkind: List\n", "items: Required value: the list is empty"),
        ("apiVersion: v1\nkind: List\nitems: {}\n", "items: Required value: the list is empty"),
        ("apiVersion: v1\nkind: List\nitems: x\n", "items: Invalid value: expected array, got string"),
        ("apiVersion: v1\nkind: List\nitems: [1]\n", "items[0]: Invalid value: expected object, got integer"),
        ("apiVersion: v1\nkind: List\nitem: []\n", 'item: Unknown field (did you mean "items"?)'),
        ("apiVersion: v1\nkind: List\nitems: [{}]\n", 'items[0].apiVersion: Required value: such as "v1"'),
    ],
)
def test_headers(text: str, expected: str) -> None:
    assert expected in errors(text)
    assert load(text.encode())[0].error() is not None


def test_lists() -> None:
    pod = json.loads(json.dumps({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "x"}]}}))
    full = {"apiVersion": "v1", "kind": "Pod", **pod}
    bad = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"containers": [{"name": "a"}]}}
    nested = {"apiVersion": "v1", "kind": "List", "items": [full]}
    documents = load(
        json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [full, bad, nested]}).encode()
    )
    assert [document.name for document in documents] == ["a", "b", "a"]
    assert [document.index for document in documents] == [1, 1, 1]
    assert [str(error) for error in documents[1].errors] == ["items[1].spec.containers[0].image: Required value"]
    assert documents[2].fields[0].field == "items[2].items[0].metadata.name"
    typed = load(json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [pod, full]}).encode())
    assert [document.error() for document in typed] == [None, None]


def test_documents_before_a_syntax_error_are_there() -> None:
    documents = load(f"{POD}---\na: [\n".encode(), "x.yaml")
    assert documents[0].error() is None
    assert str(documents[1].error()).startswith("x.yaml, document 2: Syntax error: line ")


# --- nothing but Documents, in bounded time ---------------------------------------------------------------------------


def check(data: bytes) -> tuple[Document, ...]:
    started = time.monotonic()
    documents = load(data, "hostile")
    assert time.monotonic() - started < 20
    assert documents
    for document in documents:
        error = document.error()
        assert error is None or str(error)
        assert error is not None or document.object is not None
    return documents


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"{" * 100)
def test_any_bytes(data: bytes) -> None:
    check(data)


@given(st.text(alphabet=st.sampled_from("apiVersion: v1\nkind:Pod[]{}-\t\"'&*<|>#,!%0"), max_size=200))
def test_any_text(text: str) -> None:
    check(text.encode())


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "a", "Always", "Never", "1Gi", "-1", "/a/../b", "a\x00b", "v1", "host", "$(A)", "\u202e", "Aa_."]
    ),
    st.text(max_size=8),
)


def shaped(kind: type[Struct], depth: int) -> st.SearchStrategy[Any]:
    """Objects that look like ``kind``: its fields, with values of the right shape or junk."""

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        table = fields_of(kind)
        names = draw(st.lists(st.sampled_from(sorted(table)), max_size=6, unique=True))
        names += [name for name, field in table.items() if field.required and draw(st.booleans())]
        value: dict[str, Any] = {}
        for name in names:
            field = table[name]
            if field.item is not None and depth > 0:
                inner = shaped(field.item, depth - 1)
                value[name] = draw(st.lists(inner, max_size=2) if field.is_list else inner)
            else:
                value[name] = draw(
                    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
                )
        return value

    return build()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(
    st.one_of(
        *(
            shaped(kind, 4).map(lambda value, kind=kind: {**value, "apiVersion": "v1", "kind": kind.KIND})
            for kind in (Pod, ConfigMap, Secret)
        )
    )
)
def test_documents_of_the_right_shape(value: dict[str, Any]) -> None:
    check(json.dumps(value).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b"{" * 1_000_000,
        b'{"a":' * 100_000,
        b"- " * 100_000,
        b"a: &a [" + b"x," * 1000 + b"]\n" + b"".join(b"b%d: [%s]\n" % (n, b"*a," * 90) for n in range(5)),
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {"
        + b"".join(b"A%d_: -,\n" % n for n in range(20_000))
        + b"}}\n",
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: " + b"a" * 1_000_000 + b"}\n",
        b"apiVersion: v1\nkind: Pod\nspec: {x" + b"y" * 1_000_000 + b": 1}\n",
        b"apiVersion: v1\nkind: Pod\nspec: {containers: [" + b"{}," * 10_000 + b"]}\n",
        b"a: " + b"9" * 1_000_000,
        b'{"a": ' + b"9" * 1_000_000 + b"}",
        b"? " * 10_000,
        b"&a " * 10_000,
        b"!" * 10_000,
        b"%" * 10_000,
        b"\x00" * 10_000,
        b"--- \n" * 100_000,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_hostile_documents(data: bytes) -> None:
    for document in check(data):
        assert document.error() is not None
        assert len(document.errors) <= 101
