"""The verbs that write to the API, and those that tell of it, against a real one whose pods do not run."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path

import pytest

from nsrunner.cli.complete import candidates
from nsrunner.cli.main import main
from unit.cli.api_server import Api
from unit.cli.api_server import api as api

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "containers": [
            {"name": "a", "image": "i", "readinessProbe": {"exec": {"command": ["x"]}}},
        ],
        "volumes": [{"name": "d", "emptyDir": {}}],
    },
}  # fmt: skip


@pytest.fixture
def manifest(api: Api, tmp_path: Path) -> Path:
    path = tmp_path / "m" / "pod.json"
    path.parent.mkdir()
    path.write_text(json.dumps(POD))
    return path


@pytest.fixture
def web(manifest: Path) -> Path:
    assert main(["create", "-f", str(manifest)]) == 0
    return manifest


def jsonpath(capsys: pytest.CaptureFixture[str], what: str, path: str) -> str:
    capsys.readouterr()
    assert main(["get", *what.split(), "-o", f"jsonpath={path}"]) == 0
    return capsys.readouterr().out


def test_create_from_files(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "-f", str(manifest.parent), "--dry-run=client"]) == 0
    assert capsys.readouterr().out == "pod/web created (dry run)\n"
    assert main(["create", "-f", str(manifest)]) == 0
    assert main(["create", "-f", str(manifest)]) == 1
    err = capsys.readouterr().err
    assert err == f'Error from server (AlreadyExists): error when creating "{manifest}": pods "web" already exists\n'


def test_create_from_values(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.env").write_text("# c\nA=1\nB=x y\n")
    (tmp_path / "bin").write_bytes(b"\xff\x00")
    arguments = ["--from-literal=a='b'", f"--from-file=k={tmp_path / 'e.env'}", f"--from-file={tmp_path / 'bin'}"]
    assert main(["create", "configmap", "conf", *arguments]) == 0
    assert jsonpath(capsys, "cm conf", "{.data.a} {.binaryData.bin}") == "b /wA="
    assert main(["create", "secret", "generic", "s", f"--from-env-file={tmp_path / 'e.env'}"]) == 0
    assert jsonpath(capsys, "secret s", "{.data}") == '{"A":"MQ==","B":"eCB5"}'
    assert main(["create", "ns", "team"]) == 0
    assert main(["create", "cm", "c", "--from-literal=nope"]) == 1
    assert main(["create", "cm"]) == 2
    assert main(["create", "pod", "x"]) == 2
    assert "invalid literal source nope" in capsys.readouterr().err


def test_create_of_other_kinds(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c").write_text("certificate")
    (tmp_path / "k").write_text("key")
    assert main(["create", "secret", "tls", "t", f"--cert={tmp_path / 'c'}", f"--key={tmp_path / 'k'}"]) == 0
    assert jsonpath(capsys, "secret t", "{.type} {.data.tls\\.crt} {.data.tls\\.key}") == (
        "kubernetes.io/tls Y2VydGlmaWNhdGU= a2V5"
    )
    login = ["--docker-server=r", "--docker-username=u", "--docker-password=p"]
    assert main(["create", "secret", "docker-registry", "d", *login]) == 0
    found = base64.b64decode(jsonpath(capsys, "secret d", r"{.data.\.dockerconfigjson}"))
    assert json.loads(found) == {"auths": {"r": {"username": "u", "password": "p", "auth": "dTpw"}}}
    assert main(["create", "sa", "robot"]) == 0
    assert main(["create", "sa", "robot"]) == 1
    assert 'error: failed to create serviceaccount: serviceaccounts "robot" already exists' in capsys.readouterr().err
    assert main(["create", "secret", "tls", "u"]) == 1
    assert main(["create", "secret", "docker-registry", "u"]) == 1
    assert main(["create", "secret", "foo", "u"]) == 2
    assert main(["create", "token"]) == 2


def test_an_object_that_is_not_served_keeps_no_other_from_being_made(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = manifest.parent / "a.yaml"
    other.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n")
    for verb in ("create", "apply", "replace"):
        assert main([verb, "-f", str(manifest.parent)]) == 1
        assert f'error: {other}: no matches for kind "Deployment"' in capsys.readouterr().err
    assert jsonpath(capsys, "pod web", "{.metadata.name}") == "web"


def test_what_unknown_fields_are(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text(json.dumps({**POD, "metadat": 1}))
    assert main(["create", "-f", str(manifest)]) == 1
    assert 'unknown field "metadat"' in capsys.readouterr().err
    assert main(["create", "-f", str(manifest), "--validate=warn"]) == 0
    assert 'Warning: unknown field "metadat"' in capsys.readouterr().err


def test_apply_of_one_of_several_managers(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "-f", str(manifest)]) == 0
    manifest.write_text(json.dumps({**POD, "metadata": {"name": "web", "labels": {"app": "other"}}}))
    other = ["apply", "-f", str(manifest), "--server-side", "--field-manager=other"]
    assert main(other) == 1
    assert 'conflict with "nsrunner": .metadata.labels.app' in (err := capsys.readouterr().err)
    assert "With --force-conflicts" in err
    assert main([*other, "--force-conflicts", "-l", "app=else"]) == 0
    assert capsys.readouterr().out == ""
    assert main([*other, "--force-conflicts", "-l", "app=other"]) == 0
    assert jsonpath(capsys, "pod web", "{.metadata.labels.app}") == "other"
    assert main(["apply", "-f", str(manifest), "--force-conflicts"]) == 2
    assert main(["apply", "-f", str(manifest), "-l", "a in"]) == 1


@pytest.mark.usefixtures("web")
def test_get_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["get", "pod", "web", "--subresource=status", "-o", "name"]) == 0
    assert capsys.readouterr().out == "pod/web\n"
    assert main(["get", "pods", "--subresource=status"]) == 2
    assert main(["get", "--raw", "/api/v1/namespaces/default/pods/nope"]) == 1
    assert main(["get", "--raw", "version"]) == 2
    assert main(["get", "pods", "--raw", "/version"]) == 2


def test_apply_replace_and_delete(web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    changed = {**POD, "metadata": {"name": "web", "labels": {"app": "new"}}}
    web.write_text(json.dumps(changed))
    assert main(["apply", "-f", str(web)]) == 0
    assert capsys.readouterr().out == "pod/web configured\n"
    assert jsonpath(capsys, "pod web", "{.metadata.labels.app}") == "new"
    uid = jsonpath(capsys, "pod web", "{.metadata.uid}")
    assert main(["replace", "-f", str(web), "--force"]) == 0
    assert capsys.readouterr().out == "pod/web replaced\n"
    assert jsonpath(capsys, "pod web", "{.metadata.uid}") != uid
    assert main(["delete", "-f", str(web), "--dry-run=server"]) == 0
    assert capsys.readouterr().out == 'pod "web" deleted from default namespace (server dry run)\n'
    assert main(["delete", "pods", "--all"]) == 0
    assert main(["delete", "pod", "web"]) == 1
    assert main(["delete", "pod", "web", "--ignore-not-found"]) == 0
    assert main(["delete", "pods"]) == 2
    assert main(["replace", "-f", str(web)]) == 1
    assert 'Error from server (NotFound): pods "web" not found' in capsys.readouterr().err


@pytest.mark.usefixtures("web")
def test_labels_and_annotations(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["label", "pod", "web", "app=x"]) == 1
    assert "'app' already has a value (web), and --overwrite is false" in capsys.readouterr().err
    assert main(["label", "pod", "web", "app=x", "tier=front", "--overwrite"]) == 0
    assert main(["label", "pod/web", "app-", "--list"]) == 0
    assert capsys.readouterr().out == "pod/web labeled\npod/web unlabeled\ntier=front\n"
    assert main(["annotate", "pods", "--all", "note=a b"]) == 0
    assert jsonpath(capsys, "pod web", "{.metadata.annotations.note}") == "a b"
    assert main(["create", "cm", "conf"]) == 0
    capsys.readouterr()
    assert main(["label", "pod/web", "cm/conf", "--list"]) == 0
    assert capsys.readouterr().out == "Listing labels for pod/web:\n tier=front\nListing labels for configmap/conf:\n"
    assert main(["label", "pod", "web"]) == 2
    assert main(["label", "pod", "web", "a=b", "a-"]) == 2


def test_wait(web: Path, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wait", "pod/web", "--for=condition=Ready", "--timeout=100ms"]) == 1
    assert capsys.readouterr().err == "error: timed out waiting for the condition on pods/web\n"
    ready = {"type": "Ready", "status": "True"}
    timer = threading.Timer(0.05, lambda: api.set_status("web", conditions=[ready], phase="Running"))
    timer.start()
    assert main(["wait", "pod/web", "--for=condition=ready"]) == 0
    timer.join()
    assert main(["wait", "pods", "--all", "--for=jsonpath={.status.phase}=Running"]) == 0
    assert main(["wait", "pod/web", "--for=jsonpath={.status.phase}=Other", "--timeout=0"]) == 1
    assert main(["wait", "pod/nope", "--for=condition=Ready"]) == 1
    assert main(["wait", "pod/nope", "--for=delete"]) == 0
    timer = threading.Timer(0.05, lambda: main(["delete", "pod", "web"]))
    timer.start()
    assert main(["wait", "pod/web", "--for=delete"]) == 0
    timer.join()
    assert main(["wait", "pod/web", "--for=nonsense"]) == 2


def test_describe(web: Path, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    end = {"exitCode": 3, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
    message = "back-off 10s restarting failed container=a pod=web_default(u)"
    status = {
        "name": "a",
        "restartCount": 1,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": message}},
        "lastState": {"terminated": end},
    }
    api.set_status("web", phase="Running", containerStatuses=[status])
    uid = jsonpath(capsys, "pod web", "{.metadata.uid}")
    event = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": "web.1", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "web", "uid": uid},
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off \x1b[31m",
    }
    api.put("events", event)
    assert main(["describe", "pod", "web"]) == 0
    out = capsys.readouterr().out
    assert "Next Start:     " in out
    assert "after a back-off of 10s" in out
    assert "Exit Code:    3" in out
    assert "exec [x] delay=0s timeout=1s period=10s #success=1 #failure=3" in out
    assert "Back-off \\x1b[31m" in out
    assert "\x1b" not in out
    assert main(["events", "--for", "pod/web", "--types=Warning"]) == 0
    assert "BackOff" in capsys.readouterr().out
    assert main(["events", "--types=x"]) == 2
    assert main(["events", "-n", "none"]) == 0
    assert main(["create", "cm", "c", "--from-literal=a=b"]) == 0
    for what in ("cm", "ns", "sa"):
        assert main(["describe", what]) == 0
    assert main(["describe", "pod", "nope"]) == 1
    capsys.readouterr()
    assert main(["describe", "pod", "we"]) == 0  # as kubectl: whose names begin so
    assert capsys.readouterr().out.startswith("Name:             web\n")


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(path))


@pytest.mark.usefixtures("web")
def test_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    editor(tmp_path, monkeypatch, "sed -i 's/app: web/app: edited/' $1")
    assert main(["edit", "pod", "web"]) == 0
    assert jsonpath(capsys, "pod web", "{.metadata.labels.app}") == "edited"
    editor(tmp_path, monkeypatch, ":")
    assert main(["edit", "pod", "web"]) == 0
    assert capsys.readouterr().err == "Edit cancelled, no changes made.\n"
    editor(tmp_path, monkeypatch, f"cp $1 {tmp_path}/seen; sed -i 's/dnsPolicy:.*/dnsPolicy: Foo/' $1")
    assert main(["edit", "pod", "web"]) == 1
    assert "no valid changes were saved" in capsys.readouterr().err
    assert '# The Pod "web" is invalid' in (tmp_path / "seen").read_text()
    editor(tmp_path, monkeypatch, "sed -i 's/name: web/name: web2/' $1")
    assert main(["edit", "pod", "web"]) == 1
    assert "At least one of apiVersion, kind and name was changed" in capsys.readouterr().err
    editor(tmp_path, monkeypatch, "exit 3")
    assert main(["edit", "pod", "web"]) == 1


@pytest.mark.usefixtures("web")
def test_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["debug", "web", "--image=tools", "-c", "look", "--target=a", "--", "sleep", "1"]) == 0
    path = "{.spec.ephemeralContainers[0]['name','image','command','targetContainerName']}"
    assert jsonpath(capsys, "pod web", path) == 'look tools ["sleep","1"] a'
    assert main(["debug", "web", "--copy-to=copy", "--set-image=a=other"]) == 0
    assert jsonpath(capsys, "pod copy", "{.spec.containers[0].image} {.spec.shareProcessNamespace}") == "other true"
    assert jsonpath(capsys, "pod copy", "{.metadata.labels}{.spec.containers[0].readinessProbe}") == ""
    assert main(["debug", "web"]) == 2
    assert main(["debug", "node/here", "--image=tools"]) == 2
    assert main(["debug", "web", "--copy-to=x", "--set-image=nope=i"]) == 1


def test_run_detached(manifest: Path, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(manifest), "--detach"]) == 0
    assert capsys.readouterr().out == "pod/web created\n"
    assert main(["run", str(manifest), "--detach", "--timeout=1s"]) == 2
    api.stop()
    assert main(["run", str(manifest), "--detach"]) == 125
    assert "no daemon is running" in capsys.readouterr().err


@pytest.mark.usefixtures("web")
def test_completion() -> None:
    assert candidates(["get", "po"]) == ["pods", "pod"]
    assert candidates(["describe", "pod", "w"]) == ["web"]
    assert candidates(["delete", "pod/"]) == ["pod/web"]
    assert candidates(["get", "pod", "-n", "none", ""]) == []


def test_version_of_the_daemon(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert "daemon: Kubernetes v1.36.0+nsrunner.0\n" in capsys.readouterr().out
