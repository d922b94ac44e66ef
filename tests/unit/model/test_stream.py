from __future__ import annotations

import pytest

from nsrunner.model.stream import StreamError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StreamError("larger than 10 MiB"), "Syntax error: larger than 10 MiB"),
        (StreamError("odd", 3, 7), "Syntax error: line 3, column 7: odd"),
        (StreamError("odd", 3, 7, "try this"), "Syntax error: line 3, column 7: odd (try this)"),
    ],
)
def test_a_complaint_says_where_it_was_found(error: StreamError, text: str) -> None:
    assert str(error.field_error()) == text
    assert str(error) == error.problem
