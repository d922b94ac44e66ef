"""Who one is (``authentication.k8s.io``), and what one may do (``authorization.k8s.io``)."""

from __future__ import annotations

from typing import Any

from nsrunner.api.errors import ApiError, bad_request, invalid
from nsrunner.api.resources.base import Context, Resource, ResourceInfo
from nsrunner.api.server.access import PUBLIC, VIEWED, authorize, is_service_account, namespace_of
from nsrunner.api.server.paths import Target
from nsrunner.errors import FieldError

__all__ = ["SelfSubjectAccessReviews", "SelfSubjectReviews", "SelfSubjectRulesReviews"]

_ATTRIBUTES = ("nonResourceAttributes", "resourceAttributes")


class SelfSubjectReviews(Resource):
    """``kubectl auth whoami``."""

    info = ResourceInfo(
        group="authentication.k8s.io",
        kind="SelfSubjectReview",
        plural="selfsubjectreviews",
        singular="selfsubjectreview",
        namespaced=False,
        verbs=("create",),
    )
    stored = False

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        groups = ["system:masters"]
        if is_service_account(context.user):
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace_of(context.user)}"]
        info = {"username": context.user, "groups": [*groups, "system:authenticated"]}
        return {**object, "status": {"userInfo": info}}


class SelfSubjectAccessReviews(Resource):
    """``kubectl auth can-i``: what a request would be told."""

    info = ResourceInfo(
        group="authorization.k8s.io",
        kind="SelfSubjectAccessReview",
        plural="selfsubjectaccessreviews",
        singular="selfsubjectaccessreview",
        namespaced=False,
        verbs=("create",),
    )
    stored = False

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        """Raises ApiError (422) unless exactly one thing is asked (``ValidateSelfSubjectAccessReview``)."""
        spec = object.get("spec")
        asked = [name for name in _ATTRIBUTES if isinstance(spec, dict) and spec.get(name) is not None]
        if len(asked) != 1:
            detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            error = FieldError("spec.resourceAttributes", "Invalid value", detail=detail)
            raise invalid(self.info.kind, "", [error], self.info.group)
        attributes = spec[asked[0]] if isinstance(spec, dict) else None
        if not isinstance(attributes, dict) or not all(_is_text(attributes.get(name, "")) for name in _TEXTS):
            raise bad_request(f"{self.info.kind} cannot be handled: spec.{asked[0]}: expected an object of strings")
        return {**object, "status": {"allowed": _may(attributes, context)}}


_TEXTS = ("group", "name", "namespace", "path", "resource", "subresource", "verb", "version")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _may(asked: dict[str, str], context: Context) -> bool:
    target = None
    if not asked.get("path"):
        target = Target(
            group=asked.get("group", ""),
            version=asked.get("version", ""),
            plural=asked.get("resource", ""),
            namespace=asked.get("namespace") or None,
            name=asked.get("name", ""),
            subresource=asked.get("subresource", ""),
        )
    try:
        authorize(context.user, asked.get("path", ""), target, asked.get("verb", ""), context.access)
    except ApiError:
        return False
    return True


class SelfSubjectRulesReviews(Resource):
    """``kubectl auth can-i --list``."""

    info = ResourceInfo(
        group="authorization.k8s.io",
        kind="SelfSubjectRulesReview",
        plural="selfsubjectrulesreviews",
        singular="selfsubjectrulesreview",
        namespaced=False,
        verbs=("create",),
    )
    stored = False

    def prepare_create(self, object: dict[str, Any], context: Context) -> dict[str, Any]:
        """Raises ApiError (400) without a namespace, as upstream does."""
        spec = object.get("spec")
        namespace = spec.get("namespace") if isinstance(spec, dict) else None
        if not namespace or not isinstance(namespace, str):
            raise bad_request("no namespace on request")
        resources, pages = [_rule("*", "*", "*")], ["*"]
        if is_service_account(context.user) and context.access != "admin":
            resources = [_rule("create", "authentication.k8s.io", SelfSubjectReviews.info.plural)]
            asking = (SelfSubjectAccessReviews.info.plural, self.info.plural)
            resources.append(_rule("create", self.info.group, *asking))
            if context.access == "view" and namespace == namespace_of(context.user):
                resources += [_rule(("get", "list", "watch"), group, *plurals) for group, plurals in VIEWED.items()]
            pages = [path for page in PUBLIC for path in (page, f"{page}/*")]
        verbs = ["*"] if pages == ["*"] else ["get"]
        status = {
            "resourceRules": resources,
            "nonResourceRules": [{"verbs": verbs, "nonResourceURLs": pages}],
            "incomplete": False,
        }
        return {**object, "status": status}


def _rule(verbs: str | tuple[str, ...], group: str, *resources: str) -> dict[str, list[str]]:
    return {
        "verbs": [verbs] if isinstance(verbs, str) else list(verbs),
        "apiGroups": [group],
        "resources": list(resources),
    }
