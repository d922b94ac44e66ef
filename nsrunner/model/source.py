"""From bytes to plain values: encoding, size, JSON or YAML.

Each reader is imported when there is something for it to read: PyYAML takes as long to import as all other parts of the
model together.
"""

from __future__ import annotations

from typing import Final

from nsrunner.model.stream import RawDocument, StreamError

__all__ = ["MAX_SIZE", "looks_like_json", "read_documents"]

MAX_SIZE: Final = 10 << 20
"""Bytes of one source (the kubelet's limit for a manifest file)."""

_BEGINNING: Final = 4096
"""Bytes; what has a NUL among them is no text."""


def read_documents(data: bytes) -> tuple[RawDocument, ...]:
    """All documents that are not empty. At most the last one carries an error; nothing is raised."""
    try:
        text = _decode(data)
    except StreamError as error:
        return (RawDocument(1, error=error),)
    documents = _read_json(text) if looks_like_json(text) else _read_yaml(text)
    documents = tuple(document for document in documents if document.value is not None or document.error is not None)
    return documents or (RawDocument(1, error=StreamError("no objects: the source is empty")),)


def looks_like_json(text: str) -> bool:
    """As kubectl decides: the first character that is no white space is a brace."""
    return text.lstrip()[:1] == "{"


def _read_json(text: str) -> tuple[RawDocument, ...]:
    from nsrunner.model.jsonstream import read_json

    documents = tuple(read_json(text))
    if documents[-1].error is None:
        return documents
    # Perhaps YAML in flow style. When it is neither, JSON's complaint is the better one.
    as_yaml = _read_yaml(text)
    return documents if as_yaml[-1].error is not None else as_yaml


def _read_yaml(text: str) -> tuple[RawDocument, ...]:
    from nsrunner.model.yamlstream import read_yaml

    return tuple(read_yaml(text))


def _decode(data: bytes) -> str:
    if len(data) > MAX_SIZE:
        raise StreamError(f"larger than {MAX_SIZE >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise StreamError(problem, line, column, _encoding_hint(data)) from None


def _encoding_hint(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it looks like UTF-16: save it as UTF-8"
    return "it looks like a binary file" if b"\0" in data[:_BEGINNING] else ""
