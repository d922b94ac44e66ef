from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsrunner.cli.main import main

GOOD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeName: somewhere
  containers:
  - {name: a, image: host, command: ["true"]}
"""
BAD = """\
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  restartPolicy: Sometimes
  conainers: []
  containers:
  - {name: a, imag: host}
"""
FAILS = """\
apiVersion: v1
kind: Pod
metadata: {name: old}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 0}
  containers:
  - {name: a, image: host, command: ["true"]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_good(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "web.yaml").write_text(GOOD)
    assert main(["validate", "web.yaml"]) == 0
    assert capsys.readouterr().out == (
        'web.yaml: Pod "web" is valid\n'
        "  accepted without effect:\n"
        "    spec.nodeName: there is only one node to run on\n"
    )


def test_every_document_and_every_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "all.yaml").write_text(f"{GOOD}---\n{BAD}---\n{FAILS}")
    assert main(["validate", "all.yaml"]) == 2
    out, err = capsys.readouterr()
    assert not err
    lines = out.splitlines()
    assert lines[0] == 'all.yaml, document 1: Pod "web" is valid'
    assert lines[3] == 'all.yaml, document 2: Pod "db" is invalid:'
    assert '  * spec.conainers: Unknown field (did you mean "containers"?)' in lines
    assert '  * spec.containers[0].imag: Unknown field (did you mean "image"?)' in lines
    assert any(
        line.startswith('  * spec.restartPolicy: Unsupported value: "Sometimes": supported values: ') for line in lines
    )
    assert 'all.yaml, document 3: Pod "old" is valid, but would fail on this host:' in lines
    assert lines[-1].startswith("  * spec.containers[0].securityContext.runAsNonRoot: CreateContainerConfigError: ")


def test_would_fail_alone_is_2_too(here: Path) -> None:
    (here / "old.yaml").write_text(FAILS)
    assert main(["validate", "old.yaml"]) == 2


def test_unsafe_sysctls_may_be_allowed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sysctls = "{sysctls: [{name: net.core.somaxconn, value: '1'}, {name: kernel.msgmax, value: '1'}]}"
    (here / "web.yaml").write_text(GOOD.replace("nodeName: somewhere", f"securityContext: {sysctls}"))
    assert main(["validate", "web.yaml", "--allowed-unsafe-sysctls", "net.core.*"]) == 2
    lines = capsys.readouterr().out.splitlines()
    message = 'SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted'
    assert lines[1:] == [f"  * spec.securityContext.sysctls[1].name: {message}"]
    assert main(["validate", "web.yaml", "--allowed-unsafe-sysctls", "net.core.*,kernel.msg*"]) == 0


IMAGES = """\
apiVersion: v1
kind: Pod
metadata: {name: images}
spec:
  initContainers:
  - {name: i, image: "rootfs:ROOT", command: ["true"]}
  - {name: j, image: "rootfs:ROOT/none", command: ["true"]}
  containers:
  - {name: a, image: host, command: ["true"]}
  - {name: b, image: nginx}
"""
NOTES = {
    "spec.initContainers[1].image": "image rootfs:ROOT/none: ROOT/none is not a directory",
    "spec.containers[1].image": (
        'image "nginx" is not available on this host: use "image: host" (this host\'s own root), "image: rootfs:DIR", '
        "or --image-fallback host"
    ),
}


