from __future__ import annotations

from nsrunner.model.path import ROOT, Path


def test_steps_are_written_as_the_api_does() -> None:
    path = ROOT / "spec" / "containers"
    assert str(path) == "spec.containers"
    assert str(path[2] / "resources" / "limits") == "spec.containers[2].resources.limits"
    assert str((path[0] / "resources" / "limits")["cpu"]) == "spec.containers[0].resources.limits[cpu]"
    assert str(ROOT) == ""
    assert [str(ROOT / ""), str(ROOT / "spec" / ""), str(ROOT / ".x"), str(ROOT["x"])] == ["", "spec.", ".x", "[x]"]
    assert repr(path) == "Path('spec.containers')"


def test_the_parent_is_the_path_without_its_last_step() -> None:
    assert str((ROOT / "spec" / "volumes").parent) == "spec"
    assert str(Path().parent.parent) == ""


def test_keys_of_a_manifest_cannot_reach_the_terminal_raw_or_without_end() -> None:
    assert str((ROOT / "data")["a\x1b]0;x\x07\nb"]) == r"data[a\x1b]0;x\x07\x0ab]"
    assert len(str((ROOT / "data")["x" * 10_000])) < 400
