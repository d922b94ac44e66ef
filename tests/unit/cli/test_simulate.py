from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from nsrunner.cli.bars import Look, Mark, rows, ticks
from nsrunner.cli.complete import candidates
from nsrunner.cli.gantt import chart
from nsrunner.cli.main import main
from nsrunner.cli.output import Palette
from nsrunner.cli.svg import picture
from nsrunner.cli.timeline_table import as_table
from nsrunner.lifecycle.simulate.timeline import ContainerSeen, PhaseSeen, Timeline
from unit.lifecycle.simulations import play

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: api, image: host, readinessProbe: {exec: {command: [a]}}}
"""
SCENARIO = """\
until: 100s
containers:
  api:
    runs: [{exit: 1, after: 10s, times: 2}, {stop: {after: 20s, exit: 0}}]
    probes: {readiness: [{from: 40s, to: 70s, result: failure, message: "no"}]}
actions:
  - {at: 80s, delete: {}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "web.yaml").write_text(POD)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return tmp_path


def test_the_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "web.yaml", "--scenario", "s.yaml"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "TIME OBJECT WHAT DETAIL"
    for line in (
        "0s pod Pending",
        "0s api waiting ContainerCreating",
        "10s api terminated Error, exit code 1",
        "10s api running last exit code 1, restarts 1",
        "20s api waiting CrashLoopBackOff, last exit code 1, restarts 1: back-off 10s restarting failed container=api",
        "20s api event Warning BackOff: Back-off restarting failed container api in pod web_default("
        "1ee47c1b-36a6-5d13-b2a3-5c2ad35b2f8b)",
        "1m20s pod delete",
        "1m20s api event Normal Killing: Stopping container api",
        "1m40s api terminated Completed, exit code 0, restarts 2",
        "1m40s: the pod is removed",
        "api: 2 restarts, at 10s, 30s",
    ):
        assert any(found.startswith(line.partition("1ee47")[0]) for found in lines), line


def test_without_a_scenario_all_goes_well(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "web.yaml"]) == 0
    assert capsys.readouterr().out.endswith("\n1h0m0s: 1h0m0s have passed\n")


def test_the_chart_without_colour(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "57")
    assert main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "gantt"]) == 0
    out = capsys.readouterr().out
    pod, api, marks, ruler, times, _, *rest = out.splitlines()
    assert (pod[:7], api[:7], len(api)) == ("(pod)  ", "api    ", 57)
    cells = api[7:]
    assert cells[0] == "=" and set(cells[11:15]) == {"."} and set(cells[41:]) == {"~"}
    assert "-" in cells[20:40]
    assert marks[7 + 5] == "R" and marks[7 + 15] == "R" and marks.count("!") == 3
    assert ruler.startswith("       +-") and times.split()[0] == "0s"
    assert max(map(len, out.splitlines())) <= 57
    assert rest[-1] == "1m40s: the pod is removed"
    assert "\x1b" not in out


