from __future__ import annotations

import pytest

import nsrunner.testing


@pytest.mark.parametrize("name", nsrunner.testing.__all__)
def test_what_is_public_is_there(name: str) -> None:
    assert getattr(nsrunner.testing, name) is not None


def test_what_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = nsrunner.testing.nothing
