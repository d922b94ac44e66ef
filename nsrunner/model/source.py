"""From bytes to plain values: encoding, size, JSON or YAML."""

from __future__ import annotations

from typing import Final

from nsrunner.model.jsonstream import looks_like_json, read_json
from nsrunner.model.yamlstream import RawDocument, StreamError, read_yaml

__all__ = ["MAX_SIZE", "read_documents"]

MAX_SIZE: Final = 10 << 20
"""Bytes of one source (the kubelet's limit for a manifest file)."""


def read_documents(data: bytes) -> tuple[RawDocument, ...]:
    """All documents that are not empty. At most the last one carries an error; nothing is raised."""
    try:
        text = _decode(data)
    except StreamError as error:
        return (RawDocument(1, error=error),)
    documents: tuple[RawDocument, ...] = ()
    if looks_like_json(text):
        documents = tuple(read_json(text))
        if documents[-1].error is not None:
            # Perhaps YAML in flow style. When it is neither, JSON's complaint is the better one.
            as_yaml = tuple(read_yaml(text))
            documents = documents if as_yaml[-1].error is not None else as_yaml
    else:
        documents = tuple(read_yaml(text))
    documents = tuple(document for document in documents if document.value is not None or document.error is not None)
    return documents or (RawDocument(1, error=StreamError("no objects: the source is empty")),)


def _decode(data: bytes) -> str:
    if len(data) > MAX_SIZE:
        raise StreamError(f"larger than {MAX_SIZE >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise StreamError(f"byte 0x{data[error.start]:02x} is not UTF-8 text", line, column) from None
