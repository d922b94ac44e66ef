"""Access reviews: answered, never kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nsrunner.api.errors import ApiError

from ..registry.served import asked, serving

pytestmark = pytest.mark.asyncio


async def review(path: Path, spec: Any) -> dict[str, Any]:
    async with serving(path) as served:
        resource = served.registry.find("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
        assert resource is not None
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        answer = await served.registry.create(resource, "", body, asked())
        assert not served.store.list(resource.info.storage)
        return answer


async def test_whoever_may_ask_may_do_all(tmp_path: Path) -> None:
    spec = {"resourceAttributes": {"verb": "create", "resource": "pods"}}
    answer = await review(tmp_path, spec)
    assert answer["status"] == {"allowed": True} and answer["spec"] == spec


@pytest.mark.parametrize("spec", [None, {}, "x", {"resourceAttributes": {}, "nonResourceAttributes": {}}])
async def test_one_thing_is_asked(tmp_path: Path, spec: Any) -> None:
    with pytest.raises(ApiError, match="exactly one of nonResourceAttributes or resourceAttributes") as caught:
        await review(tmp_path, spec)
    assert caught.value.code == 422
