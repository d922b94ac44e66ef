"""Who may do what: administrators everything, service accounts what the configuration lets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from nsrunner.api import errors
from nsrunner.api.server.paths import Target

__all__ = ["PUBLIC", "VIEWED", "Access", "authorize", "is_service_account", "namespace_of"]

Access: TypeAlias = Literal["none", "view", "admin"]
"""Of service accounts: discovery alone; to read what is no secret in their own namespace; everything."""

_PREFIX: Final = "system:serviceaccount:"
_READS: Final = frozenset({"get", "list", "watch"})
PUBLIC: Final = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
"""Pages for everybody, each with all below it."""
VIEWED: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("configmaps", "events", "pods", "pods/log", "pods/status"),
    "events.k8s.io": ("events",),
    "metrics.k8s.io": ("pods",),
}
"""By group, what ``view`` lets read in the own namespace."""
_REVIEWS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
"""Groups in which everybody may ask who they are and what they may do."""


def is_service_account(user: str) -> bool:
    return user.startswith(_PREFIX)


def namespace_of(account: str) -> str:
    """``account``: the user's name of a service account."""
    return account.removeprefix(_PREFIX).partition(":")[0]


def authorize(user: str, path: str, target: Target | None, verb: str, access: Access) -> None:
    """``target``: what the path names, None for a page. Raises ApiError (403), with upstream's words."""
    if not is_service_account(user) or access == "admin":
        return
    if target is None:
        if any(path == page or path.startswith(f"{page}/") for page in PUBLIC):
            return
        raise errors.forbidden("", "", f'User "{user}" cannot {verb} path "{path}"')
    what = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    readable = verb in _READS and what in VIEWED.get(target.group, ())
    if target.group in _REVIEWS or (access == "view" and readable and target.namespace == namespace_of(user)):
        return
    where = "at the cluster scope" if target.namespace is None else f'in the namespace "{target.namespace}"'
    why = f'User "{user}" cannot {verb} resource "{what}" in API group "{target.group}" {where}'
    raise errors.forbidden(target.plural, target.name, why, target.group)
