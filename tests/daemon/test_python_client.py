"""The official client for Python (package ``kubernetes``) against a real daemon."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.dynamic
import kubernetes.stream
import kubernetes.watch
import pytest
from kubernetes.client.exceptions import ApiException

import real_pods
from nsrunner.api.store.watch import WINDOW
from real_daemon import SECONDS, RealDaemon
from real_daemon import daemon as daemon

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning")  # its own

LOOP = "while read line; do echo got $line; echo err $line >&2; done; echo over"


@pytest.fixture
def api(daemon: RealDaemon) -> Iterator[kubernetes.client.CoreV1Api]:
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(daemon.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        yield kubernetes.client.CoreV1Api(client)


def typed(name: str, **labels: str) -> kubernetes.client.V1Pod:
    container = kubernetes.client.V1Container(name="main", image="busybox", command=["sleep", "infinity"])
    return kubernetes.client.V1Pod(
        metadata=kubernetes.client.V1ObjectMeta(name=name, labels=labels or None),
        spec=kubernetes.client.V1PodSpec(containers=[container], termination_grace_period_seconds=0),
    )


def config_map(name: str, **data: str) -> kubernetes.client.V1ConfigMap:
    return kubernetes.client.V1ConfigMap(metadata=kubernetes.client.V1ObjectMeta(name=name), data=data)


def watched(function: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Events, until the caller stops; an end before that is a failure."""
    watch = kubernetes.watch.Watch()
    options = {"timeout_seconds": int(SECONDS), "_request_timeout": SECONDS, **options}
    yield from watch.stream(function, *arguments, **options)
    raise AssertionError("the watch ended")


def test_writing_and_reading(api: kubernetes.client.CoreV1Api) -> None:
    made = api.create_namespaced_config_map("default", config_map("conf", a="1"))
    assert made.metadata.uid and made.data == {"a": "1"}
    with pytest.raises(ApiException) as caught:
        api.create_namespaced_config_map("default", config_map("conf"))
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    made.data = {"a": "2"}
    replaced = api.replace_namespaced_config_map("conf", "default", made)
    assert replaced.data == {"a": "2"}
    with pytest.raises(ApiException, match="the object has been modified") as caught:
        api.replace_namespaced_config_map("conf", "default", made)
    assert caught.value.status == 409
    assert api.read_namespaced_config_map("conf", "default") == replaced
    assert [item.metadata.name for item in api.list_namespaced_config_map("default").items] == ["conf"]
    api.delete_namespaced_config_map("conf", "default")
    with pytest.raises(ApiException, match='configmaps \\\\"conf\\\\" not found') as caught:
        api.read_namespaced_config_map("conf", "default")
    assert caught.value.status == 404


def test_patches(api: kubernetes.client.CoreV1Api) -> None:
    api.create_namespaced_config_map("default", config_map("conf", a="1", b="1"))

    def patched(body: Any, content_type: str | None = None, **options: Any) -> dict[str, str]:
        options |= {"_content_type": content_type} if content_type else {}
        return dict(api.patch_namespaced_config_map("conf", "default", body, **options).data)

    assert patched({"data": {"a": "2"}}) == {"a": "2", "b": "1"}
    assert patched([{"op": "remove", "path": "/data/a"}]) == {"b": "1"}
    assert patched({"data": {"c": "3"}}, "application/merge-patch+json") == {"b": "1", "c": "3"}
    assert patched({"data": {"b": None}}, "application/strategic-merge-patch+json") == {"c": "3"}
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"d": "4"}}
    forced = {"field_manager": "me", "force": True}
    assert patched(applied, "application/apply-patch+yaml", **forced) == {"c": "3", "d": "4"}
    assert patched({"data": {"c": "9"}}, dry_run="All") == {"c": "9", "d": "4"}
    assert api.read_namespaced_config_map("conf", "default").data == {"c": "3", "d": "4"}


def test_pages_and_selectors(api: kubernetes.client.CoreV1Api) -> None:
    for number in range(5):
        labels = {"parity": "even" if number % 2 == 0 else "odd"}
        map = config_map(f"conf-{number}")
        map.metadata.labels = labels
        api.create_namespaced_config_map("default", map)
    names, more = [], None
    while more != "":
        page = api.list_namespaced_config_map("default", limit=2, _continue=more or "")
        names += [item.metadata.name for item in page.items]
        assert len(page.items) <= 2
        more = page.metadata._continue or ""
    assert names == [f"conf-{number}" for number in range(5)]
    odd = api.list_config_map_for_all_namespaces(label_selector="parity in (odd)")
    assert [item.metadata.name for item in odd.items] == ["conf-1", "conf-3"]
    one = api.list_namespaced_config_map("default", field_selector="metadata.name=conf-2")
    assert [item.metadata.name for item in one.items] == ["conf-2"]
    with pytest.raises(ApiException) as caught:
        api.list_namespaced_config_map("default", label_selector="a in")
    assert caught.value.status == 400
    api.delete_collection_namespaced_config_map("default", label_selector="parity=odd")
    assert len(api.list_namespaced_config_map("default").items) == 3
    api.delete_collection_namespaced_config_map("default")
    assert api.list_namespaced_config_map("default").items == []


def test_a_pods_life(api: kubernetes.client.CoreV1Api) -> None:
    version = api.list_namespaced_pod("default").metadata.resource_version
    created = api.create_namespaced_pod("default", typed("web", app="web"))
    assert created.status.phase == "Pending" and created.spec.restart_policy == "Always"
    seen, deleted = [], None
    for event in watched(api.list_namespaced_pod, "default", resource_version=version, label_selector="app=web"):
        pod = event["object"]
        seen.append(event["type"])
        if pod.status.phase == "Running" and not deleted:
            assert pod.status.container_statuses[0].state.running.started_at
            deleted = api.delete_namespaced_pod("web", "default", grace_period_seconds=0)
        if event["type"] == "DELETED":
            break
    assert seen[0] == "ADDED" and set(seen[1:-1]) == {"MODIFIED"} and seen[-1] == "DELETED"
    reasons = {event.reason for event in api.list_namespaced_event("default").items}
    assert {"Created", "Started"} <= reasons


