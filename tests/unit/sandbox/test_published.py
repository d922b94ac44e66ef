from __future__ import annotations

import os
from pathlib import Path

import pytest

from nsrunner.sandbox.published import FRESH, NAME, publish, published, published_until


def test_what_is_published_is_read(tmp_path: Path) -> None:
    assert published(str(tmp_path)) is None
    publish(str(tmp_path), '{"metadata":{"name":"wéb"}}'.encode())
    publish(str(tmp_path), '{"metadata":{"name":"wéb2"}}'.encode())
    assert published(str(tmp_path)) == {"metadata": {"name": "wéb2"}}
    assert os.listdir(tmp_path) == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_while_it_is_being_replaced(tmp_path: Path) -> None:
    (tmp_path / FRESH).write_text('{"meta')
    assert published(str(tmp_path)) is None  # the very first
    (tmp_path / FRESH).write_text('{"spec":{}}')
    assert published(str(tmp_path)) == {"spec": {}}  # the one before is gone
    publish(str(tmp_path), b'{"spec":{"a":1}}')
    (tmp_path / FRESH).write_text('{"meta')
    assert published(str(tmp_path)) == {"spec": {"a": 1}}


def test_a_pod_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        publish(str(tmp_path / "gone"), b"{}")
    assert published(str(tmp_path / "gone")) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_anything_else_is_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    assert published(str(tmp_path)) is None


def test_what_is_enough_is_there_already(tmp_path: Path) -> None:
    publish(str(tmp_path), b'{"spec":{}}')
    assert published_until(str(tmp_path), lambda pod: "spec" in pod, 30) == {"spec": {}}


def test_what_there_is_when_the_time_is_over(tmp_path: Path) -> None:
    assert published_until(str(tmp_path), lambda pod: True, 0) is None
    publish(str(tmp_path), b"{}")
    assert published_until(str(tmp_path), lambda pod: "spec" in pod, 0.001) == {}
    assert published_until(str(tmp_path / "gone"), lambda pod: True, 30) is None


def test_a_pod_that_goes_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    publish(str(folder), b"{}")

    def look(pod: dict[str, object]) -> bool:
        (folder / NAME).unlink()
        folder.rmdir()
        return False

    assert published_until(str(folder), look, 30) == {}
