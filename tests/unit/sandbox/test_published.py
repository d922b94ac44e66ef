from __future__ import annotations

import os
from pathlib import Path

import pytest

from nsrunner.sandbox.published import NAME, publish, published


def test_what_is_published_is_read(tmp_path: Path) -> None:
    assert published(str(tmp_path)) is None
    publish(str(tmp_path), {"metadata": {"name": "wéb"}})
    publish(str(tmp_path), {"metadata": {"name": "wéb2"}})
    assert published(str(tmp_path)) == {"metadata": {"name": "wéb2"}}
    assert os.listdir(tmp_path) == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_pod_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        publish(str(tmp_path / "gone"), {})
    assert published(str(tmp_path / "gone")) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_anything_else_is_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    assert published(str(tmp_path)) is None
