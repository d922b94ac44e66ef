from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from nsrunner.api.errors import ApiError
from nsrunner.api.streams.log_options import LogOptions, log_options

NOW = 1_700_000_000.0


def options(query: str) -> LogOptions:
    return log_options(make_mocked_request("GET", f"/log?{query}"), "web", NOW)


def test_what_a_query_says() -> None:
    assert options("") == LogOptions()
    assert options("follow=true&previous=1&timestamps=false&container=c&pretty=x") == LogOptions(
        follow=True, previous=True, container="c"
    )
    assert options("tailLines=0&limitBytes=1&sinceSeconds=60&stream=All") == LogOptions(
        tail_lines=0, limit_bytes=1, since=NOW - 60
    )
    assert options("sinceTime=2023-11-14T22:13:20Z&stream=Stderr") == LogOptions(since=NOW, stream="stderr")


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=1&sinceTime=2023-11-14T22:13:20Z", 422, "at most one of `sinceTime` or `sinceSeconds`"),
        ("stream=Both", 422, 'supported values: "All", "Stderr", "Stdout"'),
        ("stream=Stdout&tailLines=1", 422, "mutually exclusive"),
        ("tailLines=x", 400, 'parsing "x": invalid syntax (query parameter tailLines)'),
        ("tailLines=99999999999999999999", 400, "invalid syntax"),
        ("sinceTime=now", 400, 'parsing time "now"'),
    ],
)
def test_what_is_refused(query: str, code: int, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        options(query)
    assert caught.value.code == code
    assert message in str(caught.value)
