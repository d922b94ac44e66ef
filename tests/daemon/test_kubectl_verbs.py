"""kubectl's everyday verbs against a real daemon: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

import real_pods
from kubectls import kubectl as kubectl
from kubectls import newest
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

pytestmark = pytest.mark.usefixtures("kubectl")

POD = "/namespaces/default/pods/web"


@pytest.fixture
def web(daemon: RealDaemon) -> RealDaemon:
    made = real_pods.pod(real_pods.shell("main", "echo hello; exec sleep infinity"), name="web")
    made["metadata"]["labels"] = {"app": "web"}
    daemon.create(made)
    return daemon


def out(daemon: RealDaemon, *arguments: str, **options: Any) -> str:
    return str(daemon.kubectl(*arguments, **options).stdout)


def refusal(daemon: RealDaemon, *arguments: str, **options: Any) -> str:
    """What it says on stderr when it fails, as it must."""
    done = daemon.kubectl(*arguments, check=False, **options)
    assert done.returncode == 1, done
    return str(done.stderr)


def test_get_in_all_forms(web: RealDaemon) -> None:
    assert re.search(r"^NAME +READY +STATUS +RESTARTS +AGE\nweb +1/1 +Running +0 +\d+s\n$", out(web, "get", "pods"))
    wide = out(web, "get", "pods", "-o", "wide", "--show-labels")
    assert re.search(r"RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES +LABELS\n", wide)
    assert wide.rstrip().endswith("<none>           <none>            app=web")
    assert re.search(r"^default +web ", out(web, "get", "pods", "-A", "--no-headers"))
    assert out(web, "get", "pods", "-L", "app", "--no-headers").split()[-1] == "web"
    pod = web.call("GET", POD)
    assert json.loads(out(web, "get", "pod", "web", "-o", "json"))["spec"] == pod["spec"]
    assert f"uid: {pod['metadata']['uid']}\n" in out(web, "get", "pod/web", "-o", "yaml")
    assert out(web, "get", "po", "-l", "app=web", "-o", "name") == "pod/web\n"
    assert out(web, "get", "pod", "web", "-o", "jsonpath={.status.phase} {.status.podIP}") == "Running 192.0.2.1"
    assert out(web, "get", "pods", "-o", "go-template={{range .items}}{{.metadata.name}}{{end}}") == "web"
    columns = "custom-columns=N:.metadata.name,P:.status.phase"
    assert out(web, "get", "pods", "-o", columns, "--sort-by=.metadata.name").split() == ["N", "P", "web", "Running"]
    assert out(web, "get", "pods", "--field-selector=status.phase=Running", "-o", "name") == "pod/web\n"
    none = web.kubectl("get", "pods", "-l", "app=none")
    assert (none.stdout, none.stderr) == ("", "No resources found in default namespace.\n")
    assert refusal(web, "get", "pod", "none") == 'Error from server (NotFound): pods "none" not found\n'
    several = out(web, "get", "nodes,namespaces,configmaps,secrets,serviceaccounts,events")
    assert {"namespace/kube-system", "serviceaccount/default"} <= set(several.split())


def test_what_is_not_served(web: RealDaemon) -> None:
    """As by an API server that does not have it."""
    for each in ((), ("-A",)):
        shown = web.kubectl("get", "all", *each)
        assert "web" in shown.stdout and shown.stderr == ""
    for kind in ("services", "deployments", "replicationcontrollers", "nosuch"):
        assert refusal(web, "get", kind) == f'error: the server doesn\'t have a resource type "{kind}"\n'
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}}
    assert 'no matches for kind "Service" in version "v1"' in refusal(
        web, "apply", "--validate=false", "-f", "-", input=json.dumps(service)
    )
    assert 'no matches for kind "Service" in version "v1"' in refusal(web, "expose", "pod", "web", "--port=1")
    assert "the server could not find the requested resource" in refusal(web, "get", "--raw", "/api/v1/services")


def test_describe(web: RealDaemon) -> None:
    described = out(web, "describe", "pod", "web")
    for line in (
        r"^Name: +web$",
        r"^Labels: +app=web$",
        r"^Status: +Running$",
        r"^IP: +192\.0\.2\.1$",
        r"^    State: +Running$",
        r"^  Ready +True *$",
        r"^QoS Class: +BestEffort$",
        r"^  Normal +Started +\S+ +kubelet ",
    ):
        assert re.search(line, described, re.MULTILINE), (line, described)
    node = out(web, "describe", "nodes")
    assert re.search(r"^  Ready +True ", node, re.MULTILINE) and re.search(r"^  default +web ", node, re.MULTILINE)
    web.kubectl("create", "configmap", "conf", "--from-literal=key=value")
    assert re.search(r"^key:\n----\nvalue\n", out(web, "describe", "configmap", "conf"), re.MULTILINE)
    assert re.search(r"^Status: +Active$", out(web, "describe", "namespace", "default"), re.MULTILINE)


def test_discovery(daemon: RealDaemon) -> None:
    assert "Server Version" in out(daemon, "version")
    resources = out(daemon, "api-resources", "--no-headers")
    assert re.search(r"^pods +po +v1 +true +Pod *$", resources, re.MULTILINE)
    assert "events.k8s.io/v1\n" in out(daemon, "api-versions")
    assert out(daemon, "get", "--raw", "/readyz") == "ok"
    assert "FIELD" in out(daemon, "explain", "pod.spec.containers.image")
    assert "RESOURCE" in out(daemon, "explain", "pod") or "KIND:" in out(daemon, "explain", "pod")


def test_what_one_may_do(daemon: RealDaemon) -> None:
    assert out(daemon, "auth", "can-i", "create", "pods") == "yes\n"
    assert out(daemon, "auth", "can-i", "--list").splitlines()[1].split() == ["*.*", "[]", "[]", "[*]"]
    token = daemon.call("POST", "/namespaces/default/serviceaccounts/default/token", {})["status"]["token"]
    url, authority = f"https://127.0.0.1:{daemon.port}", f"{daemon.roots.state}/pki/ca.crt"
    account = ("--kubeconfig", os.devnull, "--server", url, "--certificate-authority", authority, "--token", token)
    no = daemon.kubectl(*account, "auth", "can-i", "create", "pods", check=False)
    assert (no.returncode, no.stdout) == (1, "no\n")
    assert "selfsubjectaccessreviews.authorization.k8s.io" in out(daemon, *account, "auth", "can-i", "--list")
    forbidden = refusal(daemon, *account, "get", "pods")
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods" in API group ""' in forbidden


def test_changing_metadata(web: RealDaemon) -> None:
    def labels() -> dict[str, str]:
        found: dict[str, str] = web.call("GET", POD)["metadata"]["labels"]
        return found

    assert out(web, "label", "pod", "web", "a=b") == "pod/web labeled\n"
    assert "'a' already has a value (b), and --overwrite is false" in refusal(web, "label", "pod", "web", "a=c")
    web.kubectl("label", "pods", "--all", "a=c", "--overwrite")
    assert labels() == {"app": "web", "a": "c"}
    web.kubectl("label", "pod", "web", "a-")
    assert out(web, "annotate", "pod", "web", "note=x") == "pod/web annotated\n"
    web.kubectl("patch", "pod", "web", "-p", '{"metadata":{"labels":{"z":"1"}}}')
    web.kubectl("patch", "pod", "web", "--type=json", "-p", '[{"op":"remove","path":"/metadata/labels/z"}]')
    web.kubectl("patch", "pod", "web", "--type=merge", "-p", '{"metadata":{"labels":{"y":"1"}}}')
    assert labels() == {"app": "web", "y": "1"}
    assert web.call("GET", POD)["metadata"]["annotations"] == {"note": "x"}
    assert "spec.containers: Required value" in refusal(
        web, "patch", "pod", "web", "--type=merge", "-p", '{"spec":{"containers":null}}'
    )
    assert out(web, "set", "image", "pod/web", "main=busybox:2") == "pod/web image updated\n"
    web.wait("web", "Running")


def test_replacing(web: RealDaemon) -> None:
    """A manifest does not say what a running pod has besides; ``--force`` makes another pod of it."""
    pod = real_pods.pod(name="web")
    uid = web.call("GET", POD)["metadata"]["uid"]
    assert "pod updates may not change fields" in refusal(web, "replace", "-f", "-", input=json.dumps(pod))
    web.kubectl("replace", "--force", "-f", "-", input=json.dumps(pod))
    assert web.wait("web", "Running")["metadata"]["uid"] != uid
    web.kubectl("create", "configmap", "conf", "--from-literal=a=1")
    web.kubectl("replace", "-f", "-", input=json.dumps(_config_map({"a": "2"})))
    assert web.call("GET", "/namespaces/default/configmaps/conf")["data"] == {"a": "2"}


def _config_map(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": data}


def test_waiting_and_deleting(web: RealDaemon) -> None:
    ready = ("wait", "--for=condition=Ready", "pod/web", "--timeout=30s")
    assert out(web, *ready) == "pod/web condition met\n"
    # PID 1 of the container has no handler for TERM: it lives as long as it is let.
    assert out(web, "delete", "pod", "web", "--grace-period=5", "--wait=false").startswith('pod "web" deleted')
    assert out(web, "wait", "--for=delete", "pod/web", "--timeout=60s") == "pod/web condition met\n"
    assert web.call("GET", "/namespaces/default/pods")["items"] == []
    assert refusal(web, "delete", "pod", "web") == 'Error from server (NotFound): pods "web" not found\n'
    web.kubectl("delete", "pod", "web", "--ignore-not-found")
    events = out(web, "get", "events", "--field-selector=involvedObject.name=web,reason=Killing", "--no-headers")
    assert "Stopping container main" in events


def test_run(daemon: RealDaemon) -> None:
    hello = daemon.kubectl(
        "run", "once", "--image=busybox", "--restart=Never", "-i", "--rm", "--", "sh", "-c", "cat; exit 3",
        input="from stdin\n", check=False,
    )  # fmt: skip
    assert (hello.returncode, hello.stdout.splitlines()[0]) == (3, "from stdin"), hello
    daemon.kubectl("wait", "--for=delete", "pod/once", "--timeout=30s", check=False)  # run itself does not wait
    assert daemon.call("GET", "/namespaces/default/pods")["items"] == []
    assert out(daemon, "run", "more", "--image=busybox", "--restart=Never", "--", "true") == "pod/more created\n"
    daemon.wait("more", "Succeeded")
    assert out(daemon, "delete", "pods", "--all", "--now").startswith('pod "more" ')


@newest
def test_what_only_newer_ones_can(web: RealDaemon) -> None:
    """1.20 asks for a form of ephemeral containers that no server has had since 1.22."""
    script = "read go; tr '\\0' ' ' </proc/1/cmdline; echo; echo inside"
    options = ("--target=main", "--image=busybox", "--profile=general", "-i", "-q")
    shown = web.kubectl("debug", "web", *options, "--", "sh", "-c", script, input="go\n")
    assert shown.stdout.endswith("inside\n"), shown
    (made,) = web.call("GET", POD)["spec"]["ephemeralContainers"]
    assert made["targetContainerName"] == "main"
    assert out(web, "wait", "--for=jsonpath={.status.phase}=Running", "pod/web") == "pod/web condition met\n"
    assert re.search(r" Normal +Started +Pod/web ", out(web, "events", "--for", "pod/web"))
    assert "system:masters" in out(web, "auth", "whoami")
