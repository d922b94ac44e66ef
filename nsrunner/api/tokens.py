"""Tokens of service accounts: signed, of bounded life, bound to the account and perhaps to a pod (TokenRequest).

JSON Web Tokens (RFC 7519) with HMAC-SHA-256: who makes them is who reads them, so that one key is enough.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from nsrunner.errors import HostError

__all__ = ["ISSUER", "SECONDS_LEAST", "Claims", "Tokens", "user_of"]

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
SECONDS_LEAST: Final = 600
"""Upstream's shortest life of a token."""
SECONDS_MOST: Final = 2**32
_KEY_BYTES: Final = 32
_TOKEN_MOST: Final = 8192
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}


class Claims(Struct, frozen=True, kw_only=True):
    """Whom a token stands for."""

    namespace: str
    account: str
    account_uid: str
    pod: str = ""
    pod_uid: str = ""
    audiences: tuple[str, ...] = (ISSUER,)
    expires: int
    """Seconds since the epoch."""


def user_of(namespace: str, account: str) -> str:
    """The user name of a service account."""
    return f"system:serviceaccount:{namespace}:{account}"


class Tokens:
    """Signs and verifies with the key in ``path``, which is made when it is first needed. ``now``: seconds since the
    epoch."""

    def __init__(self, path: str, *, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._key = b""

    def issue(
        self,
        namespace: str,
        account: str,
        uid: str,
        *,
        seconds: int,
        audiences: Sequence[str] = (ISSUER,),
        pod: Mapping[str, Any] | None = None,
    ) -> tuple[str, int]:
        """A token and when it expires. ``pod``: ``name`` and ``uid``, with which it ends. Raises HostError when the key
        cannot be read or made."""
        now = int(self._now())
        expires = now + min(max(seconds, SECONDS_LEAST), SECONDS_MOST)
        whose: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": account, "uid": uid}}
        if pod is not None:
            whose["pod"] = {"name": pod["name"], "uid": pod["uid"]}
        claims = {
            "aud": list(audiences or (ISSUER,)),
            "exp": expires,
            "iat": now,
            "iss": ISSUER,
            "jti": secrets.token_hex(16),
            "kubernetes.io": whose,
            "nbf": now,
            "sub": user_of(namespace, account),
        }
        signed = f"{_encode(msgspec.json.encode(_HEADER))}.{_encode(msgspec.json.encode(claims))}"
        return f"{signed}.{_encode(self._sign(signed))}", expires

    def verify(self, token: str) -> Claims | None:
        """None: it is none of ours, it is not for us, or its time is over. Raises HostError when the key cannot be
        read."""
        if len(token) > _TOKEN_MOST or token.count(".") != 2 or not token.isascii():
            return None
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            if not hmac.compare_digest(_decode(signature), self._sign(signed)):
                return None
            if msgspec.json.decode(_decode(header)) != _HEADER:
                return None
            claims = msgspec.json.decode(_decode(payload))
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return None
        now = self._now()
        if not claims["nbf"] <= now < claims["exp"] or ISSUER not in claims["aud"]:
            return None
        whose = claims["kubernetes.io"]
        pod = whose.get("pod") or {}
        return Claims(
            namespace=whose["namespace"],
            account=whose["serviceaccount"]["name"],
            account_uid=whose["serviceaccount"]["uid"],
            pod=pod.get("name", ""),
            pod_uid=pod.get("uid", ""),
            audiences=tuple(claims["aud"]),
            expires=claims["exp"],
        )

    def _sign(self, text: str) -> bytes:
        if not self._key:
            self._key = self._read()
        return hmac.digest(self._key, text.encode(), "sha256")

    def _read(self) -> bytes:
        try:
            try:
                with open(self._path, "rb") as file:
                    key = file.read()
            except FileNotFoundError:
                key = self._make()
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}") from None
        if len(key) != _KEY_BYTES:
            raise HostError(f"{self._path}: damaged; remove it to have it made anew (all tokens end then)")
        return key

    def _make(self) -> bytes:
        key, fresh = secrets.token_bytes(_KEY_BYTES), f"{self._path}.new"
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, self._path)
        return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
