"""How the fixture finds manifests. That it starts, waits for and ends pods is in tests/kernel/test_plugin.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.errors import ManifestError
from nsrunner.testing.pods import PodFactory

BROKEN = "apiVersion: v1\nkind: Pod\nmetadata: {name: NotAName}\nspec: {}\n"


def test_a_file_is_looked_for_in_the_directories_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
    (second / "web.yaml").write_text(BROKEN)
    with PodFactory([first, second]) as factory, pytest.raises(ManifestError) as raised:
        factory("web.yaml")
    assert raised.value.source == str(second / "web.yaml")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with PodFactory([tmp_path]) as factory, pytest.raises(FileNotFoundError) as raised:
        factory("web.yaml")
    assert str(tmp_path) in str(raised.value)
    assert raised.value.filename == "web.yaml"


def test_text_and_objects_are_manifests_too() -> None:
    with PodFactory([]) as factory:
        with pytest.raises(ManifestError):
            factory(BROKEN)
        with pytest.raises(ManifestError):
            factory({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "NotAName"}, "spec": {}})


def test_without_pods_there_is_nothing_to_report() -> None:
    with PodFactory([]) as factory:
        assert list(factory.report()) == []
