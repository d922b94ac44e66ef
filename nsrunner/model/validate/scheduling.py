"""Fields for a cluster's scheduler. They have no effect on one machine, but a manifest must be right everywhere."""

from __future__ import annotations

from typing import Final

from nsrunner.model.path import Path
from nsrunner.model.report import Report
from nsrunner.model.types import (
    Affinity,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    Toleration,
    TopologySpreadConstraint,
)
from nsrunner.model.validate import names
from nsrunner.model.validate.metadata import check_label_selector, check_labels, check_names
from nsrunner.model.validate.resources import check_quantities

__all__ = ["check_scheduling"]

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_NEEDS_VALUES: Final = "must be specified when `operator` is 'In' or 'NotIn'"
_NO_VALUES: Final = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
_EFFECTS: Final = ("NoExecute", "NoSchedule", "PreferNoSchedule")


def check_scheduling(spec: PodSpec, path: Path, report: Report) -> None:
    """``path`` is that of the spec."""
    check_labels(spec.node_selector, path / "nodeSelector", report)
    if spec.affinity is not None:
        _check_affinity(spec.affinity, path / "affinity", report)
    for index, toleration in enumerate(spec.tolerations):
        _check_toleration(toleration, (path / "tolerations")[index], report)
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(spec.topology_spread_constraints):
        here = (path / "topologySpreadConstraints")[index]
        _check_spread(constraint, here, report)
        pair = (constraint.topology_key, constraint.when_unsatisfiable)
        if pair in seen:
            report.duplicate(here / "{topologyKey, whenUnsatisfiable}", f"{{{pair[0]}, {pair[1]}}}")
        seen.add(pair)
    _check_gates(spec, path, report)
    check_quantities(spec.overhead, path / "overhead", report)
    if spec.preemption_policy not in (None, "Never", "PreemptLowerPriority"):
        policies = ("Never", "PreemptLowerPriority")
        report.unsupported_value(path / "preemptionPolicy", spec.preemption_policy or "", policies)
    for field, name in (
        ("nodeName", spec.node_name),
        ("priorityClassName", spec.priority_class_name),
        ("runtimeClassName", spec.runtime_class_name),
    ):
        if name:
            check_names(names.dns_subdomain, path / field, name, report)


def _check_gates(spec: PodSpec, path: Path, report: Report) -> None:
    seen: set[str] = set()
    for index, gate in enumerate(spec.scheduling_gates):
        here = (path / "schedulingGates")[index]
        check_names(names.qualified_name, here, gate.name, report)
        if gate.name in seen:
            report.duplicate(here, gate.name)
        seen.add(gate.name)
    if spec.scheduling_gates and spec.node_name:
        report.forbidden(path / "nodeName", "cannot be set until all schedulingGates have been cleared")


def _check_toleration(toleration: Toleration, path: Path, report: Report) -> None:
    operator = toleration.operator or "Equal"
    if toleration.key:
        check_names(names.qualified_name, path / "key", toleration.key, report)
    elif operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        report.invalid(path / "operator", toleration.operator or "", detail)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        report.invalid(path / "effect", toleration.effect or "", detail)
    match operator:
        case "Equal":
            check_names(names.label_value, path / "operator", toleration.value or "", report)
        case "Exists":
            if toleration.value:
                report.invalid(path / "operator", toleration.value, "value must be empty when `operator` is 'Exists'")
        case _:
            report.unsupported_value(path / "operator", operator, ("Equal", "Exists"))
    if toleration.effect and toleration.effect not in _EFFECTS:
        report.unsupported_value(path / "effect", toleration.effect, _EFFECTS)