def test_the_chart_with_colour(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "gantt"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[32m=" in out and "\x1b[33m." in out and "\x1b[35m~" in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "gantt"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "svg"]) == 0
    root = ET.fromstring(capsys.readouterr().out)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    told = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert told[0] == "Pod web"
    assert "10s: restart 1" in told and "20s to 30s: waiting, CrashLoopBackOff" in told
    assert sum("Readiness probe: Failure: no" in text for text in told) == 3
    assert not any("href" in key for element in root.iter() for key in element.attrib), "it needs nothing else"


NASTY = Timeline(
    containers=("a<b>&\x1b[31m\ufffe",),
    entries=(
        PhaseSeen(time=0, phase="Pending"),
        ContainerSeen(time=0, container="a<b>&\x1b[31m\ufffe", state="waiting", reason='<&"\x00'),
    ),
    end=5,
    why="\x1b[2J",
)


def test_names_cannot_steer_anything() -> None:
    assert ET.fromstring(picture(NASTY, "</svg>\x07&")).tag.endswith("svg")
    assert "\x1b" not in chart(NASTY, width=80, palette=Palette(False))
    assert "\x1b" not in as_table(NASTY)


def test_nothing_that_lasted_is_a_picture_too() -> None:
    seen = play("{containers: [{name: c, image: host}]}", "{until: 1h}").timeline
    assert seen.end == 0
    assert ET.fromstring(picture(seen, "web")) is not None
    assert chart(seen, width=40, palette=Palette(False)).splitlines()[1].strip() == "c"


def test_long_names_leave_room_for_the_bars() -> None:
    name = "a-name-of-" + "x" * 50
    seen = play(f"{{containers: [{{name: {name}, image: host}}]}}", "{actions: [{at: 30s, delete: {}}]}").timeline
    lines = chart(seen, width=60, palette=Palette(False)).splitlines()
    assert lines[1].startswith("a-name-of-xxxxxxxx..  =") and max(map(len, lines)) <= 60


def test_bars() -> None:
    scenario = """
until: 60s
sandbox: [{takes: 2s}]
containers: {c: {runs: [{exit: 1, after: 3s, times: 1}, {exit: 0, after: 4s}]}}
actions: [{at: 20s, setCondition: {type: example.com/a, status: "True"}}]
"""
    timeline = play("{restartPolicy: OnFailure, containers: [{name: c, image: host}]}", scenario).timeline
    pod, container = rows(timeline)
    assert [tuple(stretch) for stretch in container.stretches] == [
        (0, 2, Look.WAITING, "waiting, ContainerCreating"),
        (2, 5, Look.READY, "ready"),
        (5, 9, Look.READY, "ready"),
        (9, 20, Look.SUCCEEDED, "terminated, Completed, exit code 0"),
    ]
    assert container.marks == [Mark(5, True, "restart 1")]
    assert pod.name == "(pod)"
    assert [stretch.look for stretch in pod.stretches] == [Look.WAITING, Look.READY, Look.READY, Look.SUCCEEDED]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (0, [0]),
        (10, [0, 2, 4, 6, 8, 10]),
        (0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (3600, [0, 900, 1800, 2700, 3600]),
        (90, [0, 30, 60, 90]),
    ],
)
def test_ticks(end: float, expected: list[float]) -> None:
    assert list(ticks(end, 5)) == pytest.approx(expected)


def test_ticks_of_years() -> None:
    assert len(list(ticks(1e9, 5))) <= 60


# --- recordings


def test_a_simulation_can_be_played_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "json"]) == 0
    text = capsys.readouterr().out
    (here / "r.json").write_text(text)
    assert main(["simulate", "--replay", "r.json", "-o", "json"]) == 0
    assert capsys.readouterr().out == text


def test_a_replay_that_differs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "json"])
    plain = json.loads(capsys.readouterr().out)
    entries = plain["pods"][0]["timeline"]["entries"]
    del entries[-1]
    (here / "r.json").write_text(json.dumps(plain))
    assert main(["simulate", "--replay", "r.json"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(
        "nsrunner: the replay differs from what was recorded:\n  recorded: nothing more\n  replayed: at 100s pod"
    )


def test_a_recording_with_another_manifest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "web.yaml", "-s", "s.yaml", "-o", "json"])
    (here / "r.json").write_text(capsys.readouterr().out)
    (here / "other.yaml").write_text(POD.replace("name: api", "name: db"))
    assert main(["simulate", "web.yaml", "--replay", "r.json"]) == 0
    capsys.readouterr()
    assert main(["simulate", "other.yaml", "--replay", "r.json"]) == 2
    assert "does not fit the pod" in capsys.readouterr().err


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "nsrunner: no manifest was given, and no --replay. See 'nsrunner simulate --help'.\n"),
        (["web.yaml", "-s", "s.yaml", "--replay", "r.json"], "nsrunner: --scenario and --replay exclude each other"),
        (["none.yaml"], "nsrunner: none.yaml: No such file or directory"),
        (["web.yaml", "-s", "none.yaml"], "nsrunner: none.yaml: No such file or directory"),
        (["--replay", "web.yaml"], "nsrunner: web.yaml: not a recording: "),
        (["web.yaml", "--pod", "db"], 'nsrunner: pods "db" not found'),
        (["two.yaml"], "nsrunner: there are 2 pods: choose one of web, db with --pod"),
        (
            ["web.yaml", "-s", "bad.yaml"],
            'nsrunner: bad.yaml: Scenario is invalid: containers[ap]: Not found: "ap": no such container in the pod '
            '(did you mean "api"?)\n',
        ),
        (["bad.yaml"], "nsrunner: bad.yaml"),
    ],
)
def test_mistakes(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    (here / "bad.yaml").write_text("containers: {ap: {}}")
    (here / "two.yaml").write_text(POD + "---\n" + POD.replace("name: web", "name: db"))
    assert main(["simulate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(expected)
    assert captured.out == ""


def test_one_of_several_pods(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "two.yaml").write_text(POD + "---\n" + POD.replace("name: web", "name: db"))
    assert main(["simulate", "two.yaml", "--pod", "db", "-o", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["pods"][0]["pod"]["metadata"]["name"] == "db"
    plain["pods"] *= 2
    (here / "r.json").write_text(json.dumps(plain))
    assert main(["simulate", "--replay", "r.json"]) == 2
    assert capsys.readouterr().err == "nsrunner: r.json: there are 2 pods: choose one with --pod\n"
    assert main(["simulate", "--replay", "r.json", "--pod", "web"]) == 2
    assert capsys.readouterr().err == 'nsrunner: r.json: no pod "web"; there is db, db\n'


def test_a_pod_without_a_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "g.yaml").write_text(POD.replace("name: web", "generateName: web-"))
    assert main(["simulate", "g.yaml", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["pods"][0]["pod"]["metadata"]["name"] == "web-xxxxx"


def test_it_is_completed() -> None:
    assert candidates(["sim"]) == ["simulate"]
    assert candidates(["simulate", "--scenario", ""]) == [":files"]
    assert candidates(["simulate", "-o", ""]) == ["json", "gantt", "svg"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    assert "docs/simulate.md" in capsys.readouterr().out
