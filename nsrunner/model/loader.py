"""From the bytes of a manifest to documents: what each describes, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from msgspec import Struct

from nsrunner.errors import FieldError, ManifestError
from nsrunner.model.decode import decode, did_you_mean, type_name
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.path import ROOT, Path
from nsrunner.model.report import Report
from nsrunner.model.source import read_documents
from nsrunner.model.support import FieldVerdict, Verdict, verdicts
from nsrunner.model.types import ConfigMap, Pod, Secret
from nsrunner.model.validate import validate

__all__ = ["Document", "Object", "load", "raise_for_errors"]

Object: TypeAlias = Pod | ConfigMap | Secret

_KINDS: Final[dict[str, type[Object]]] = {"ConfigMap": ConfigMap, "Pod": Pod, "Secret": Secret}
_WITH_TEMPLATE: Final = frozenset(
    {"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
_TEMPLATE_HINT: Final = "nsrunner runs pods, no controllers: make a Pod of the metadata and spec of its template"
_HEADER: Final = frozenset({"apiVersion", "kind"})
_LIST_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "items"})


class Document(Struct, frozen=True, kw_only=True):
    """One object of a manifest."""

    source: str
    """File name, URL, or ``-`` for standard input; for messages only."""
    index: int
    """Number of the document in its source, counted from 1. All items of a List have the List's number."""
    count: int
    """How many documents the source has; messages leave the number out when it is the only one."""
    kind: str = ""
    """As written; empty when there is none."""
    name: str = ""
    namespace: str = "default"
    object: Object | None = None
    """With defaults applied. None when nothing could be decoded; with ``errors`` it is incomplete."""
    errors: tuple[FieldError, ...] = ()
    """Why the API would refuse the object."""
    fields: tuple[FieldVerdict, ...] = ()
    """One verdict for each field that the manifest sets."""

    @property
    def unsupported(self) -> tuple[FieldError, ...]:
        """Why this version of nsrunner refuses the object although the API would not."""
        return tuple(item.error() for item in self.fields if item.verdict is Verdict.UNSUPPORTED)

    @property
    def ignored(self) -> tuple[FieldVerdict, ...]:
        """Fields that are accepted without effect."""
        return tuple(item for item in self.fields if item.verdict is Verdict.IGNORED)

    def error(self) -> ManifestError | None:
        """All that makes the object unusable, in one exception that can be raised or shown; None: it is fine."""
        errors = self.errors + self.unsupported
        if not errors:
            return None
        document = self.index if self.count > 1 else None
        return ManifestError(errors, source=self.source, document=document, kind=self.kind, name=self.name)


def load(data: bytes, source: str = "", *, namespace: str = "default") -> tuple[Document, ...]:
    """All objects of a manifest: YAML with any number of documents, JSON, or a v1 List.

    ``namespace`` is that of the objects which name none.

    Nothing is raised for bad input: each document says itself what is wrong with it (:meth:`Document.error`), and there
    is at least one. After a syntax error the rest of the source is unreadable, so that document is the last one.
    """
    raw = read_documents(data)
    count = max(document.index for document in raw)
    documents: list[Document] = []
    for item in raw:
        origin = _Origin(source, item.index, count, namespace)
        if item.error is not None:
            documents.append(origin.document(errors=(item.error.field_error(),)))
        else:
            documents += _documents(item.value, ROOT, origin)
    return tuple(documents)


def raise_for_errors(documents: Iterable[Document]) -> None:
    """Raise the ManifestError of the first document that has one."""
    for document in documents:
        error = document.error()
        if error is not None:
            raise error


class _Origin(Struct, frozen=True):
    """Where the documents come from that are being made."""

    source: str
    index: int
    count: int
    namespace: str

    def document(self, **content: Any) -> Document:
        return Document(source=self.source, index=self.index, count=self.count, **content)


def _documents(value: Any, path: Path, origin: _Origin, default_kind: str = "") -> Iterator[Document]:
    """The objects in one raw value: itself, or the items of a List, in which lists may be nested."""
    report = Report()
    kind = ""
    if isinstance(value, dict):
        kind = _kind(value, path, report, default_kind)
        if kind in _KINDS:
            yield _document(value, kind, path, report, origin)
            return
        if _is_list(kind):
            yield from _items(value, kind, path, report, origin)
            return
    else:
        report.undecodable(path, "", f"expected object, got {type_name(value)}")
    yield origin.document(kind=kind, errors=report.close())


def _is_list(kind: str) -> bool:
    return kind == "List" or (kind.endswith("List") and kind.removesuffix("List") in _KINDS)


def _kind(value: dict[str, Any], path: Path, report: Report, default_kind: str) -> str:
    """The object's kind, checked. An item of a typed list, such as a PodList, may leave kind and apiVersion out."""
    version = _text(value, "apiVersion", "v1", path, report, "v1" if default_kind else "")
    kind = _text(value, "kind", "Pod", path, report, default_kind)
    if kind and kind not in _KINDS and not _is_list(kind):
        known = (*_KINDS, "List")
        hint = _TEMPLATE_HINT if kind in _WITH_TEMPLATE else did_you_mean(kind, known)
        report.unsupported_value(path / "kind", kind, known, hint)
    elif kind and version not in {"v1", ""}:
        report.unsupported_value(path / "apiVersion", version, ("v1",))
    return kind


def _text(value: dict[str, Any], name: str, example: str, path: Path, report: Report, default: str) -> str:
    text = value.get(name) or default
    if not isinstance(text, str):
        report.undecodable(path / name, "", f"expected string, got {type_name(text)}")
        return ""
    if not text:
        report.required(path / name, f'such as "{example}"')
    return text


def _items(value: dict[str, Any], kind: str, path: Path, report: Report, origin: _Origin) -> Iterator[Document]:
    for name in value:
        if name not in _LIST_FIELDS:
            report.unknown(path / name, did_you_mean(name, _LIST_FIELDS))
    items = value.get("items") or []
    if not isinstance(items, list):
        report.undecodable(path / "items", "", f"expected array, got {type_name(items)}")
        items = []
    elif not items:
        report.required(path / "items", "the list is empty")
    if report.errors:
        yield origin.document(kind=kind, errors=report.close())
    for position, item in enumerate(items):
        yield from _documents(item, (path / "items")[position], origin, kind.removesuffix("List"))


def _document(value: dict[str, Any], kind: str, path: Path, report: Report, origin: _Origin) -> Document:
    decoded = decode(_KINDS[kind], value, path, report, skip=_HEADER)
    defaulted = apply_defaults(decoded, namespace=origin.namespace)
    validate(defaulted, path, report)
    return origin.document(
        kind=kind,
        name=defaulted.metadata.name,
        namespace=defaulted.metadata.namespace,
        object=defaulted,
        errors=report.close(),
        fields=verdicts(decoded, path),
    )
