"""The examples of scenarios do what they say, and docs/simulate.md knows every field."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

from nsrunner.cli.main import main
from nsrunner.lifecycle.simulate import read_scenario, scenario
from unit.lifecycle.simulations import pod_of

CHECKOUT = Path(__file__).parents[3]
DOCS = CHECKOUT / "docs/simulate.md"
EXAMPLES = sorted((CHECKOUT / "examples/scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_command_in_the_head(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    [command] = re.findall(r"^#   nsrunner (simulate .*)$", path.read_text(), re.MULTILINE)
    assert f"examples/scenarios/{path.name}" in command
    assert main(command.split()) == 0
    assert capsys.readouterr().out


def test_a_bad_day(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(CHECKOUT / "examples/scenarios")
    assert main(["simulate", "web.pod.yaml", "--scenario", "web.yaml"]) == 0
    out = capsys.readouterr().out
    assert "Liveness probe failed: timed out after 1s" in out
    assert "Container api failed liveness probe, will be restarted" in out
    assert "the pod has finished: " in out or "the pod is removed" in out


def test_an_hour_of_a_crash_loop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert main(["simulate", "examples/crash-loop.yaml", "-s", "examples/scenarios/crash-loop.yaml"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("flaky: 16 restarts, at 1s, 12s, 33s, 1m14s, 2m35s, 5m16s, 10m17s, ")


def test_the_documented_scenario() -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    pod = pod_of(
        "{containers: [{name: api, image: host, readinessProbe: {exec: {command: [a]}}, "
        "lifecycle: {preStop: {exec: {command: [a]}}}}]}"
    )
    assert read_scenario(text.encode(), "docs", pod).containers["api"].runs[0].times == 3


@pytest.mark.parametrize("name", scenario.__all__)
def test_every_field_is_documented(name: str) -> None:
    text = DOCS.read_text()
    for field in msgspec.structs.fields(typing.cast("type[msgspec.Struct]", getattr(scenario, name))):
        assert re.search(rf"[`{{,.\s]{field.encode_name}[`:,\s]", text), field.encode_name


def test_the_documented_chart(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    [(command, chart)] = re.findall(r"```\n# nsrunner (simulate [^\n]*)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert main(command.split()) == 0
    assert capsys.readouterr().out.startswith(chart)
