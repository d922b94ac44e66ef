"""Who may do what: administrators everything, service accounts what the configuration lets them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from nsrunner.api import errors
from nsrunner.api.server.paths import Target

__all__ = ["Access", "authorize", "is_service_account"]

Access: TypeAlias = Literal["none", "view", "admin"]
"""Of service accounts: discovery alone; to read what is no secret in their own namespace; everything."""

_PREFIX: Final = "system:serviceaccount:"
_READS: Final = frozenset({"get", "list", "watch"})
_PUBLIC: Final = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
_STREAMS: Final = frozenset({"attach", "exec", "portforward"})
"""Read by GET, and no reading."""


def is_service_account(user: str) -> bool:
    return user.startswith(_PREFIX)


def authorize(user: str, path: str, target: Target | None, verb: str, access: Access) -> None:
    """``target``: what the path names, None for a page. Raises ApiError (403), with upstream's words."""
    if not is_service_account(user) or access == "admin":
        return
    if target is None:
        if any(path == page or path.startswith(f"{page}/") for page in _PUBLIC):
            return
        raise errors.forbidden("", "", f'User "{user}" cannot {verb} path "{path}"')
    namespace = user.removeprefix(_PREFIX).partition(":")[0]
    readable = target.plural != "secrets" and target.subresource not in _STREAMS and verb in _READS
    if target.group == "authorization.k8s.io" or (
        access == "view" and readable and target.namespace == namespace and target.plural != "serviceaccounts"
    ):
        return
    what = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    where = "at the cluster scope" if target.namespace is None else f'in the namespace "{target.namespace}"'
    why = f'User "{user}" cannot {verb} resource "{what}" in API group "{target.group}" {where}'
    raise errors.forbidden(target.plural, target.name, why, target.group)
