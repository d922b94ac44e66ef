from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.cli.complete import candidates
from nsrunner.cli.main import VERBS, main
from unit.cli.published_pods import RUNNING, PublishedPod, container


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], list(VERBS)),
        (["v"], ["validate", "version"]),
        (["--v"], ["--version"]),
        (["help", "r"], ["run", "replace"]),
        (["help", "run", ""], []),
        (["frob", ""], []),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["completion", "bash", ""], []),
        (["run", ""], [":files"]),
        (["run", "a.yaml", ""], [":files"]),
        (["run", "-", ""], [":files"]),
        (["run", "--timeout", ""], []),
        (["run", "--image-fallback", ""], ["host"]),
        (["run", "--al"], ["--allowed-unsafe-sysctls"]),
        (["validate", "--allowed-unsafe-sysctls", ""], []),
        (["run", "-o", ""], ["json"]),
        (["run", "--ti"], ["--timeout", "--timestamps"]),
        (["run", "--timeout", "5", "--ti"], ["--timestamps"]),
        (["exec", "web", "--", ""], []),
        (["doctor", ""], []),
        (["get", "-o", "js"], ["json", "jsonpath=", "jsonpath-as-json=", "jsonpath-file="]),
        (["get", "--output=y"], ["--output=yaml"]),
        (["wait", "--for", ""], ["condition=", "create", "delete", "jsonpath="]),
        (["wait", "--for=d"], ["--for=delete"]),
        (["wait", "--for", "="], ["condition=", "create", "delete", "jsonpath="]),  # as bash has the words
        (["wait", "--for", "=", "c"], ["condition=", "create"]),
        (["create", ""], ["configmap", "namespace", "secret", "serviceaccount", "token"]),
        (["create", "-n", "x", "secret", ""], ["docker-registry", "generic", "tls"]),
        (["create", "secret", "tls", ""], []),
        (["create", "cm", ""], []),
        (["top", "n"], ["node"]),
    ],
)
def test_words(words: list[str], offered: list[str]) -> None:
    assert candidates(words) == offered


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["logs", ""], ["db", "web"]),
        (["exec", "w"], ["web"]),
        (["exec", "-it", "web", "-c", ""], ["a", "b"]),
        (["logs", "-c", ""], []),
        (["logs", "web", ""], ["a", "b"]),
        (["logs", "web", "a", ""], []),
        (["ps", "-n", ""], ["default", "test"]),
        (["cp", "w"], [":files", "web:"]),
        (["top", "pods", ""], ["db", "web"]),
    ],
)
def test_running_pods(words: list[str], offered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    PublishedPod("web", "u1").publish(container("a", RUNNING), container("b", RUNNING))
    PublishedPod("db", "u2", namespace="test").publish(container("d", RUNNING))
    assert candidates(words) == offered


def test_when_they_may_not_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSRUNNER_ROOT", "relative")
    assert candidates(["logs", ""]) == []


def test_the_hidden_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["__complete", "--", "completion", "f"]) == 0
    assert capsys.readouterr().out == "fish\n"
    assert main(["__complete"]) == 0
    assert capsys.readouterr().out.split() == list(VERBS)
