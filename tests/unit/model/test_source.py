from __future__ import annotations

import pytest

from nsrunner.model.source import MAX_SIZE, looks_like_json, read_documents


def problem(data: bytes) -> str:
    error = read_documents(data)[-1].error
    assert error is not None
    return str(error.field_error())


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"# only a comment\n", b"---\n---\n", b"---\nnull\n...\n", b"\xef\xbb\xbf"]
)
def test_an_empty_source_is_an_error(data: bytes) -> None:
    assert problem(data) == "Syntax error: no objects: the source is empty"


def test_empty_documents_are_left_out_but_counted() -> None:
    documents = read_documents(b"---\n# nothing\n---\na: 1\n---\n---\nb: 2\n")
    assert [(document.index, document.value) for document in documents] == [(2, {"a": 1}), (4, {"b": 2})]


def test_json_and_yaml_in_flow_style() -> None:
    assert read_documents(b'{"a": "\\/"}')[0].value == {"a": "/"}
    assert read_documents(b"{a: b, # comment\n c: d}\n---\ne: f\n")[1].value == {"e": "f"}
    assert read_documents(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")[0].value == {"a": 1, "b": 2}


def test_when_it_is_neither_json_complains() -> None:
    assert problem(b'{"a": 1,, "b": 2}') == (
        "Syntax error: line 1, column 9: Expecting property name enclosed in double quotes"
    )


def test_only_utf8() -> None:
    assert problem(b"a: 1\nb: x\xff\n") == "Syntax error: line 2, column 5: byte 0xff is not UTF-8 text"
    assert problem("a: 1".encode("utf-16")).endswith("is not UTF-8 text (it looks like UTF-16: save it as UTF-8)")
    assert problem(b"\x7fELF\0\xff").endswith("is not UTF-8 text (it looks like a binary file)")
    assert "not UTF-8 text" in problem(b"a: \xed\xa0\x80")


def test_the_size_is_bounded() -> None:
    assert read_documents(b"a: " + b"x" * (MAX_SIZE - 3))[0].error is None
    assert problem(b"a" * (MAX_SIZE + 1)) == "Syntax error: larger than 10 MiB"


def test_a_brace_makes_it_json() -> None:
    assert looks_like_json(' \n\t{"a": 1}')
    assert not looks_like_json("a: {}")
    assert not looks_like_json("")