def test_a_watch_that_nothing_happens_on(api: kubernetes.client.CoreV1Api) -> None:
    api.create_namespaced_config_map("default", config_map("conf"))
    watch = kubernetes.watch.Watch()
    found = list(watch.stream(api.list_namespaced_config_map, "default", timeout_seconds=1))
    assert [(event["type"], event["object"].metadata.name) for event in found] == [("ADDED", "conf")]
    version = api.list_namespaced_config_map("default").metadata.resource_version
    again = watch.stream(api.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=1)
    assert list(again) == []
    with pytest.raises(ApiException) as caught:
        list(watch.stream(api.list_namespaced_config_map, "default", resource_version="x", timeout_seconds=1))
    assert caught.value.status == 400


def test_a_watch_from_too_long_ago(daemon: RealDaemon, api: kubernetes.client.CoreV1Api) -> None:
    """410 Gone: the client says so; whoever lists again can go on."""
    old = api.create_namespaced_config_map("default", config_map("busy")).metadata.resource_version
    with daemon.client() as client:
        for number in range(WINDOW + 1):
            body = {"metadata": {"name": "busy"}, "data": {"number": str(number)}}
            client.call("PUT", "/api/v1/namespaces/default/configmaps/busy", body=body)
    watch = kubernetes.watch.Watch()
    with pytest.raises(ApiException) as caught:
        list(watch.stream(api.list_namespaced_config_map, "default", resource_version=old, timeout_seconds=5))
    assert caught.value.status == 410
    fresh = api.list_namespaced_config_map("default").metadata.resource_version
    made = config_map("conf")
    for event in _after(lambda: api.create_namespaced_config_map("default", made), api, fresh):
        assert (event["type"], event["object"].metadata.name) == ("ADDED", "conf")
        break


def _after(change: Any, api: kubernetes.client.CoreV1Api, version: str) -> Iterator[Any]:
    change()
    yield from watched(api.list_namespaced_config_map, "default", resource_version=version)


def test_streams(daemon: RealDaemon, api: kubernetes.client.CoreV1Api) -> None:
    daemon.create(real_pods.pod(real_pods.shell("main", LOOP, stdin=True, stdinOnce=True), name="web"))
    flags = {"stdin": True, "stdout": True, "stderr": True, "tty": False, "_preload_content": False}
    shell = kubernetes.stream.stream(api.connect_get_namespaced_pod_exec, "web", "default", command=["sh"], **flags)
    shell.write_stdin("echo out; echo err >&2; exit 4\n")
    shell.run_forever(timeout=SECONDS)
    assert (shell.read_stdout(), shell.read_stderr(), shell.returncode) == ("out\n", "err\n", 4)
    shell.close()
    lines: list[str] = []
    follower = threading.Thread(target=lambda: lines.extend(_followed(api)))
    follower.start()
    attached = kubernetes.stream.stream(api.connect_get_namespaced_pod_attach, "web", "default", **flags)
    attached.write_stdin("one\n")
    assert attached.readline_stdout(timeout=SECONDS) == "got one"
    assert attached.readline_stderr(timeout=SECONDS) == "err one"
    attached.close()  # which ends the input, as stdinOnce says
    follower.join(SECONDS)
    assert sorted(lines) == ["err one", "got one", "over"]
    assert daemon.wait("web", "Succeeded")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    last = api.read_namespaced_pod_log("web", "default", tail_lines=1, timestamps=True)
    assert last.endswith("Z over\n")


def _followed(api: kubernetes.client.CoreV1Api) -> Iterator[str]:
    answer = api.read_namespaced_pod_log("web", "default", follow=True, _preload_content=False)
    for line in answer.stream():
        yield from line.decode().splitlines()


def test_the_dynamic_client_and_other_groups(api: kubernetes.client.CoreV1Api) -> None:
    """By discovery; and what is not served says so."""
    dynamic = kubernetes.dynamic.DynamicClient(api.api_client)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": "1"}}
    made = dynamic.server_side_apply(maps, body=applied, name="conf", namespace="default", field_manager="me")
    assert made.data.to_dict() == {"a": "1"}
    assert [item.metadata.name for item in maps.get(namespace="default").items] == ["conf"]
    maps.delete(name="conf", namespace="default")
    with pytest.raises(kubernetes.dynamic.exceptions.ResourceNotFoundError):
        dynamic.resources.get(api_version="v1", kind="Service")
    with pytest.raises(ApiException) as caught:
        api.list_namespaced_service("default")
    assert caught.value.status == 404 and "could not find the requested resource" in caught.value.body
    with pytest.raises(ApiException) as caught:
        kubernetes.client.AppsV1Api(api.api_client).list_namespaced_deployment("default")
    assert caught.value.status == 404 and "nsrunner runs Pods" in caught.value.body
    assert kubernetes.client.VersionApi(api.api_client).get_code().major == "1"
    review = kubernetes.client.V1SelfSubjectRulesReview(
        spec=kubernetes.client.V1SelfSubjectRulesReviewSpec(namespace="default")
    )
    rules = kubernetes.client.AuthorizationV1Api(api.api_client).create_self_subject_rules_review(review)
    assert rules.status.resource_rules[0].verbs == ["*"] and rules.status.incomplete is False
    who = kubernetes.client.AuthenticationV1Api(api.api_client).create_self_subject_review({})
    assert "system:masters" in who.status.user_info.groups
