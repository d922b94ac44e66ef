from __future__ import annotations

import json
from pathlib import Path

import pytest

from nsrunner.cli.main import main
from nsrunner.cli.recorded import RecordFile
from nsrunner.errors import UsageError
from nsrunner.lifecycle.events import Now, PodAdded
from nsrunner.lifecycle.observer import Observer
from nsrunner.lifecycle.pod import PodMachine
from nsrunner.lifecycle.simulate import parse
from unit.lifecycle.simulations import pod_of


def test_it_is_written_at_the_end_and_for_its_owner_alone(tmp_path: Path) -> None:
    name = tmp_path / "r.json"
    file = RecordFile(str(name))
    assert name.read_text() == "", "it is there from the beginning"
    assert name.stat().st_mode & 0o777 == 0o600
    machine = PodMachine(pod_of("{containers: [{name: c, image: host}]}"))
    recorder: Observer = file.recorder()
    file.recorder()  # of a pod that never began
    now = Now(5.0, 1000.0)
    recorder.saw(machine, PodAdded(), now, machine.handle(PodAdded(), now))
    file.write()
    [recording] = parse(name.read_bytes(), "r.json")
    assert [each.event for each in recording.inputs] == [PodAdded()]
    assert recording.timeline.why == "the run has ended"


def test_a_run_that_began_nothing(tmp_path: Path) -> None:
    file = RecordFile(str(tmp_path / "r.json"))
    file.write()
    assert json.loads((tmp_path / "r.json").read_text())["pods"] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none/r.json", "No such file or directory"),
        (".", "Is a directory"),
        ("-", "name a file"),
        ("a\0b", "not a file name"),
    ],
)
def test_names_that_cannot_be_written(name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f": (.*: )?{reason}$"):
        RecordFile(name)


def test_nothing_is_run_when_it_cannot_be_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod = tmp_path / "pod.yaml"
    pod.write_text("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: host}]}}")
    assert main(["run", str(pod), "--record", str(tmp_path / "none/r.json")]) == 2
    assert capsys.readouterr().err == f"nsrunner: --record {tmp_path}/none/r.json: No such file or directory\n"


def test_the_manifest_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod, link = tmp_path / "pod.yaml", tmp_path / "link.json"
    text = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: host}]}}"
    pod.write_text(text)
    link.symlink_to(pod)
    assert main(["run", str(pod), "--record", str(link)]) == 2
    assert capsys.readouterr().err == f"nsrunner: --record {link}: this is the manifest, which would be overwritten\n"
    assert pod.read_text() == text
