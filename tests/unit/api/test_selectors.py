"""Label and field selectors, as kubectl and client-go write them."""

from __future__ import annotations

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.selectors import fixed_fields, parse_fields, parse_labels

LABELS = {"app": "web", "tier": "front", "example.com/n": "5", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        "app = web, tier=front",
        "app!=db",
        "other!=x",
        "!other",
        "app in (web, db)",
        "app in (web),tier notin (back)",
        "other notin (a)",
        "empty=",
        "empty in (,a)",
        "example.com/n gt 4",
        "example.com/n<6",
    ],
)
def test_labels_that_match(text: str) -> None:
    assert parse_labels(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "app=db",
        "app!=web",
        "!app",
        "app in (db)",
        "other in (a)",
        "app notin (web)",
        "app gt 1",
        "app=web,other",
    ],
)
def test_labels_that_do_not(text: str) -> None:
    assert not parse_labels(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "=",
        "app in",
        "app in (",
        "app in (a",
        "app in (a b)",
        "a,",
        ",",
        "app=we b",
        "a=b=c",
        "-a=b",
        "n gt x",
        "a ? b",
        "!",
    ],
)
def test_labels_that_make_no_sense(text: str) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement") as caught:
        parse_labels(text)
    assert caught.value.code == 400


FIELDS = {"metadata.name": "web", "status.phase": "Running", "spec.odd": "a,b=c\\d"}


@pytest.mark.parametrize(
    "text",
    ["", "metadata.name=web", "metadata.name==web,status.phase!=Failed", r"spec.odd=a\,b\=c\\d"],
)
def test_fields_that_match(text: str) -> None:
    assert parse_fields(text, FIELDS)(FIELDS)


def test_fields_that_do_not() -> None:
    assert not parse_fields("metadata.name=web,status.phase=Failed", FIELDS)(FIELDS)


@pytest.mark.parametrize(
    ("text", "words"), [("spec.image=x", "field label not supported"), ("metadata.name", "can't understand")]
)
def test_fields_that_make_no_sense(text: str, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        parse_fields(text, FIELDS)
    assert caught.value.code == 400


def test_fields_for_which_one_value_is_left() -> None:
    assert fixed_fields("metadata.name=a\\,b,status.phase!=Failed,spec.nodeName==n") == {
        "metadata.name": "a,b",
        "spec.nodeName": "n",
    }
    assert fixed_fields("") == {}
