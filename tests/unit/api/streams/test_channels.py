from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.api.streams.channels import FORWARDING_DIALECTS, REMOTE_DIALECTS, ChannelError, Data, Dialect, End

dialects = st.sampled_from([*REMOTE_DIALECTS.values(), *FORWARDING_DIALECTS.values()])


@given(dialects, st.integers(0, 9), st.binary(max_size=50))
def test_data_comes_back(dialect: Dialect, channel: int, data: bytes) -> None:
    message = dialect.encode(channel, data)
    assert isinstance(message, str) == ("base64" in dialect.name)
    assert dialect.decode(message) == Data(channel, data)


@given(dialects, st.one_of(st.binary(max_size=20), st.text(max_size=20)))
def test_anything_else_is_an_error(dialect: Dialect, message: bytes | str) -> None:
    try:
        event = dialect.decode(message)
    except ChannelError:
        return
    assert isinstance(event, Data | End)


def test_a_channel_is_closed_from_version_5_on() -> None:
    assert REMOTE_DIALECTS["v5.channel.k8s.io"].decode(b"\xff\x00") == End(0)
    assert REMOTE_DIALECTS["v4.channel.k8s.io"].decode(b"\xff\x00") == Data(255, b"\0")
    with pytest.raises(ChannelError, match="without its channel"):
        REMOTE_DIALECTS["v5.channel.k8s.io"].decode(b"\xff")


def test_text_in_its_form() -> None:
    assert REMOTE_DIALECTS["base64.channel.k8s.io"].encode(1, b"hi") == "1aGk="
    with pytest.raises(ChannelError, match="not base64"):
        REMOTE_DIALECTS["base64.channel.k8s.io"].decode("1a")
