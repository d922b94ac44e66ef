"""Accept headers, and the form that is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.errors import ApiError
from nsrunner.api.server.media import Form, negotiate, parse_accept

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json", Form()),
        ("application/yaml", Form("application/yaml")),
        ("application/yaml;q=0.1, application/json", Form()),
        ("application/vnd.kubernetes.protobuf,application/json", Form()),
        (f"{TABLE},application/json", Form(kind="Table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Form(kind="Table", version="v1beta1")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form()),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Form(kind="PartialObjectMetadata"),
        ),
        ("application/json;q=odd, */*", Form()),
    ],
)
def test_forms(header: str, expected: Form) -> None:
    assert negotiate(header) == expected


@pytest.mark.parametrize("header", ["text/html", "application/json;q=0", "application/json;as=Table;g=other"])
def test_what_cannot_be_given(header: str) -> None:
    with pytest.raises(ApiError, match="only the following media types are accepted") as caught:
        negotiate(header)
    assert caught.value.code == 406


def test_the_preferred_comes_first_and_the_rest_is_bounded() -> None:
    ranges = parse_accept("a/a;q=0.2, b/b, c/c;q=0.5;x=y")
    assert [(each.type, each.quality) for each in ranges] == [("b/b", 1.0), ("c/c", 0.5), ("a/a", 0.2)]
    assert ranges[1].parameters == {"x": "y"}
    assert len(parse_accept(",".join(["a/a"] * 10_000))) == 32


@given(st.text())
def test_any_header(header: str) -> None:
    try:
        negotiate(header)
    except ApiError as error:
        assert error.code == 406
