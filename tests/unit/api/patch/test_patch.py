"""PATCH requests on a real store: each media type, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.patch import PATCHES, patched

from ..registry.served import Served, asked, config_map, pod, serving

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]
JSON_PATCH, MERGE, STRATEGIC, APPLY = PATCHES


async def patch(
    served: Served,
    kind: str,
    body: Any,
    plural: str = "configmaps",
    name: str = "conf",
    force: bool = False,
    **asks: Any,
) -> tuple[Json, bool]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    context = asked(**{"field_manager": "me", "manager_named": True, **asks})
    resource = served.resource(plural)
    return await patched(served.registry, resource, "default", name, kind, data, context, force=force)


async def test_each_media_type(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("configmaps", config_map(), field_manager="me")
        operations = [
            {"op": "add", "path": "/data/a", "value": "1"},
            {"op": "copy", "from": "/data/a", "path": "/data/b"},
        ]
        changed, created = await patch(served, JSON_PATCH, operations)
        assert changed["data"] == {"k": "v", "a": "1", "b": "1"} and not created
        changed, _ = await patch(served, MERGE, {"data": {"a": None}})
        assert changed["data"] == {"k": "v", "b": "1"}
        changed, _ = await patch(served, STRATEGIC, {"data": {"$patch": "replace", "z": "1"}})
        assert changed["data"] == {"z": "1"}
        changed, created = await patch(served, APPLY, config_map(data={"y": "1"}))
        assert changed["data"] == {"z": "1", "y": "1"} and not created
        managers = [(entry["manager"], entry["operation"]) for entry in changed["metadata"]["managedFields"]]
        assert managers == [("me", "Apply"), ("me", "Update")]


async def test_apply_makes_what_is_missing_and_changes_nothing_twice(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        yaml = b"kind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: i, command: [x]}]}\n"
        made, created = await patch(served, APPLY, yaml, "pods", "web")
        assert created and made["metadata"]["uid"] and made["spec"]["nodeName"] == "node-1"
        again, created = await patch(served, APPLY, yaml, "pods", "web", now="2026-02-02T00:00:00Z")
        assert not created and again is made
        assert served.heard.calls == [("written", "web", "created")]
        with pytest.raises(ApiError, match="uid mismatch"):
            await patch(served, APPLY, {"metadata": {"uid": "other"}}, "pods", "none")


async def test_a_pod_applied_by_patch_after_it_was_created_is_unchanged(tmp_path: Path) -> None:
    """Nothing that is filled in later makes a difference."""
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        for kind in (MERGE, STRATEGIC):
            same, _ = await patch(served, kind, pod(), "pods", "web")
            assert same is created


async def test_dry_run_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        shown, created = await patch(served, APPLY, config_map(), dry_run=True)
        assert created and shown["data"] == {"k": "v"} and not served.store.list("configmaps")


@pytest.mark.parametrize(
    ("kind", "body", "options", "code", "message"),
    [
        (APPLY, {}, {"manager_named": False}, 422, "fieldManager: Required value: is required for apply patch"),
        (MERGE, {}, {"force": True}, 422, "force: Forbidden: may not be specified for non-apply patch"),
        (MERGE, [], {}, 400, "a merge patch must be an object"),
        (STRATEGIC, [], {}, 400, "a strategic merge patch must be an object"),
        (JSON_PATCH, {}, {}, 400, "must be a list of operations"),
        (JSON_PATCH, [{"op": "sing"}], {}, 400, "error decoding patch"),
        (JSON_PATCH, [{"op": "remove", "path": "/none"}], {}, 422, "rejected our request"),
        (JSON_PATCH, [{"op": "replace", "path": "/metadata", "value": 1}], {}, 400, "metadata must be an object"),
        (MERGE, b"{", {}, 400, "error decoding patch"),
        (MERGE, b'{"a":' * 300 + b"1" + b"}" * 300, {}, 400, "levels"),
        (MERGE, b"[" * 100_000, {}, 400, "error decoding patch"),
        (MERGE, {"data": {"a": 1}}, {}, 422, "data"),
        (APPLY, b"a: [", {}, 400, "error decoding YAML"),
        (APPLY, b"{}\n---\n{}\n", {}, 400, "one object"),
        (APPLY, {"metadata": {"managedFields": [{"manager": "x"}]}}, {}, 400, "managedFields must be nil"),
        (APPLY, {"metadata": {"name": "x"}}, {}, 400, "does not match the name"),
        (APPLY, {"metadata": {"namespace": "x"}}, {}, 400, "does not match the namespace"),
        (APPLY, {"kind": "Pod"}, {}, 400, "must be of type ConfigMap"),
        (APPLY, {"dat": {}}, {}, 400, "field not declared in schema"),
    ],
)
async def test_what_is_refused(tmp_path: Path, kind: str, body: Any, options: Json, code: int, message: str) -> None:
    async with serving(tmp_path) as served:
        there = await served.create("configmaps", config_map())
        with pytest.raises(ApiError, match=message) as caught:
            await patch(served, kind, body, **options)
        assert caught.value.code == code
        assert served.registry.get(served.resource("configmaps"), "default", "conf") is there


async def test_copies_have_an_end(tmp_path: Path) -> None:
    """Each operation doubles the object."""
    async with serving(tmp_path) as served:
        await served.create("configmaps", config_map())
        bomb = [{"op": "copy", "from": "", "path": f"/data/{number}"} for number in range(40)]
        with pytest.raises(ApiError) as caught:
            await patch(served, JSON_PATCH, bomb)
        assert caught.value.code == 413


async def test_a_status_of_others_is_patched_apart(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("pods", pod())
        body = {"status": {"conditions": [{"type": "example.org/ok", "status": "True"}], "phase": "Failed"}}
        changed, _ = await patch(served, STRATEGIC, body, "pods", "web", subresource="status")
        assert changed["status"]["conditions"] == [{"type": "example.org/ok", "status": "True"}]
        assert changed["status"]["phase"] == "Pending"
        assert ("condition", "web", "example.org/ok", "True") in served.heard.calls
        mine = [entry for entry in changed["metadata"]["managedFields"] if entry.get("subresource") == "status"]
        assert mine and mine[0]["manager"] == "me"


async def test_ephemeral_containers_come_by_strategic_patch(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("pods", pod())
        body = {"spec": {"ephemeralContainers": [{"name": "d", "image": "host", "command": ["sh"]}]}}
        changed, _ = await patch(served, STRATEGIC, body, "pods", "web", subresource="ephemeralcontainers")
        assert [each["name"] for each in changed["spec"]["ephemeralContainers"]] == ["d"]
        assert ("written", "web", "ephemeral") in served.heard.calls
