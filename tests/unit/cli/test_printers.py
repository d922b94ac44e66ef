from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.cli.parser import Misuse
from nsrunner.cli.printers import printer, to_yaml

POD = {"kind": "Pod", "metadata": {"name": "a", "managedFields": [1], "labels": {"x": "true"}}}


def test_yaml_as_kubectl_writes_it() -> None:
    value = {"b": "true", "a": "x\ny\n", "c": "", "d": [{"e": "1"}], "f": 1, "g": "w " * 60 + "w"}
    assert to_yaml(value) == ('a: |\n  x\n  y\nb: "true"\nc: ""\nd:\n- e: "1"\nf: 1\ng: ' + "w " * 60 + "w\n")


def test_managed_fields_are_left_out() -> None:
    assert "managedFields" not in printer("json")([POD], False)
    assert "managedFields" in printer("json", managed_fields=True)([POD], False)


@pytest.mark.parametrize("form", ["foo", "jsonpath", "custom-columns", "custom-columns=N", "json=x"])
def test_forms_that_there_are_not(form: str) -> None:
    with pytest.raises(Misuse):
        printer(form)


def test_custom_columns_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "columns"
    path.write_text("NAME  LABEL\n.metadata.name  .metadata.labels.x\n")
    assert printer(f"custom-columns-file={path}")([POD], True) == "NAME   LABEL\na      true\n"
    path.write_text("NAME  LABEL\n.metadata.name\n")
    with pytest.raises(Misuse, match="two lines are expected"):
        printer(f"custom-columns-file={path}")


def test_custom_columns_escape() -> None:
    show = printer("custom-columns=N:.metadata.name,L:.metadata.labels", headers=False)
    assert show([{**POD, "metadata": {"name": "\x1b"}}], True) == "\\x1b   <none>\n"