def _check_spread(constraint: TopologySpreadConstraint, path: Path, report: Report) -> None:
    if constraint.max_skew <= 0:
        report.invalid(path / "maxSkew", constraint.max_skew, "must be greater than zero")
    if not constraint.topology_key:
        report.required(path / "topologyKey", "can not be empty")
    else:
        check_names(names.qualified_name, path / "topologyKey", constraint.topology_key, report)
    actions = ("DoNotSchedule", "ScheduleAnyway")
    if constraint.when_unsatisfiable not in actions:
        report.unsupported_value(path / "whenUnsatisfiable", constraint.when_unsatisfiable, actions)
    if constraint.min_domains is not None:
        if constraint.min_domains <= 0:
            report.invalid(path / "minDomains", constraint.min_domains, "must be greater than zero")
        if constraint.when_unsatisfiable != "DoNotSchedule":
            detail = "can only use minDomains if whenUnsatisfiable=DoNotSchedule"
            report.invalid(path / "minDomains", constraint.min_domains, detail)
    for field, policy in (
        ("nodeAffinityPolicy", constraint.node_affinity_policy),
        ("nodeTaintsPolicy", constraint.node_taints_policy),
    ):
        if policy is not None and policy not in ("Honor", "Ignore"):
            report.unsupported_value(path / field, policy, ("Honor", "Ignore"))
    if constraint.label_selector is not None:
        check_label_selector(constraint.label_selector, path / "labelSelector", report)


# --- affinity ---------------------------------------------------------------------------------------------------------


def _check_affinity(affinity: Affinity, path: Path, report: Report) -> None:
    node = affinity.node_affinity
    if node is not None:
        here = path / "nodeAffinity"
        if (required := node.required_during_scheduling_ignored_during_execution) is not None:
            terms = here / _REQUIRED / "nodeSelectorTerms"
            if not required.node_selector_terms:
                report.required(terms, "must have at least one node selector term")
            for index, term in enumerate(required.node_selector_terms):
                _check_node_term(term, terms[index], report)
        for index, preference in enumerate(node.preferred_during_scheduling_ignored_during_execution):
            item = (here / _PREFERRED)[index]
            _check_weight(preference.weight, item, report)
            _check_node_term(preference.preference, item / "preference", report)
    if affinity.pod_affinity is not None:
        _check_pod_affinity(affinity.pod_affinity, path / "podAffinity", report)
    if affinity.pod_anti_affinity is not None:
        _check_pod_affinity(affinity.pod_anti_affinity, path / "podAntiAffinity", report)


def _check_weight(weight: int, path: Path, report: Report) -> None:
    if not 1 <= weight <= 100:
        report.invalid(path / "weight", weight, "must be in the range 1-100")


def _check_node_term(term: NodeSelectorTerm, path: Path, report: Report) -> None:
    for index, requirement in enumerate(term.match_expressions):
        here = (path / "matchExpressions")[index]
        _check_node_requirement(requirement, here, report)
        check_names(names.qualified_name, here / "key", requirement.key, report)
    for index, requirement in enumerate(term.match_fields):
        here = (path / "matchFields")[index]
        if requirement.operator not in ("In", "NotIn"):
            report.invalid(here / "operator", requirement.operator, "not a valid selector operator")
        elif len(requirement.values) != 1:
            detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            report.required(here / "values", detail)
        if requirement.key != "metadata.name":
            report.invalid(here / "key", requirement.key, "not a valid field selector key")


def _check_node_requirement(requirement: NodeSelectorRequirement, path: Path, report: Report) -> None:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                report.required(path / "values", _NEEDS_VALUES)
        case "Exists" | "DoesNotExist":
            if requirement.values:
                report.forbidden(path / "values", _NO_VALUES)
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                report.required(path / "values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        case operator:
            report.invalid(path / "operator", operator, "not a valid selector operator")


def _check_pod_affinity(affinity: PodAffinity | PodAntiAffinity, path: Path, report: Report) -> None:
    for index, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
        _check_pod_term(term, (path / _REQUIRED)[index], report)
    for index, weighted in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        item = (path / _PREFERRED)[index]
        _check_weight(weighted.weight, item, report)
        _check_pod_term(weighted.pod_affinity_term, item / "podAffinityTerm", report)


def _check_pod_term(term: PodAffinityTerm, path: Path, report: Report) -> None:
    for field, selector in (("labelSelector", term.label_selector), ("namespaceSelector", term.namespace_selector)):
        if selector is not None:
            check_label_selector(selector, path / field, report)
    for name in term.namespaces:
        check_names(names.dns_label, path / "namespace", name, report)
    if not term.topology_key:
        report.required(path / "topologyKey", "can not be empty")
    else:
        check_names(names.qualified_name, path / "topologyKey", term.topology_key, report)
