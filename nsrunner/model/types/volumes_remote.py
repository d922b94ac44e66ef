"""Volume sources that need storage from elsewhere: claims, CSI, and the old in-tree plugins.

They are described so that a manifest that uses them gets a precise answer instead of "unknown field".
"""

from __future__ import annotations

from nsrunner.model.quantity import Quantity
from nsrunner.model.types.base import Int32, Struct
from nsrunner.model.types.meta import (
    LabelSelector,
    LocalObjectReference,
    ObjectMeta,
    TypedLocalObjectReference,
    TypedObjectReference,
)

__all__ = [
    "AWSElasticBlockStoreVolumeSource",
    "AzureDiskVolumeSource",
    "AzureFileVolumeSource",
    "CSIVolumeSource",
    "CephFSVolumeSource",
    "CinderVolumeSource",
    "EphemeralVolumeSource",
    "FCVolumeSource",
    "FlexVolumeSource",
    "FlockerVolumeSource",
    "GCEPersistentDiskVolumeSource",
    "GitRepoVolumeSource",
    "GlusterfsVolumeSource",
    "ISCSIVolumeSource",
    "NFSVolumeSource",
    "PersistentVolumeClaimSpec",
    "PersistentVolumeClaimTemplate",
    "PersistentVolumeClaimVolumeSource",
    "PhotonPersistentDiskVolumeSource",
    "PortworxVolumeSource",
    "QuobyteVolumeSource",
    "RBDVolumeSource",
    "ScaleIOVolumeSource",
    "StorageOSVolumeSource",
    "VolumeResourceRequirements",
    "VsphereVirtualDiskVolumeSource",
]


class PersistentVolumeClaimVolumeSource(Struct, frozen=True, kw_only=True):
    claim_name: str
    read_only: bool = False


class VolumeResourceRequirements(Struct, frozen=True, kw_only=True):
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class PersistentVolumeClaimSpec(Struct, frozen=True, kw_only=True):
    access_modes: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    resources: VolumeResourceRequirements | None = None
    volume_name: str | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimTemplate(Struct, frozen=True, kw_only=True):
    metadata: ObjectMeta | None = None
    spec: PersistentVolumeClaimSpec


class EphemeralVolumeSource(Struct, frozen=True, kw_only=True):
    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class CSIVolumeSource(Struct, frozen=True, kw_only=True):
    driver: str
    read_only: bool | None = None
    fs_type: str | None = None
    volume_attributes: dict[str, str] = {}
    node_publish_secret_ref: LocalObjectReference | None = None


class NFSVolumeSource(Struct, frozen=True, kw_only=True):
    server: str
    path: str
    read_only: bool = False


class ISCSIVolumeSource(Struct, frozen=True, kw_only=True):
    target_portal: str
    iqn: str
    lun: Int32
    iscsi_interface: str | None = None
    fs_type: str | None = None
    read_only: bool = False
    portals: tuple[str, ...] = ()
    chap_auth_discovery: bool = False
    chap_auth_session: bool = False
    secret_ref: LocalObjectReference | None = None
    initiator_name: str | None = None


class GitRepoVolumeSource(Struct, frozen=True, kw_only=True):
    repository: str
    revision: str | None = None
    directory: str | None = None


class AWSElasticBlockStoreVolumeSource(Struct, frozen=True, kw_only=True):
    volume_id: str
    fs_type: str | None = None
    partition: Int32 | None = None
    read_only: bool = False


class AzureDiskVolumeSource(Struct, frozen=True, kw_only=True):
    disk_name: str
    disk_uri: str
    caching_mode: str | None = None
    fs_type: str | None = None
    read_only: bool | None = None
    kind: str | None = None


class AzureFileVolumeSource(Struct, frozen=True, kw_only=True):
    secret_name: str
    share_name: str
    read_only: bool = False


class CephFSVolumeSource(Struct, frozen=True, kw_only=True):
    monitors: tuple[str, ...]
    path: str | None = None
    user: str | None = None
    secret_file: str | None = None
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False


class CinderVolumeSource(Struct, frozen=True, kw_only=True):
    volume_id: str
    fs_type: str | None = None
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None


class FCVolumeSource(Struct, frozen=True, kw_only=True):
    target_wwns: tuple[str, ...] = ()
    lun: Int32 | None = None
    fs_type: str | None = None
    read_only: bool = False
    wwids: tuple[str, ...] = ()


class FlexVolumeSource(Struct, frozen=True, kw_only=True):
    driver: str
    fs_type: str | None = None
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False
    options: dict[str, str] = {}


class FlockerVolumeSource(Struct, frozen=True, kw_only=True):
    dataset_name: str | None = None
    dataset_uuid: str | None = None


class GCEPersistentDiskVolumeSource(Struct, frozen=True, kw_only=True):
    pd_name: str
    fs_type: str | None = None
    partition: Int32 | None = None
    read_only: bool = False


class GlusterfsVolumeSource(Struct, frozen=True, kw_only=True):
    endpoints: str
    path: str
    read_only: bool = False


class PhotonPersistentDiskVolumeSource(Struct, frozen=True, kw_only=True):
    pd_id: str
    fs_type: str | None = None


class PortworxVolumeSource(Struct, frozen=True, kw_only=True):
    volume_id: str
    fs_type: str | None = None
    read_only: bool = False


class QuobyteVolumeSource(Struct, frozen=True, kw_only=True):
    registry: str
    volume: str
    read_only: bool = False
    user: str | None = None
    group: str | None = None
    tenant: str | None = None


class RBDVolumeSource(Struct, frozen=True, kw_only=True):
    monitors: tuple[str, ...]
    image: str
    fs_type: str | None = None
    pool: str | None = None
    user: str | None = None
    keyring: str | None = None
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False


class ScaleIOVolumeSource(Struct, frozen=True, kw_only=True):
    gateway: str
    system: str
    secret_ref: LocalObjectReference
    ssl_enabled: bool = False
    protection_domain: str | None = None
    storage_pool: str | None = None
    storage_mode: str | None = None
    volume_name: str | None = None
    fs_type: str | None = None
    read_only: bool = False


class StorageOSVolumeSource(Struct, frozen=True, kw_only=True):
    volume_name: str | None = None
    volume_namespace: str | None = None
    fs_type: str | None = None
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None


class VsphereVirtualDiskVolumeSource(Struct, frozen=True, kw_only=True):
    volume_path: str
    fs_type: str | None = None
    storage_policy_name: str | None = None
    storage_policy_id: str | None = None
