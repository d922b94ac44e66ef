"""URLs as Go's net/url reads, resolves and prints them, as far as probes, hooks and their redirects need it.

A probe's path is written by a person and may be anything; what Go makes of it is what the server sees.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nsrunner.supervisor.probes.words import go_quote, host_port

__all__ = ["Url", "UrlError", "parse", "probe_url"]

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_IN_PATH: Final = _UNRESERVED | frozenset("$&+,/:;=@")
"""What the path encoding leaves as it is."""
_VALID_IN_PATH: Final = _IN_PATH | frozenset("!'()*[]%")
"""What a path may hold to be kept as it was written."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}")


class UrlError(ValueError):
    """Go's words for what is wrong with it."""


class Url(Struct, frozen=True, kw_only=True):
    scheme: str = ""
    netloc: str = ""
    """``host:port`` as it was written, without user information."""
    path: str = ""
    """Encoded, as it is sent."""
    query: str = ""
    """Without its question mark."""
    fragment: str = ""

    def __str__(self) -> str:
        text = f"{self.scheme}://{self.netloc}" if self.netloc or self.scheme else ""
        path = f"/{self.path}" if text and self.path and not self.path.startswith("/") else self.path
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{text}{path}{query}{fragment}"

    @property
    def host(self) -> str:
        """``Hostname()``: without port and brackets."""
        if self.netloc.startswith("["):
            return self.netloc[1:].partition("]")[0]
        return self.netloc.partition(":")[0]

    @property
    def port(self) -> int:
        """The scheme's where none is written. Raises UrlError."""
        after = self.netloc.rpartition("]")[2] if self.netloc.startswith("[") else self.netloc
        text = after.partition(":")[2]
        if not text:
            return 443 if self.scheme == "https" else 80
        if int(text) > 65535:
            raise UrlError(f"dial tcp: address {text}: invalid port")
        return int(text)

    @property
    def request_uri(self) -> str:
        path = self.path or "/"
        return f"{path if path.startswith('/') else f'/{path}'}{f'?{self.query}' if self.query else ''}"

    def resolve(self, reference: str) -> Url:
        """``ResolveReference``: where a Location header leads to. Raises UrlError."""
        other = parse(reference)
        if other.scheme:
            return replace(other, path=_without_dots(other.path))
        if other.netloc:
            return replace(other, scheme=self.scheme, path=_without_dots(other.path))
        if not other.path:
            return replace(self, query=other.query or self.query, fragment=other.fragment or self.fragment)
        path = other.path if other.path.startswith("/") else f"{self.path.rpartition('/')[0]}/{other.path}"
        return replace(self, path=_without_dots(path), query=other.query, fragment=other.fragment)


def probe_url(scheme: str, host: str, port: int, path: str) -> Url:
    """``formatURL``: a path that is no URL is passed on as it is, encoded. (So is one that looks like ``mailto:x``, of
    which Go makes a request without a host.)"""
    try:
        url = parse(path)
        if url.scheme and not url.netloc and not url.path.startswith("/"):
            raise UrlError("opaque")
    except UrlError:
        url = Url(path=_escape(path))
    return replace(url, scheme=scheme, netloc=host_port(host, port))


def parse(text: str) -> Url:
    """``url.Parse``. Raises UrlError."""
    if _CONTROL.search(text):
        raise UrlError(f"parse {go_quote(text)}: net/url: invalid control character in URL")
    rest, _, fragment = text.partition("#")
    scheme, rest = _scheme(rest, text)
    rest, _, query = rest.partition("?")
    netloc = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        netloc, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        netloc = _netloc(netloc.rpartition("@")[2], text)
    elif not rest.startswith("/") and not scheme and ":" in rest.partition("/")[0]:
        raise UrlError(f"parse {go_quote(text)}: first path segment in URL cannot contain colon")
    return Url(scheme=scheme, netloc=netloc, path=_path(rest, text), query=query, fragment=_path(fragment, text))


def _scheme(rest: str, text: str) -> tuple[str, str]:
    head, colon, tail = rest.partition(":")
    if rest.startswith(":"):
        raise UrlError(f"parse {go_quote(text)}: missing protocol scheme")
    if colon and head.isascii() and head[0].isalpha() and all(char.isalnum() or char in "+-." for char in head):
        return head.lower(), tail
    return "", rest


def _netloc(netloc: str, text: str) -> str:
    after = netloc.rpartition("]")[2] if netloc.startswith("[") else netloc
    port = after.partition(":")[2]
    if port and not (port.isascii() and port.isdigit()):
        raise UrlError(f"parse {go_quote(text)}: invalid port {go_quote(f':{port}')} after host")
    return netloc


def _path(path: str, text: str) -> str:
    """As it was written when that is a valid encoding; otherwise encoded anew."""
    if wrong := _BAD_ESCAPE.search(path):
        raise UrlError(f"parse {go_quote(text)}: invalid URL escape {go_quote(wrong[0])}")
    if _VALID_IN_PATH.issuperset(path):
        return path
    return _escape(_unescape(path))


def _unescape(path: str) -> bytes:
    parts = path.encode().split(b"%")
    return parts[0] + b"".join(bytes([int(part[:2], 16)]) + part[2:] for part in parts[1:])


def _escape(path: str | bytes) -> str:
    data = path.encode(errors="surrogateescape") if isinstance(path, str) else path
    return "".join(chr(byte) if chr(byte) in _IN_PATH else f"%{byte:02X}" for byte in data)


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    if not path:
        return ""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if len(kept) > 1:
                kept.pop()
        elif part != ".":
            kept.append(part)
    if path.endswith(("/.", "/..")) or path in (".", ".."):
        kept.append("")
    cleaned = "/".join(kept)
    return cleaned if cleaned.startswith("/") else f"/{cleaned}"
