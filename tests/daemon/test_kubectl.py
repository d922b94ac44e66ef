"""kubectl against a real daemon: apply in all its ways, what needs OpenAPI, what sends protobuf, usage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import real_pods
from kubectls import kubectl as kubectl
from kubectls import newest
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

pytestmark = pytest.mark.usefixtures("kubectl")


def config_map(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": data})


def pod(**metadata: Any) -> str:
    spec = real_pods.pod(real_pods.shell("main", "exec sleep 1000"), name="web")
    spec["metadata"] |= metadata
    spec["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    return json.dumps(spec)


def said(daemon: RealDaemon, manifest: str, *arguments: str, program: str = "kubectl") -> str:
    run = daemon.kubectl if program == "kubectl" else daemon.nsrunner
    return str(run("apply", "-f", "-", *arguments, input=manifest).stdout).strip()


def managers(daemon: RealDaemon, path: str) -> list[tuple[str, str]]:
    found = daemon.call("GET", f"/namespaces/default/{path}")["metadata"]["managedFields"]
    return [(entry["manager"], entry["operation"]) for entry in found]


def test_apply_on_the_clients_side(daemon: RealDaemon) -> None:
    assert said(daemon, pod()) == "pod/web created"
    assert said(daemon, pod()) == "pod/web unchanged"
    assert said(daemon, pod(labels={"a": "1"})) == "pod/web configured"
    assert said(daemon, pod()) == "pod/web configured"
    assert "labels" not in daemon.call("GET", "/namespaces/default/pods/web")["metadata"]
    assert managers(daemon, "pods/web") == [("kubectl-client-side-apply", "Update")]


def test_apply_on_the_servers_side(daemon: RealDaemon) -> None:
    server = "--server-side"
    assert said(daemon, config_map(a="1", b="1"), server) == "configmap/conf serverside-applied"
    version = daemon.call("GET", "/namespaces/default/configmaps/conf")["metadata"]["resourceVersion"]
    said(daemon, config_map(a="1", b="1"), server)
    assert daemon.call("GET", "/namespaces/default/configmaps/conf")["metadata"]["resourceVersion"] == version
    said(daemon, config_map(a="1"), server)
    assert daemon.call("GET", "/namespaces/default/configmaps/conf")["data"] == {"a": "1"}
    refused = daemon.kubectl("apply", server, "--field-manager=me", "-f", "-", input=config_map(a="2"), check=False)
    assert refused.returncode == 1
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.a' in refused.stderr
    said(daemon, config_map(a="2"), server, "--field-manager=me", "--force-conflicts")
    assert managers(daemon, "configmaps/conf") == [("me", "Apply")]


@newest
def test_from_the_clients_side_to_the_servers(daemon: RealDaemon) -> None:
    said(daemon, pod(labels={"a": "1"}))
    before = daemon.call("GET", "/namespaces/default/pods/web")["spec"]
    for _ in range(2):
        assert said(daemon, pod(labels={"a": "2"}), "--server-side") == "pod/web serverside-applied"
    assert ("kubectl-client-side-apply", "Update") not in managers(daemon, "pods/web")
    after = daemon.call("GET", "/namespaces/default/pods/web")
    assert after["spec"] == before and after["metadata"]["labels"] == {"a": "2"}


def test_nsrunner_apply(daemon: RealDaemon) -> None:
    for manifest, name in ((pod(), "pod/web"), (config_map(a="1"), "configmap/conf")):
        assert said(daemon, manifest, program="nsrunner") == f"{name} created"
        assert said(daemon, manifest, program="nsrunner") == f"{name} unchanged"
    assert said(daemon, config_map(b="1"), program="nsrunner") == "configmap/conf configured"
    assert daemon.call("GET", "/namespaces/default/configmaps/conf")["data"] == {"b": "1"}


def test_diff_says_what_apply_would_change(daemon: RealDaemon) -> None:
    said(daemon, config_map(a="1"))
    assert daemon.kubectl("diff", "-f", "-", input=config_map(a="1"), check=False).returncode == 0
    changed = daemon.kubectl("diff", "-f", "-", input=config_map(a="2"), check=False)
    assert changed.returncode == 1 and '+  a: "2"' in changed.stdout


@newest
def test_diff_on_the_servers_side(daemon: RealDaemon) -> None:
    """1.20 shows the managers as well, one of which would be new."""
    said(daemon, config_map(a="1"))
    assert daemon.kubectl("diff", "--server-side", "-f", "-", input=config_map(a="1"), check=False).returncode == 0
    changed = daemon.kubectl("diff", "--server-side", "-f", "-", input=config_map(a="2"), check=False)
    assert changed.returncode == 1


@newest
def test_explain_by_both_documents(daemon: RealDaemon) -> None:
    for form in ("plaintext", "plaintext-openapiv2"):
        shown = daemon.kubectl("explain", "pods.spec.containers", f"--output={form}").stdout
        assert "livenessProbe" in shown and "List of containers belonging to the pod." in shown


def test_what_needs_the_schema(daemon: RealDaemon, tmp_path: Path) -> None:
    wrong = config_map(a="1").replace('"data"', '"dat"')
    refused = daemon.kubectl("create", "-f", "-", input=wrong, check=False)
    assert refused.returncode == 1 and 'unknown field "dat"' in refused.stderr
    shown = daemon.kubectl("explain", "pods.spec.containers").stdout
    assert "livenessProbe" in shown and "List of containers belonging to the pod." in shown
    said(daemon, config_map(a="before"))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/a: before/a: after/" "$1"\n')
    editor.chmod(0o755)
    daemon.kubectl("edit", "configmap", "conf", env={"KUBE_EDITOR": str(editor)})
    assert daemon.call("GET", "/namespaces/default/configmaps/conf")["data"] == {"a": "after"}


def test_what_sends_protobuf(daemon: RealDaemon) -> None:
    daemon.kubectl("create", "configmap", "made", "--from-literal=a=b")
    assert daemon.call("GET", "/namespaces/default/configmaps/made")["data"] == {"a": "b"}
    daemon.kubectl("create", "secret", "generic", "made", "--from-literal=p=q")
    assert daemon.call("GET", "/namespaces/default/secrets/made")["data"] == {"p": "cQ=="}
    assert daemon.kubectl("auth", "can-i", "create", "pods").stdout.strip() == "yes"
    daemon.create(json.loads(pod()), until="Running")
    there = daemon.call("GET", "/namespaces/default/pods/web")["spec"]
    daemon.kubectl("debug", "web", "--copy-to=copy", "--same-node", "--set-image=main=busybox:2")
    copy = daemon.wait("copy", "Running")["spec"]
    (original,), (container,) = there["containers"], copy["containers"]
    assert container == {**original, "image": "busybox:2"}


def test_top(daemon: RealDaemon) -> None:
    daemon.create(json.loads(pod()), until="Running")
    rows = daemon.kubectl("top", "pods", "--no-headers").stdout.split()
    assert rows[0] == "web" and rows[1].endswith("m") and rows[2].endswith("Mi")
    rows = daemon.kubectl("top", "nodes", "--no-headers").stdout.split()
    assert len(rows) == 5 and rows[1].endswith("m")


def test_events_of_both_groups(daemon: RealDaemon) -> None:
    daemon.create(json.loads(pod()), until="Running")
    core = daemon.kubectl("get", "events", "--no-headers").stdout
    other = daemon.kubectl("get", "events.events.k8s.io", "--no-headers").stdout
    assert "pod/web" in core and "pod/web" in other


def test_controllers_are_not_served_and_it_says_so(daemon: RealDaemon) -> None:
    refused = daemon.kubectl("create", "deployment", "web", "--image=x", check=False)
    assert refused.returncode == 1
    assert "deployments.apps are not served: nsrunner runs Pods" in refused.stderr
