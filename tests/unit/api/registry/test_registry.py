"""The verbs: what they do and what they refuse."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest

from nsrunner.api.errors import ApiError
from nsrunner.api.registry import BUILT_IN_NAMESPACES

from .served import NOW, asked, config_map, pod, serving

pytestmark = pytest.mark.asyncio


def refused(code: int, words: str) -> Any:
    return pytest.raises(ApiError, match=words, check=lambda error: error.code == code)


async def test_a_pod_that_is_created_is_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        metadata, spec = created["metadata"], created["spec"]
        assert metadata["uid"] and metadata["creationTimestamp"] == NOW and metadata["generation"] == 1
        assert (spec["nodeName"], spec["serviceAccountName"], spec["restartPolicy"]) == ("node-1", "default", "Always")
        assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
        assert served.registry.get(served.resource("pods"), "default", "web") == created
        assert served.heard.calls == [("written", "web", "created")]


async def test_creation_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("pods", pod())
        with refused(409, 'pods "web" already exists'):
            await served.create("pods", pod())
        with refused(422, 'Pod "b" is invalid: spec.restartPolicy: Unsupported value: "Never ever"'):
            await served.create("pods", pod("b", restartPolicy="Never ever"))
        with refused(400, r'strict decoding error: unknown field "spec.restartPolicz" \(did you mean "restartPolicy"'):
            await served.create("pods", pod("b", restartPolicz="Never"))
        with refused(404, 'namespaces "nowhere" not found'):
            await served.create("pods", pod(), namespace="nowhere")
        with refused(400, "does not match the namespace"):
            await served.create("pods", {**pod(), "metadata": {"name": "b", "namespace": "other"}})
        with refused(400, "is of type ConfigMap"):
            await served.create("pods", config_map())
        with refused(422, "name or generateName is required"):
            await served.create("pods", {**pod(), "metadata": {}})
        with refused(400, "must be an object"):
            await served.create("pods", [1])
        with refused(400, "metadata.labels: expected a map of strings to strings"):
            await served.create("pods", {**pod(), "metadata": {"name": "b", "labels": {"a": 1}}})
        assert [item["metadata"]["name"] for item in served.store.list("pods")] == ["web"]


async def test_unknown_fields_are_told_or_dropped_where_they_are_let_pass(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        context = asked(field_validation="Warn", warnings=[])
        body = pod(restartPolicz="Never")
        created = await served.registry.create(served.resource("pods"), "default", body, context)
        assert "restartPolicz" not in created["spec"]
        assert context.warnings == ['unknown field "spec.restartPolicz" (did you mean "restartPolicy"?)']


async def test_generated_names_and_dry_runs(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        body = {**pod(), "metadata": {"generateName": "web-"}}
        names = {(await served.create("pods", copy.deepcopy(body)))["metadata"]["name"] for _ in range(5)}
        assert len(names) == 5
        assert all(name.startswith("web-") and len(name) == 9 for name in names)
        version = served.store.version
        assert (await served.create("pods", pod("dry"), dry_run=True))["spec"]["nodeName"] == "node-1"
        assert served.store.version == version


async def test_lists_come_in_pages(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for name in "abcde":
            await served.create("configmaps", config_map(name))
        resource = served.resource("configmaps")
        seen, token = [], ""
        while True:
            page = served.registry.list(resource, None, limit=2, continue_=token)
            seen += [item["metadata"]["name"] for item in page["items"]]
            token = page["metadata"].get("continue", "")
            if not token:
                break
            assert page["metadata"]["remainingItemCount"] == 5 - len(seen)
        assert seen == list("abcde")
        assert page["kind"] == "ConfigMapList"
        with refused(400, "continue key is not valid"):
            served.registry.list(resource, None, continue_="nonsense")


async def test_selectors(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for name in "ab":
            await served.create("pods", pod(name))
        resource = served.resource("pods")

        def names(**selectors: str) -> list[str]:
            found = served.registry.list(resource, "default", **selectors)
            return [item["metadata"]["name"] for item in found["items"]]

        assert names(label_selector="app=a") == ["a"]
        assert names(field_selector="metadata.name!=a,status.phase=Pending,spec.nodeName=node-1") == ["b"]
        with refused(400, "field label not supported"):
            names(field_selector="spec.image=x")


async def test_updates_hold_to_what_may_change(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        resource = served.resource("pods")

        async def put(body: Any) -> dict[str, Any]:
            return await served.registry.update(resource, "default", "web", body, asked())

        image = copy.deepcopy(created)
        image["spec"]["containers"][0]["image"] = "rootfs:/x"
        updated = await put(image)
        assert updated["metadata"]["generation"] == 2
        assert served.heard.calls[-1] == ("written", "web", "updated")
        with refused(409, "the object has been modified; please apply your changes to the latest version"):
            await put(image)
        moved = copy.deepcopy(updated)
        moved["spec"]["nodeName"] = "other"
        with refused(422, "pod updates may not change fields other than"):
            await put(moved)
        with refused(409, "UID in precondition: other"):
            await put({**updated, "metadata": {**updated["metadata"], "uid": "other"}})
        with refused(400, "does not match the name on the URL"):
            await put({**updated, "metadata": {**updated["metadata"], "name": "other"}})
        labelled = await put({**updated, "metadata": {"name": "web", "labels": {"x": "y"}}})
        assert labelled["metadata"]["labels"] == {"x": "y"}
        assert labelled["metadata"]["uid"] == created["metadata"]["uid"], "what clients leave out of the settled"
        assert await put(labelled) is labelled, "nothing has changed"


async def test_a_condition_from_outside_reaches_the_pod(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        gate = {"type": "example.com/ready", "status": "True"}
        body = {**created, "status": {"phase": "Failed", "conditions": [gate, {"type": "Ready", "status": "True"}]}}
        context = asked(subresource="status")
        updated = await served.registry.update(served.resource("pods"), "default", "web", body, context)
        assert updated["status"] == {"phase": "Pending", "qosClass": "BestEffort", "conditions": [gate]}
        assert served.heard.calls[-1] == ("condition", "web", "example.com/ready", "True")


async def test_ephemeral_containers_are_only_added(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        context = asked(subresource="ephemeralcontainers")

        async def put(*containers: dict[str, Any]) -> dict[str, Any]:
            body = copy.deepcopy(created)
            del body["metadata"]["resourceVersion"]
            body["spec"]["ephemeralContainers"] = list(containers)
            return await served.registry.update(served.resource("pods"), "default", "web", body, context)

        debugger = {"name": "d", "image": "host", "command": ["sh"]}
        updated = await put(debugger)
        assert [each["name"] for each in updated["spec"]["ephemeralContainers"]] == ["d"]
        assert served.heard.calls[-1] == ("written", "web", "ephemeral")
        with refused(422, "may not be removed"):
            await put({**debugger, "name": "e"})
        with refused(422, "may not be changed"):
            await put({**debugger, "command": ["bash"]})


async def test_a_pod_stays_until_it_has_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        resource, uid = served.resource("pods"), created["metadata"]["uid"]
        marked, gone = await served.registry.delete(resource, "default", "web", {"gracePeriodSeconds": 20}, asked())
        assert not gone
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 20
        again, _ = await served.registry.delete(resource, "default", "web", {}, asked())
        assert again["metadata"]["deletionGracePeriodSeconds"] == 20, "it may only be shortened"
        shorter, _ = await served.registry.delete(resource, "default", "web", {"gracePeriodSeconds": 5}, asked())
        assert shorter["metadata"]["deletionTimestamp"] < marked["metadata"]["deletionTimestamp"]
        assert served.heard.calls[1:] == [("deleted", "web", 20), ("deleted", "web", 5)]
        served.registry.finalize("default", "web", "another")
        assert served.store.list("pods")
        served.registry.finalize("default", "web", uid)
        with refused(404, 'pods "web" not found'):
            await served.registry.delete(resource, "default", "web", {}, asked())


async def test_a_forced_deletion_is_at_once_and_preconditions_hold(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        resource = served.resource("pods")
        with refused(409, "UID in precondition: x"):
            await served.registry.delete(resource, "default", "web", {"preconditions": {"uid": "x"}}, asked())
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": created["metadata"]["uid"]}}
        assert (await served.registry.delete(resource, "default", "web", options, asked(dry_run=True)))[0] is not None
        assert served.store.list("pods")
        _, gone = await served.registry.delete(resource, "default", "web", options, asked())
        assert gone
        assert not served.store.list("pods")
        assert served.heard.calls[-1] == ("deleted", "web", 0)


async def test_a_finalizer_holds_an_object(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        held = {**config_map(), "metadata": {"name": "conf", "finalizers": ["example.com/x"]}}
        await served.create("configmaps", held)
        resource = served.resource("configmaps")
        marked, gone = await served.registry.delete(resource, "default", "conf", {}, asked())
        assert not gone and marked["metadata"]["deletionTimestamp"]
        free = {**marked, "metadata": {**marked["metadata"], "finalizers": []}}
        await served.registry.update(resource, "default", "conf", free, asked())
        assert not served.store.list("configmaps")


async def test_namespaces_take_everything_along(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        created = await served.create("namespaces", namespace, namespace="")
        assert created["status"] == {"phase": "Active"}
        assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
        assert served.registry.get(served.resource("serviceaccounts"), "team", "default")
        await served.create("configmaps", config_map(), namespace="team")
        resource = served.resource("namespaces")
        _, gone = await served.registry.delete(resource, "", "team", {}, asked())
        assert gone
        assert not served.store.list("configmaps") and not served.store.list("serviceaccounts", "team")
        for name in BUILT_IN_NAMESPACES:
            with refused(403, "may not be deleted"):
                await served.registry.delete(resource, "", name, {}, asked())


async def test_immutable_configuration(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("configmaps", config_map(immutable=True))
        with refused(422, "field is immutable when `immutable` is set"):
            await served.registry.update(
                served.resource("configmaps"), "default", "conf", {**created, "data": {"k": "w"}}, asked()
            )


async def test_a_collection_is_deleted_by_selector(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for name in "abc":
            await served.create("configmaps", config_map(name))
        deleted = await served.registry.delete_collection(
            served.resource("configmaps"),
            "default",
            label_selector="",
            field_selector="metadata.name!=b",
            options={},
            context=asked(),
        )
        assert [item["metadata"]["name"] for item in deleted["items"]] == ["a", "c"]
        assert [item["metadata"]["name"] for item in served.store.list("configmaps")] == ["b"]


async def test_a_watch_by_selector_shows_objects_come_and_go(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("configmaps", config_map("old"))
        resource = served.resource("configmaps")
        watch = served.registry.watch(resource, "default", field_selector="metadata.name!=x", initial_events=True)
        first = [await anext(watch) for _ in range(2)]
        assert [event["type"] for event in first] == ["ADDED", "BOOKMARK"]
        assert first[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        await served.create("configmaps", config_map("x"))
        await served.create("configmaps", config_map("y"))
        await served.registry.delete(resource, "default", "y", {}, asked())
        rest = [await anext(watch) for _ in range(2)]
        assert [(event["type"], event["object"]["metadata"]["name"]) for event in rest] == [
            ("ADDED", "y"),
            ("DELETED", "y"),
        ]
        watch.close()


async def test_an_object_that_leaves_a_selection_is_deleted_for_its_watcher(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        resource = served.resource("pods")
        since = created["metadata"]["resourceVersion"]
        watch = served.registry.watch(resource, None, label_selector="app=web", since=since)
        change = {**created, "metadata": {**created["metadata"], "labels": {"app": "other"}}}
        await served.registry.update(resource, "default", "web", change, asked())
        event = await asyncio.wait_for(anext(watch), 5)
        assert (event["type"], event["object"]["metadata"]["labels"]) == ("DELETED", {"app": "other"})
        watch.close()


@pytest.mark.parametrize(("since", "code", "words"), [("x", 400, "must be a number"), ("-5", 410, "too old")])
async def test_a_watch_from_nowhere(tmp_path: Path, since: str, code: int, words: str) -> None:
    async with serving(tmp_path) as served:
        with refused(code, words):
            served.registry.watch(served.resource("pods"), None, since=since)


async def test_what_the_daemon_writes(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        created = await served.create("pods", pod())
        registry, uid = served.registry, created["metadata"]["uid"]
        registry.set_pod_status("default", "web", "another", {"phase": "Failed"})
        registry.set_pod_status("default", "web", uid, {"phase": "Running"})
        assert registry.get(served.resource("pods"), "default", "web")["status"] == {"phase": "Running"}
        event = {"kind": "Event", "metadata": {"name": "e", "namespace": "default"}, "count": 1}
        registry.put_event(event)
        registry.put_event({**event, "count": 2})
        (shown,) = registry.list(served.resource("events"), "default")["items"]
        assert shown["count"] == 2 and shown["metadata"]["uid"]
        registry.drop(served.resource("events"), "default", "e")
        registry.drop(served.resource("events"), "default", "e")
        assert not served.store.list("events")


async def test_every_resource_has_a_row_for_its_columns(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.create("pods", pod())
        await served.create("configmaps", config_map())
        await served.create("secrets", {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}})
        node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "node-1"}, "spec": {}, "status": {}}
        served.registry.put(served.resource("nodes"), node)
        served.registry.put_event({"kind": "Event", "metadata": {"name": "e", "namespace": "default"}})
        computed = ("authentication.k8s.io", "authorization.k8s.io", "metrics.k8s.io")
        for resource in served.registry.resources:
            items = served.registry.list(resource, None)["items"]
            assert items or resource.info.group in computed
            for item in items:
                assert len(resource.row(item, 1.8e9)) == len(resource.columns), resource.info.kind
