"""Files that volumes make of objects' data: items, modes, projections."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import (
    ClusterTrustBundleProjection,
    DownwardAPIVolumeFile,
    KeyToPath,
    PodCertificateProjection,
    ProjectedVolumeSource,
    ServiceAccountTokenProjection,
    VolumeProjection,
)
from nsrunner.model.validate import names
from nsrunner.model.validate.env import VOLUME_FIELDS, check_field_ref, check_resource_field_ref
from nsrunner.model.validate.metadata import check_label_selector, check_names
from nsrunner.model.validate.mounts import check_relative_path

__all__ = ["check_downward_items", "check_items", "check_mode", "check_object_name", "check_projected"]

_MAX_MODE: Final = 0o777
_BAD_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
_KEY_TYPES: Final = ("ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096")


def check_mode(mode: int | None, path: Path, report: Report) -> None:
    if mode is not None and not 0 <= mode <= _MAX_MODE:
        report.invalid(path, mode, _BAD_MODE)


def check_object_name(name: str | None, path: Path, report: Report) -> None:
    if not name:
        report.required(path)
    else:
        check_names(names.dns_subdomain, path, name, report)


def _check_file(text: str, path: Path, report: Report) -> None:
    """A path in the volume that neither leaves it nor collides with the names that the writer uses ("..data")."""
    if not text:
        report.required(path)
        return
    check_relative_path(text, path, report)
    if text.startswith("..") and not text.startswith("../") and text != "..":
        report.invalid(path, text, "must not start with '..'")


def check_items(items: tuple[KeyToPath, ...], path: Path, report: Report) -> None:
    for index, item in enumerate(items):
        here = path[index]
        if not item.key:
            report.required(here / "key")
        _check_file(item.path, here / "path", report)
        check_mode(item.mode, here / "mode", report)


def check_downward_items(items: tuple[DownwardAPIVolumeFile, ...], path: Path, report: Report) -> None:
    for index, item in enumerate(items):
        here = path[index]
        _check_file(item.path, here / "path", report)
        if item.field_ref is not None:
            check_field_ref(item.field_ref, VOLUME_FIELDS, here / "fieldRef", report)
            if item.resource_field_ref is not None:
                detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
                report.invalid(here, "resource", detail)
        elif item.resource_field_ref is not None:
            check_resource_field_ref(item.resource_field_ref, here / "resourceFieldRef", report, in_volume=True)
        else:
            report.required(here, "one of fieldRef and resourceFieldRef is required")
        check_mode(item.mode, here / "mode", report)


def check_projected(volume: ProjectedVolumeSource, path: Path, report: Report) -> None:
    check_mode(volume.default_mode, path / "defaultMode", report)
    files: set[str] = set()
    for index, source in enumerate(volume.sources):
        here = (path / "sources")[index]
        given = [name for name in source.__struct_fields__ if getattr(source, name) is not None]
        if len(given) != 1:
            if given:
                report.forbidden(here, "may not specify more than 1 volume type per source")
            else:
                report.required(here, "must specify one volume type per source")
            continue
        _check_source(source, here, report)
        for file in _files(source):
            if file in files:
                report.invalid(here, file, "conflicting duplicate paths")
            files.add(file)


def _check_source(source: VolumeProjection, path: Path, report: Report) -> None:
    if source.secret is not None:
        check_object_name(source.secret.name, path / "secret" / "name", report)
        check_items(source.secret.items, path / "secret" / "items", report)
    elif source.config_map is not None:
        check_object_name(source.config_map.name, path / "configMap" / "name", report)
        check_items(source.config_map.items, path / "configMap" / "items", report)
    elif source.downward_api is not None:
        check_downward_items(source.downward_api.items, path / "downwardAPI" / "items", report)
    elif source.service_account_token is not None:
        _check_token(source.service_account_token, path / "serviceAccountToken", report)
    elif source.cluster_trust_bundle is not None:
        _check_trust_bundle(source.cluster_trust_bundle, path / "clusterTrustBundle", report)
    elif source.pod_certificate is not None:
        _check_certificate(source.pod_certificate, path / "podCertificate", report)


def _files(source: VolumeProjection) -> list[str]:
    """Paths that the source itself names."""
    for items in (source.secret, source.config_map, source.downward_api):
        if items is not None:
            return [item.path for item in items.items if item.path]
    for single in (source.service_account_token, source.cluster_trust_bundle):
        if single is not None:
            return [single.path] if single.path else []
    certificate = source.pod_certificate
    assert certificate is not None
    paths = (certificate.credential_bundle_path, certificate.key_path, certificate.certificate_chain_path)
    return [path for path in paths if path]


def _check_token(token: ServiceAccountTokenProjection, path: Path, report: Report) -> None:
    # That a service account must be named is not checked: in a cluster admission fills it in before validation.
    seconds = token.expiration_seconds
    if seconds is not None and seconds < 600:
        report.invalid(path / "expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    elif seconds is not None and seconds > 1 << 32:
        report.invalid(path / "expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    _check_file(token.path, path / "path", report)


def _check_trust_bundle(bundle: ClusterTrustBundleProjection, path: Path, report: Report) -> None:
    if bundle.name is not None and bundle.signer_name is not None:
        report.invalid(path, bundle.name, "only one of name and signerName may be used")
    elif bundle.name is None and bundle.signer_name is None:
        report.required(path, "either name or signerName must be set")
    if bundle.name is not None:
        check_names(names.dns_subdomain, path / "name", bundle.name, report)
        if bundle.label_selector is not None:
            report.invalid(path / "labelSelector", {}, "labelSelector must be unset if name is specified")
    elif bundle.label_selector is not None:
        check_label_selector(bundle.label_selector, path / "labelSelector", report)
    _check_file(bundle.path, path / "path", report)


def _check_certificate(certificate: PodCertificateProjection, path: Path, report: Report) -> None:
    if not certificate.signer_name:
        report.required(path / "signerName")
    if certificate.key_type not in _KEY_TYPES:
        report.unsupported_value(path / "keyType", certificate.key_type, _KEY_TYPES)
    named = False
    for field, file in (
        ("credentialBundlePath", certificate.credential_bundle_path),
        ("keyPath", certificate.key_path),
        ("certificateChainPath", certificate.certificate_chain_path),
    ):
        if file is not None:
            named = True
            _check_file(file, path / field, report)
    if not named:
        report.required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")
