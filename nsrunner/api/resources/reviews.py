"""Whether one may do something (``authorization.k8s.io``)."""

from __future__ import annotations

from typing import Any

from nsrunner.api.errors import invalid
from nsrunner.api.resources.base import Context, Resource, ResourceInfo
from nsrunner.errors import FieldError

__all__ = ["SelfSubjectAccessReviews"]

_ATTRIBUTES = ("nonResourceAttributes", "resourceAttributes")


class SelfSubjectAccessReviews(Resource):
    """Whoever gets as far as asking is root here, or has shown the administrator's credentials: they may do all."""

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
        return {**object, "status": {"allowed": True}}
