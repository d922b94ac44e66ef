"""Requests, limits and claims."""

from __future__ import annotations

from nsrunner.model.quantity import Quantity
from nsrunner.model.types.base import Struct

__all__ = ["ContainerResizePolicy", "PodResourceClaim", "ResourceClaim", "ResourceRequirements"]


class ResourceClaim(Struct, frozen=True, kw_only=True):
    name: str
    request: str | None = None


class ResourceRequirements(Struct, frozen=True, kw_only=True):
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}
    claims: tuple[ResourceClaim, ...] = ()


class ContainerResizePolicy(Struct, frozen=True, kw_only=True):
    resource_name: str
    restart_policy: str


class PodResourceClaim(Struct, frozen=True, kw_only=True):
    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None
