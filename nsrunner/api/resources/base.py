"""What the verbs need to know of a resource: its names, its rules for writes, its selectable fields, its table."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Struct

from nsrunner.api.errors import bad_request, invalid
from nsrunner.errors import FieldError
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_annotations, check_labels

__all__ = ["Column", "Context", "Resource", "ResourceInfo", "object_of"]

Json = dict[str, Any]


class ResourceInfo(Struct, frozen=True, kw_only=True):
    """One entry of discovery (``meta/v1 APIResource``)."""

    group: str = ""
    version: str = "v1"
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    stored_as: str = ""
    """The name in the store of another resource whose objects these are in another form."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """Its plural with its group, as ``pods`` or ``events.events.k8s.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage(self) -> str:
        """Its name in the store."""
        return self.stored_as or self.name


class Context(Struct, kw_only=True):
    """What a request says beside the object."""

    now: str
    """RFC 3339, whole seconds."""
    user: str = ""
    access: Literal["none", "view", "admin"] = "admin"
    """What the user may do, as ``api.server.access`` has it."""
    field_manager: str = ""
    manager_named: bool = False
    """Whether the client has said it; otherwise it is made of its name."""
    dry_run: bool = False
    field_validation: Literal["Strict", "Warn", "Ignore"] = "Warn"
    subresource: str = ""
    warnings: list[str] = []
    """Filled on the way: what the client is to be told beside its answer."""


class Column(Struct, frozen=True, kw_only=True):
    """Of a Table (``meta/v1 TableColumnDefinition``)."""

    name: str
    type: Literal["string", "integer", "date"] = "string"
    format: str = ""
    description: str = ""
    priority: int = 0
    """Above 0: shown with ``-o wide`` only."""


class Resource:
    """The rules of one kind. These are those of an object that has metadata and nothing that is checked."""

    info: ClassVar[ResourceInfo]
    stored: ClassVar[bool] = True
    """False: what is created is answered, and nothing is kept of it."""
    assigned: ClassVar[frozenset[str]] = frozenset()
    """Fields of the spec that :meth:`prepare_create` fills in beside the API's defaults, where the client does not."""
    columns: ClassVar[Sequence[Column]] = (
        Column(name="Name", format="name"),
        Column(name="Age"),
    )

    def prepare_create(self, object: Json, context: Context) -> Json:
        """What is stored for a new object, whose metadata has its name, namespace, uid and time already. Raises
        ApiError with everything that is wrong."""
        self.check_metadata(object)
        return object

    def prepare_update(self, old: Json, new: Json, context: Context) -> Json:
        """The same for one that replaces another; ``context.subresource`` says by which way."""
        self.check_metadata(new)
        return new

    def shown(self, object: Json) -> Json:
        """A stored object in the form of this resource."""
        return object

    def fields(self, object: Mapping[str, Any]) -> dict[str, str]:
        """What field selectors may ask for."""
        metadata = object["metadata"]
        fields = {"metadata.name": metadata["name"]}
        if self.info.namespaced:
            fields["metadata.namespace"] = metadata.get("namespace", "")
        return fields

    def row(self, object: Mapping[str, Any], now: float) -> list[Any]:
        """The cells of :attr:`columns`; ``now`` in seconds since the epoch."""
        from nsrunner.model.printing.ages import age_of

        return [object["metadata"]["name"], age_of(object, now)]

    def grace_seconds(self, object: Mapping[str, Any], options: Mapping[str, Any]) -> int:
        """For how long the object stays after a deletion was asked for; 0: it goes at once."""
        return 0

    def check_metadata(self, object: Json) -> None:
        """Raises ApiError (422)."""
        report = Report()
        metadata, path = object["metadata"], ROOT / "metadata"
        for problem in self.name_problems(metadata["name"]):
            report.invalid(path / "name", metadata["name"], problem)
        check_labels(metadata.get("labels") or {}, path / "labels", report)
        check_annotations(metadata.get("annotations") or {}, path / "annotations", report)
        self.refuse(object, report.close())

    def name_problems(self, name: str) -> list[str]:
        return names.dns_subdomain(name)

    def refuse(self, object: Mapping[str, Any], errors: Sequence[FieldError]) -> None:
        """Raises the 422 of these errors, if there are any."""
        if errors:
            raise invalid(self.info.kind, object["metadata"].get("name", ""), errors, self.info.group)


def object_of(info: ResourceInfo, value: Any) -> Json:
    """A body as an object of the resource, with a metadata of its own that may be changed. Raises ApiError (400) for
    anything else."""
    if not isinstance(value, dict):
        raise bad_request(f"the body of the request must be an object of kind {info.kind}")
    kind, version = value.get("kind") or info.kind, value.get("apiVersion") or info.api_version
    if (kind, version) != (info.kind, info.api_version):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {info.kind} in version {info.api_version}): "
            f"it is of type {kind} in version {version}"
        )
    metadata = value.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise bad_request(f"{info.kind} in version {info.version!r} cannot be handled: metadata must be an object")
    for field in ("labels", "annotations"):
        given = metadata.get(field)
        if given is not None and not (
            isinstance(given, dict) and all(isinstance(text, str) for text in given.values())
        ):
            raise bad_request(f"{info.kind} cannot be handled: metadata.{field}: expected a map of strings to strings")
    for field in ("name", "namespace", "generateName", "uid", "resourceVersion"):
        if not isinstance(metadata.get(field, ""), str):
            raise bad_request(f"{info.kind} cannot be handled: metadata.{field}: expected string")
    return {"kind": info.kind, "apiVersion": info.api_version, **value, "metadata": copy.deepcopy(metadata)}