def test_images_that_are_not_here_are_noted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "images.yaml").write_text(IMAGES.replace("ROOT", str(here)))
    notes = {field: message.replace("ROOT", str(here)) for field, message in NOTES.items()}
    assert main(["validate", "images.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        'images.yaml: Pod "images" is valid',
        *(f"  note: {field}: {message}" for field, message in notes.items()),
    ]
    assert main(["validate", "-o", "json", "images.yaml"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["documents"]
    assert document["result"] == "valid"
    assert document["notes"] == [{"field": field, "message": message} for field, message in notes.items()]


def test_what_is_no_image_would_fail_and_is_no_note(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "web.yaml").write_text(GOOD.replace("image: host", 'image: "No:Image:"'))
    assert main(["validate", "-o", "json", "web.yaml"]) == 2
    (document,) = json.loads(capsys.readouterr().out)["documents"]
    assert (document["result"], document["notes"]) == ("wouldFail", [])


def test_fields(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "web.yaml").write_text(GOOD.replace("nodeName: somewhere", "hostUsers: false"))
    assert main(["validate", "--fields", "web.yaml"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'web.yaml: Pod "web" is invalid:'
    assert "  * spec.hostUsers: Not supported: user namespaces are not supported yet" in lines
    assert "    spec.hostUsers              not supported (user namespaces are not supported yet)" in lines
    assert "    spec.containers[0].command  supported" in lines


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert main(["validate", "-"]) == 2
    assert capsys.readouterr().out.startswith('standard input: Pod "db" is invalid:\n')


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "all.yaml").write_text(f"{GOOD}---\n{BAD}---\n{FAILS}")
    assert main(["validate", "-o", "json", "all.yaml"]) == 2
    good, bad, fails = json.loads(capsys.readouterr().out)["documents"]
    assert [item["result"] for item in (good, bad, fails)] == ["valid", "invalid", "wouldFail"]
    assert {
        "field": "spec.nodeName",
        "verdict": "accepted without effect",
        "note": "there is only one node to run on",
    } in good["fields"]
    assert (bad["source"], bad["document"], bad["kind"], bad["name"], bad["namespace"]) == (
        "all.yaml",
        2,
        "Pod",
        "db",
        "default",
    )
    assert {
        "field": "spec.conainers",
        "type": "Unknown field",
        "value": "",
        "detail": "",
        "hint": 'did you mean "containers"?',
        "message": 'spec.conainers: Unknown field (did you mean "containers"?)',
    } in bad["errors"]
    assert fails["wouldFail"][0]["reason"] == "CreateContainerConfigError"


def test_colour(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "web.yaml").write_text(GOOD)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["validate", "web.yaml"]) == 0
    assert capsys.readouterr().out.startswith('\x1b[32mweb.yaml: Pod "web" is valid\x1b[0m\n')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"a:\n\tb: 1\n", "tab"),
        (b"a: 1\na: 2\n", "a"),
        (b"[" * 100_000, ""),
        (b"x: &a [b]\ny: [*a" + b",*a" * 200_000 + b"]", ""),
    ],
)
def test_what_is_no_manifest(here: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    (here / "odd.yaml").write_bytes(content)
    assert main(["validate", "odd.yaml"]) == 2
    out, err = capsys.readouterr()
    assert "odd.yaml" in out
    assert message in out
    assert "internal error" not in err


def test_files_that_cannot_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, message in (
        ("none.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "not a file name"),
    ):
        assert main(["validate", name]) == 2
        assert message in capsys.readouterr().err


def test_a_name_that_steers_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "\x1b]0;x.yaml").write_text(
        '{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "\\u009b31m\\u202e"}}'
    )
    assert main(["validate", "\x1b]0;x.yaml"]) == 2
    out = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)
    assert "\\x1b]0;x.yaml" in out


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"apiVersion: v1\nkind: Pod\n{text}".encode(errors="replace"))
)
def test_nothing_makes_a_traceback(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content))
    try:
        code = main(["validate", "-"])
    finally:
        sys.stdin = stdin
    out, err = capsys.readouterr()
    assert code == 2
    assert not err
    assert "\x1b" not in out


REFERS = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: a
    image: host
    command: ["true"]
    env:
    - {name: PLACE, valueFrom: {configMapKeyRef: {name: settings, key: place}}}
    - {name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    volumeMounts: [{name: v, mountPath: /v, subPathExpr: $(PLACE)/$(UID)/$(IP)}]
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {place: %s}\n"


def test_what_variables_refer_to_is_looked_up_in_all_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "web.yaml").write_text(REFERS)
    (here / "good.yaml").write_text(SETTINGS % "below")
    (here / "bad.yaml").write_text(SETTINGS % "/etc")
    assert main(["validate", "web.yaml", "good.yaml"]) == 0
    assert main(["validate", "web.yaml"]) == 2
    assert 'CreateContainerConfigError: configmaps "settings" not found' in capsys.readouterr().out
    assert main(["validate", "bad.yaml", "web.yaml"]) == 2
    assert "subPathExpr: CreateContainerConfigError: " in capsys.readouterr().out
