"""Reviews of oneself: answered, never kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from nsrunner.api.errors import ApiError

from ..registry.served import asked, serving

pytestmark = pytest.mark.asyncio


GROUP = "authorization.k8s.io"
ACCOUNT = {"user": "system:serviceaccount:shop:till"}


async def review(path: Path, spec: Any, plural: str = "selfsubjectaccessreviews", **context: Any) -> dict[str, Any]:
    group = "authentication.k8s.io" if plural == "selfsubjectreviews" else GROUP
    async with serving(path) as served:
        resource = served.registry.find(group, "v1", plural)
        assert resource is not None
        body = {"apiVersion": f"{group}/v1", "kind": resource.info.kind, "spec": spec}
        answer = await served.registry.create(resource, "", body, structs.replace(asked(), **context))
        assert not served.store.list(resource.info.storage)
        return answer


async def test_administrators_may_do_all(tmp_path: Path) -> None:
    spec = {"resourceAttributes": {"verb": "create", "resource": "pods"}}
    answer = await review(tmp_path, spec)
    assert answer["status"] == {"allowed": True} and answer["spec"] == spec
    answer = await review(tmp_path, {"namespace": "x"}, "selfsubjectrulesreviews")
    assert answer["status"] == {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


@pytest.mark.parametrize(
    ("attributes", "access", "allowed"),
    [
        ({"verb": "list", "resource": "pods", "namespace": "shop"}, "view", True),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "shop"}, "view", True),
        ({"verb": "get", "resource": "pods", "subresource": "exec", "namespace": "shop"}, "view", False),
        ({"verb": "list", "resource": "pods", "namespace": "bank"}, "view", False),
        ({"verb": "list", "resource": "pods"}, "view", False),
        ({"verb": "*", "resource": "*", "namespace": "shop"}, "view", False),
        ({"verb": "get", "resource": "*", "namespace": "shop"}, "view", False),
        ({"verb": "list", "resource": "pods", "namespace": "shop"}, "none", False),
        ({"verb": "*", "resource": "*", "group": "*"}, "admin", True),
        ({"verb": "get", "path": "/version"}, "none", True),
        ({"verb": "get", "path": "/metrics"}, "view", False),
    ],
)
async def test_what_a_service_account_is_told(
    tmp_path: Path, attributes: dict[str, str], access: str, allowed: bool
) -> None:
    kind = "nonResourceAttributes" if "path" in attributes else "resourceAttributes"
    answer = await review(tmp_path, {kind: attributes}, **ACCOUNT, access=access)
    assert answer["status"] == {"allowed": allowed}


@pytest.mark.parametrize(
    ("access", "namespace", "resources"),
    [("none", "shop", False), ("view", "bank", False), ("view", "shop", True)],
)
async def test_the_rules_of_a_service_account(tmp_path: Path, access: str, namespace: str, resources: bool) -> None:
    answer = await review(tmp_path, {"namespace": namespace}, "selfsubjectrulesreviews", **ACCOUNT, access=access)
    found = {name for rule in answer["status"]["resourceRules"] for name in rule["resources"]}
    reviews = {"selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews"}
    assert reviews <= found and "secrets" not in found
    assert ({"pods", "pods/log", "configmaps"} <= found) == resources == bool(found - reviews)
    assert "/version" in answer["status"]["nonResourceRules"][0]["nonResourceURLs"]


async def test_who_one_is(tmp_path: Path) -> None:
    answer = await review(tmp_path, None, "selfsubjectreviews", user="admin")
    assert answer["status"]["userInfo"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    answer = await review(tmp_path, None, "selfsubjectreviews", **ACCOUNT, access="none")
    assert answer["status"]["userInfo"] == {
        "username": "system:serviceaccount:shop:till",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    }


@pytest.mark.parametrize("spec", [None, {}, {"namespace": ""}, {"namespace": 1}])
async def test_rules_are_those_in_a_namespace(tmp_path: Path, spec: Any) -> None:
    with pytest.raises(ApiError, match="no namespace on request") as caught:
        await review(tmp_path, spec, "selfsubjectrulesreviews")
    assert caught.value.code == 400


@pytest.mark.parametrize("attributes", ["x", [], {"verb": 1}, {"path": {}}])
async def test_what_is_asked_is_text(tmp_path: Path, attributes: Any) -> None:
    with pytest.raises(ApiError, match="expected an object of strings") as caught:
        await review(tmp_path, {"resourceAttributes": attributes})
    assert caught.value.code == 400


@pytest.mark.parametrize("spec", [None, {}, "x", {"resourceAttributes": {}, "nonResourceAttributes": {}}])
async def test_one_thing_is_asked(tmp_path: Path, spec: Any) -> None:
    with pytest.raises(ApiError, match="exactly one of nonResourceAttributes or resourceAttributes") as caught:
        await review(tmp_path, spec)
    assert caught.value.code == 422
