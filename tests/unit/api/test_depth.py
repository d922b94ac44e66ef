"""Bodies that are too deep."""

from __future__ import annotations

from typing import Any

import pytest

from nsrunner.api.depth import DEPTH_MAX, bounded
from nsrunner.api.errors import ApiError


@pytest.mark.parametrize("wrap", [lambda value: {"a": value}, lambda value: [1, value]])
def test_depth(wrap: Any) -> None:
    value: Any = 1
    for _ in range(DEPTH_MAX):
        value = wrap(value)
    assert bounded(value) is value
    with pytest.raises(ApiError, match="more than 100 levels") as caught:
        bounded(wrap(value))
    assert caught.value.code == 400
