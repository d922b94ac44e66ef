from __future__ import annotations

import pytest

from nsrunner.model.field_path import split_subscript


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", ("metadata.name", None)),
        ("metadata.labels['app']", ("metadata.labels", "app")),
        ("metadata.labels['a.b/c']", ("metadata.labels", "a.b/c")),
        ("metadata.labels['']", ("metadata.labels", "")),
        ("metadata.labels['a['b']", ("metadata.labels", "a['b")),
        ("metadata.labels[app]", ("metadata.labels[app]", None)),
        ("['x']", ("['x']", None)),
        ("", ("", None)),
    ],
)
def test_split(path: str, expected: tuple[str, str | None]) -> None:
    assert split_subscript(path) == expected
