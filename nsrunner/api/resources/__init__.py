"""The resources that are served, a class each."""

from __future__ import annotations

from nsrunner.api.resources.base import Column, Context, Resource, ResourceInfo, object_of
from nsrunner.api.resources.cluster import Namespaces, Nodes, ServiceAccounts
from nsrunner.api.resources.configs import ConfigMaps, Secrets
from nsrunner.api.resources.events import Events
from nsrunner.api.resources.events_v1 import EventsV1
from nsrunner.api.resources.metrics import NodeMetrics, PodMetrics
from nsrunner.api.resources.pods import Pods
from nsrunner.api.resources.reviews import SelfSubjectAccessReviews, SelfSubjectReviews, SelfSubjectRulesReviews

__all__ = ["Column", "Context", "Resource", "ResourceInfo", "object_of", "served"]


def served(node: str) -> tuple[Resource, ...]:
    """All of them, for a node of this name."""
    core = (ConfigMaps(), Events(), Namespaces(), Nodes(), Pods(node), Secrets(), ServiceAccounts())
    reviews = (SelfSubjectReviews(), SelfSubjectAccessReviews(), SelfSubjectRulesReviews())
    return (*core, *reviews, EventsV1(), NodeMetrics(), PodMetrics())
