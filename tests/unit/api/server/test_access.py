"""What service accounts may do."""

from __future__ import annotations

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.server.access import Access, authorize
from nsrunner.api.server.paths import parse_path

WHO = "system:serviceaccount:shop:till"
OWN, OTHER = "/api/v1/namespaces/shop", "/api/v1/namespaces/bank"


def may(path: str, verb: str, access: Access, user: str = WHO) -> bool:
    try:
        authorize(user, path, parse_path(path), verb, access)
    except ApiError as error:
        assert error.code == 403
        return False
    return True


@pytest.mark.parametrize(
    ("path", "verb", "none", "view"),
    [
        ("/api", "get", True, True),
        ("/openapi/v3", "get", True, True),
        ("/metrics", "get", False, False),
        ("/pods", "get", False, False),
        ("/apiary", "get", False, False),
        (f"{OWN}/pods", "list", False, True),
        (f"{OWN}/pods/a", "get", False, True),
        (f"{OWN}/pods/a/log", "get", False, True),
        (f"{OWN}/pods/a/exec", "get", False, False),
        (f"{OWN}/pods/a/attach", "get", False, False),
        (f"{OWN}/pods/a/portforward", "get", False, False),
        (f"{OWN}/pods", "create", False, False),
        (f"{OWN}/pods/a", "delete", False, False),
        (f"{OWN}/pods/a/status", "patch", False, False),
        (f"{OWN}/secrets/a", "get", False, False),
        (f"{OWN}/secrets", "watch", False, False),
        (f"{OWN}/serviceaccounts/till/token", "create", False, False),
        (f"{OTHER}/pods", "list", False, False),
        ("/api/v1/pods", "list", False, False),
        ("/api/v1/nodes/n", "get", False, False),
        (f"{OWN}/pods/a/status", "get", False, True),
        (f"{OWN}/serviceaccounts", "list", False, False),
        ("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", "list", False, True),
        ("/apis/apps/v1/namespaces/shop/pods", "list", False, False),
        ("/apis/authentication.k8s.io/v1/selfsubjectreviews", "create", True, True),
        ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "create", True, True),
    ],
)
def test_access(path: str, verb: str, none: bool, view: bool) -> None:
    assert (may(path, verb, "none"), may(path, verb, "view"), may(path, verb, "admin")) == (none, view, True)
    assert may(path, verb, "none", "root") and may(path, verb, "none", "admin")


def test_the_refusal_is_upstreams() -> None:
    path = f"{OTHER}/pods/a/exec"
    with pytest.raises(ApiError) as caught:
        authorize(WHO, path, parse_path(path), "create", "view")
    assert str(caught.value) == (
        'pods "a" is forbidden: User "system:serviceaccount:shop:till" cannot create resource "pods/exec" in API group '
        '"" in the namespace "bank"'
    )
