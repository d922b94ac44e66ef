"""Go's way to put things: the words of the errors that the kubelet's probers publish."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["go_errno", "go_list", "go_quote", "host_port"]

_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def go_quote(text: str | bytes) -> str:
    """``strconv.Quote``, the ``%q`` of fmt. Bytes that are no UTF-8 become ``\\xff``."""
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    return f'"{"".join(map(_quoted, text))}"'


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_list(words: tuple[str, ...]) -> str:
    """A ``[]string`` by ``%v``."""
    return f"[{' '.join(words)}]"


def go_errno(number: int) -> str:
    """``syscall.Errno.Error``: like strerror(3), in lower case."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]


def host_port(host: str, port: int) -> str:
    """``net.JoinHostPort``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
