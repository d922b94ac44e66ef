from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from nsrunner.cli.main import main
from unit.cli.api_server import Api
from unit.cli.api_server import api as api

POD = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "a", "image": "i"}]}}


def create(name: str, **labels: str) -> None:
    from nsrunner.cli.resources import connect

    with connect() as client:
        body = {**POD, "metadata": {"name": name, "labels": labels}}
        client.call("POST", "/api/v1/namespaces/default/pods", body=body)


@pytest.fixture
def pods(api: Api) -> Api:
    create("web", app="web")
    create("db", app="db")
    return api


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pods -o name", "pod/db\npod/web\n"),
        ("pod/web -o name", "pod/web\n"),
        ("pods web -n default -o name", "pod/web\n"),
        ("-n default pods -l app=db -o name", "pod/db\n"),
        ("pods -o jsonpath={.items[*].metadata.name}", "db web"),
        ("po web -o jsonpath={.kind}", "Pod"),
        ("pods --sort-by=.metadata.name -o custom-columns=N:.metadata.name,L:.metadata.labels,X:.x",
         "N     L              X\ndb    map[app:db]    <none>\nweb   map[app:web]   <none>\n"),
        ("pods nope --ignore-not-found", ""),
        ("pods --field-selector=metadata.name=db -o name", "pod/db\n"),
    ],
)  # fmt: skip
def test_forms(capsys: pytest.CaptureFixture[str], words: str, expected: str) -> None:
    assert main(["get", *words.split()]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.usefixtures("pods")
def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "pods", "--show-labels", "-L", "app"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "APP", "LABELS"]
    assert [line.split()[0] for line in lines[1:]] == ["db", "web"]
    assert lines[1].endswith("app=db")
    assert main(["get", "pods,ns", "-A"]) == 0
    out = capsys.readouterr().out
    assert "default     pod/web" in out
    assert "namespace/kube-system" in out
    assert main(["get", "cm"]) == 0
    assert capsys.readouterr().err == "No resources found in default namespace.\n"


@pytest.mark.usefixtures("pods")
def test_whole_objects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "pods", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "List"
    assert main(["get", "pod", "web", "-o", "yaml"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("apiVersion: v1\nkind: Pod\nmetadata:\n")
    assert 'resourceVersion: "' in out


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("pods nope", 1, 'Error from server (NotFound): pods "nope" not found'),
        ("foo", 1, 'doesn\'t have a resource type "foo"'),
        ("", 2, "You must specify the type of resource to get"),
        ("pods -o foo", 2, "unable to match a printer"),
        ("pods,cm -w", 2, "single resource"),
        ("pod web -A", 2, "across all namespaces"),
        ("pods -o jsonpath={.a", 1, "unclosed action"),
        ("pods --sort-by=.nope", 1, "couldn't find any field"),
        ("pods --watch=maybe", 2, "true or false"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], words: str, code: int, message: str) -> None:
    assert main(["get", *words.split()]) == code
    assert message in capsys.readouterr().err


def test_without_a_daemon(pods: Api, capsys: pytest.CaptureFixture[str]) -> None:
    pods.set_status("web", phase="Running")
    pods.stop()
    assert main(["get", "pods"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("Warning: no daemon is running: this is the last known state, of ")
    assert out.splitlines()[2].split()[:3] == ["web", "0/1", "Unknown"]
    assert main(["get", "pod", "web", "-o", "jsonpath={.status.phase}"]) == 0
    assert capsys.readouterr().out == "Unknown"
    assert main(["get", "pod", "nope"]) == 1
    assert 'pods "nope" not found' in capsys.readouterr().err
    assert main(["get", "pods", "-w"]) == 1
    assert "no daemon is running" in capsys.readouterr().err


def test_watch_shows_what_comes_after_the_list(pods: Api) -> None:
    command = [sys.executable, "-m", "nsrunner", "get", "pods", "-w", "-o", "name"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline(), process.stdout.readline()] == ["pod/db\n", "pod/web\n"]
        create("late")
        assert process.stdout.readline() == "pod/late\n"
        process.terminate()
    assert threading.active_count() < 10


@pytest.mark.usefixtures("pods")
def test_a_list_imports_nothing_heavy() -> None:
    code = (
        "import sys; from nsrunner.cli.main import main; main(['get', 'pods']);"
        "heavy = {'asyncio', 'yaml', 'msgspec', 'http.client', 'urllib.parse', 'aiohttp', 'subprocess', 'tempfile'};"
        "heavy |= {'nsrunner.model', 'nsrunner.library', 'nsrunner.supervisor', 'nsrunner.sandbox'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
