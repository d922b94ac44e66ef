"""Which fields this version carries out: the one table to edit when it learns another.

Every field that the table does not name is supported. ``unsupported`` fields are errors that say so, because leaving
them out would change what the pod does. ``ignored`` fields have no meaning on a single machine, or only tell others
about the pod; they are accepted and listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct

from nsrunner.errors import FieldError
from nsrunner.model import types as t
from nsrunner.model.decode import Field, fields_of
from nsrunner.model.path import ROOT, Path

__all__ = ["FieldVerdict", "Verdict", "verdicts"]


class Verdict(StrEnum):
    SUPPORTED = "supported"
    IGNORED = "accepted without effect"
    UNSUPPORTED = "not supported"


class FieldVerdict(Struct, frozen=True):
    """What becomes of one field that a manifest sets."""

    field: str
    """Path, as in a FieldError."""
    verdict: Verdict
    note: str = ""
    """Why, for all but supported fields."""

    def error(self) -> FieldError:
        """The error that an unsupported field is."""
        return FieldError(self.field, "Not supported", detail=self.note)


class _Rule(Struct, frozen=True):
    verdict: Verdict
    note: str


_Test: TypeAlias = Callable[[Any, t.Struct], _Rule | None]
"""For fields whose verdict depends on the value, or on the object as a whole: None means supported."""


def _ignored(note: str) -> _Rule:
    return _Rule(Verdict.IGNORED, note)


def _unsupported(note: str) -> _Rule:
    return _Rule(Verdict.UNSUPPORTED, note)


# --- rules that look at the value -------------------------------------------------------------------------------------


def _host_users(value: Any, _: t.Struct) -> _Rule | None:
    return None if value else _unsupported("user namespaces are not supported yet")


def _host_port(value: Any, root: t.Struct) -> _Rule | None:
    if isinstance(root, t.Pod) and root.spec.host_network:
        return None
    return _unsupported("host ports are not supported yet, except with hostNetwork: true")


def _medium(value: Any, _: t.Struct) -> _Rule | None:
    return _unsupported("huge pages are not supported yet") if value.startswith("HugePages") else None


def _app_armor(value: Any, _: t.Struct) -> _Rule | None:
    return None if value.type == "Unconfined" else _unsupported("AppArmor profiles are not supported yet")


# --- the table --------------------------------------------------------------------------------------------------------

_ONE_NODE: Final = _ignored("there is only one node to run on")
_NO_CLUSTER: Final = _ignored("there is no cluster that would act on it")
_SYSTEM: Final = _ignored("set by the system")
_CLAIMS: Final = _unsupported("resource claims are not supported yet")
_NO_SELINUX: Final = _ignored("SELinux labels are not set")
_WINDOWS: Final = _ignored("only for Windows")
_STORAGE: Final = _unsupported("storage from outside the node is not supported")
_REMOVED: Final = _unsupported("Kubernetes has removed this volume type")
_LATER_VOLUME: Final = _unsupported("this volume type is not supported yet")

_TABLE: Final[Mapping[type[t.Struct], Mapping[str, _Rule | _Test]]] = {
    t.ObjectMeta: {
        "self_link": _SYSTEM,
        "uid": _SYSTEM,
        "resource_version": _SYSTEM,
        "generation": _SYSTEM,
        "creation_timestamp": _SYSTEM,
        "deletion_timestamp": _SYSTEM,
        "deletion_grace_period_seconds": _SYSTEM,
        "managed_fields": _SYSTEM,
        "owner_references": _NO_CLUSTER,
        "finalizers": _NO_CLUSTER,
    },
    t.Pod: {"status": _SYSTEM},
    t.PodSpec: {
        "node_selector": _ONE_NODE,
        "node_name": _ONE_NODE,
        "affinity": _ONE_NODE,
        "tolerations": _ONE_NODE,
        "topology_spread_constraints": _ONE_NODE,
        "scheduler_name": _ONE_NODE,
        "scheduling_group": _ONE_NODE,
        "priority_class_name": _ONE_NODE,
        "priority": _ONE_NODE,
        "preemption_policy": _ONE_NODE,
        "overhead": _ONE_NODE,
        "scheduling_gates": _unsupported("a pod with scheduling gates would never start: nothing opens them here"),
        "service_account_name": _NO_CLUSTER,
        "service_account": _NO_CLUSTER,
        "automount_service_account_token": _NO_CLUSTER,
        "enable_service_links": _ignored("there are no services"),
        "image_pull_secrets": _NO_CLUSTER,
        "runtime_class_name": _unsupported("runtime classes are not supported"),
        "host_users": _host_users,
        "resource_claims": _CLAIMS,
        "resources": _ignored("not enforced yet"),
    },
    t.PodSecurityContext: {
        "fs_group": _unsupported("ownership of volumes by group is not supported yet"),
        "fs_group_change_policy": _ignored("volumes on the node are always changed"),
        "se_linux_options": _NO_SELINUX,
        "se_linux_change_policy": _NO_SELINUX,
        "app_armor_profile": _app_armor,
        "windows_options": _WINDOWS,
    },
    t.SecurityContext: {
        "se_linux_options": _NO_SELINUX,
        "app_armor_profile": _app_armor,
        "windows_options": _WINDOWS,
    },
    t.Container: {
        "resize_policy": _NO_CLUSTER,
        "volume_devices": _unsupported("block devices as volumes are not supported"),
    },
    t.ContainerPort: {"host_port": _host_port, "host_ip": _host_port},
    t.ResourceRequirements: {
        "limits": _ignored("not enforced yet"),
        "requests": _ignored("they only decide the QoS class"),
        "claims": _CLAIMS,
    },
    t.EnvVarSource: {"file_key_ref": _unsupported("environment variables from files are not supported yet")},
    t.EmptyDirVolumeSource: {"medium": _medium},
    t.Volume: {
        "config_map": _LATER_VOLUME,
        "secret": _LATER_VOLUME,
        "downward_api": _LATER_VOLUME,
        "projected": _LATER_VOLUME,
        "image": _LATER_VOLUME,
        "persistent_volume_claim": _LATER_VOLUME,
        "ephemeral": _LATER_VOLUME,
        "csi": _STORAGE,
        "nfs": _STORAGE,
        "iscsi": _STORAGE,
        "fc": _STORAGE,
        "rbd": _STORAGE,
        "cephfs": _STORAGE,
        "glusterfs": _STORAGE,
        "cinder": _STORAGE,
        "quobyte": _STORAGE,
        "storageos": _STORAGE,
        "flex_volume": _STORAGE,
        "gce_persistent_disk": _STORAGE,
        "aws_elastic_block_store": _STORAGE,
        "azure_file": _STORAGE,
        "azure_disk": _STORAGE,
        "vsphere_volume": _STORAGE,
        "photon_persistent_disk": _STORAGE,
        "portworx_volume": _STORAGE,
        "scale_io": _STORAGE,
        "flocker": _REMOVED,
        "git_repo": _unsupported("it would run git with commands of the repository's choice as root"),
    },
    t.ConfigMap: {"immutable": _ignored("objects of a manifest are never changed")},
    t.Secret: {"immutable": _ignored("objects of a manifest are never changed")},
}


# --- walking an object ------------------------------------------------------------------------------------------------


def verdicts(value: t.Struct, path: Path = ROOT) -> tuple[FieldVerdict, ...]:
    """One verdict for each field that ``value``, as it was decoded and before defaults, sets to something."""
    return tuple(_walk(value, path, value))


def _walk(value: t.Struct, path: Path, root: t.Struct) -> Iterator[FieldVerdict]:
    rules = _TABLE.get(type(value), {})
    for field in fields_of(type(value)).values():
        item = getattr(value, field.attribute)
        if item == field.default:
            continue
        here = path / field.json_name
        rule = rules.get(field.attribute)
        if callable(rule):
            rule = rule(item, root)
        if rule is not None:
            yield FieldVerdict(str(here), rule.verdict, rule.note)
        else:
            yield from _inside(item, field, here, root)


def _inside(item: Any, field: Field, path: Path, root: t.Struct) -> Iterator[FieldVerdict]:
    if field.item is None:
        yield FieldVerdict(str(path), Verdict.SUPPORTED)
    elif field.is_list:
        for index, element in enumerate(item):
            yield from _walk(element, path[index], root)
    else:
        inner = tuple(_walk(item, path, root))
        # An object may be there and empty, such as emptyDir: {}.
        yield from inner or (FieldVerdict(str(path), Verdict.SUPPORTED),)
