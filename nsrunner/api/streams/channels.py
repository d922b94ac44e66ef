"""The subprotocols by which Kubernetes multiplexes streams on a WebSocket: a message's first byte is its channel.

The sources are ``apimachinery/pkg/util/httpstream/wsstream`` and ``kubelet/pkg/cri/streaming/remotecommand`` of
Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from msgspec import Struct

__all__ = [
    "ERROR",
    "FORWARDING_DIALECTS",
    "REMOTE_DIALECTS",
    "RESIZE",
    "STDERR",
    "STDIN",
    "STDOUT",
    "ChannelError",
    "Data",
    "Dialect",
    "End",
]

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4

_CLOSE: Final = 255


class ChannelError(ValueError):
    """A message that means nothing."""


class Data(Struct, frozen=True):
    """Bytes that came on a channel."""

    channel: int
    data: bytes


class End(Struct, frozen=True):
    """The client sends no more on a channel."""

    channel: int


class Dialect(Struct, frozen=True, kw_only=True):
    """One subprotocol."""

    name: str
    version: int
    """From 4 on the end of a command is told as a Status in JSON, before as text and only when it is an error; from 5
    on a channel can be closed."""
    text: bool = False
    """Messages are text: the channel's digit, and base64."""

    def encode(self, channel: int, data: bytes) -> bytes | str:
        if self.text:
            return chr(ord("0") + channel) + base64.b64encode(data).decode()
        return bytes((channel,)) + data

    def decode(self, message: bytes | str) -> Data | End:
        """Raises ChannelError."""
        if not message:
            raise ChannelError("a message without its channel")
        if not self.text:
            data = message.encode() if isinstance(message, str) else message
            if data[0] == _CLOSE and self.version >= 5:
                if len(data) != 2:
                    raise ChannelError("a close without its channel")
                return End(data[1])
            return Data(data[0], data[1:])
        text = message if isinstance(message, str) else message.decode("latin-1")
        try:
            return Data(ord(text[0]) - ord("0"), base64.b64decode(text[1:], validate=True))
        except (binascii.Error, ValueError):
            raise ChannelError("a message that is not base64") from None


REMOTE_DIALECTS: Final = {
    dialect.name: dialect
    for dialect in (
        Dialect(name="channel.k8s.io", version=1),  # of a client that names none
        Dialect(name="base64.channel.k8s.io", version=1, text=True),
        Dialect(name="v4.channel.k8s.io", version=4),
        Dialect(name="v4.base64.channel.k8s.io", version=4, text=True),
        Dialect(name="v5.channel.k8s.io", version=5),
    )
}
FORWARDING_DIALECTS: Final = {
    dialect.name: dialect
    for dialect in (
        Dialect(name="v4.channel.k8s.io", version=4),
        Dialect(name="v4.base64.channel.k8s.io", version=4, text=True),
    )
}
