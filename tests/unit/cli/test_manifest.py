from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from nsrunner.cli.manifest import Refused, chosen_objects, load_files
from nsrunner.errors import UsageError

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: a, image: host}]}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"


def write(tmp_path: Path, name: str, *documents: str) -> str:
    path = tmp_path / name
    path.write_text("---\n".join(documents))
    return str(path)


def test_all_files_in_order(tmp_path: Path) -> None:
    one = write(tmp_path, "1.yaml", POD % "x", CONFIG)
    two = write(tmp_path, "2.yaml", POD % "z")
    assert [document.name for document in load_files([one, two])] == ["x", "c", "z"]
    assert [item.metadata.name for item in chosen_objects([one, two])] == ["x", "c", "z"]
    assert [item.metadata.name for item in chosen_objects([one, two], pods=["z"])] == ["c", "z"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((POD % "x").encode())))
    (document,) = load_files(["-"])
    assert (document.name, document.source) == ("x", "standard input")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        load_files(["-"])


def test_all_that_is_wrong_with_all_files(tmp_path: Path) -> None:
    one = write(tmp_path, "1.yaml", POD.replace("image", "imag") % "x", POD % "z")
    two = write(tmp_path, "2.yaml", "kind: Nothing\napiVersion: v1\n")
    with pytest.raises(Refused) as caught:
        chosen_objects([one, two])
    text = str(caught.value)
    assert f'{one}, document 1: Pod "x" is invalid:' in text
    assert "Nothing" in text
    assert len(caught.value.errors) == 2


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    (document,) = load_files([str(path)])
    assert "larger than 10 MiB" in str(document.error())


def test_the_same_name_twice(tmp_path: Path) -> None:
    path = write(tmp_path, "1.yaml", POD % "x", POD % "x")
    with pytest.raises(UsageError, match='Pod "x" is there twice'):
        chosen_objects([path])
    other = write(tmp_path, "2.yaml", POD % "x", (POD % "x").replace("{name: x}", "{name: x, namespace: other}"))
    assert len(chosen_objects([other])) == 2


def test_objects_without_a_namespace_get_the_one_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "1.yaml", POD % "x", CONFIG, (POD % "z").replace("data: {", "data: {namespace: own, "))
    objects = chosen_objects([path], namespace="mine")
    assert [item.metadata.namespace for item in objects] == ["mine", "mine", "own"]
    with pytest.raises(Refused, match=r"metadata\.namespace: Invalid value"):
        chosen_objects([path], namespace="../mine")
