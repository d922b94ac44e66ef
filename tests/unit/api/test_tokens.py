"""Tokens of service accounts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsrunner.api.tokens import ISSUER, Tokens, user_of
from nsrunner.errors import HostError

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    return Tokens(str(tmp_path / "pki" / "key"), now=clock)


def claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_a_token_says_whose_it_is_until_it_expires(tokens: Tokens, clock: Clock) -> None:
    token, expires = tokens.issue("shop", "till", "u1", seconds=3600, pod={"name": "web", "uid": "p1"})
    assert expires == NOW + 3600
    found = tokens.verify(token)
    assert found is not None
    assert (found.namespace, found.account, found.account_uid, found.pod, found.pod_uid) == (
        "shop", "till", "u1", "web", "p1",
    )  # fmt: skip
    assert claims(token)["sub"] == user_of("shop", "till") == "system:serviceaccount:shop:till"
    clock.now = NOW + 3599
    assert tokens.verify(token) is not None
    clock.now = NOW + 3600
    assert tokens.verify(token) is None
    clock.now = NOW - 1
    assert tokens.verify(token) is None


def test_lives_are_bounded(tokens: Tokens) -> None:
    assert tokens.issue("a", "b", "c", seconds=1)[1] == NOW + 600
    assert tokens.issue("a", "b", "c", seconds=2**40)[1] == NOW + 2**32


def test_a_token_for_others_is_not_for_us(tokens: Tokens) -> None:
    assert tokens.verify(tokens.issue("a", "b", "c", seconds=600, audiences=("vault",))[0]) is None
    assert tokens.verify(tokens.issue("a", "b", "c", seconds=600, audiences=("vault", ISSUER))[0]) is not None


def test_the_key_stays_and_is_roots_alone(tmp_path: Path, tokens: Tokens, clock: Clock) -> None:
    token, _ = tokens.issue("a", "b", "c", seconds=600)
    path = tmp_path / "pki" / "key"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert Tokens(str(path), now=clock).verify(token) is not None
    assert Tokens(str(tmp_path / "other"), now=clock).verify(token) is None


def test_a_damaged_key(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(HostError, match="key: damaged"):
        Tokens(str(tmp_path / "key"), now=clock).issue("a", "b", "c", seconds=600)
    with pytest.raises(HostError, match="Not a directory"):
        Tokens(str(tmp_path / "key" / "key"), now=clock).issue("a", "b", "c", seconds=600)


def forged(token: str, **changes: object) -> str:
    head, _, signature = token.split(".")
    payload = json.dumps({**claims(token), **changes}).encode()
    return f"{head}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.{signature}"


def test_what_was_changed_is_refused(tokens: Tokens) -> None:
    token, _ = tokens.issue("a", "b", "c", seconds=600)
    head, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for bad in (
        forged(token, sub="system:serviceaccount:kube-system:admin"),
        f"{none}.{payload}.{signature}",
        f"{none}.{payload}.",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}.{payload}.{signature}.",
        f"{token}x" * 5000,
        f"{token}\u00e9",
    ):
        assert tokens.verify(bad) is None, bad[:99]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.lists(st.text(), min_size=3, max_size=3).map(".".join))
def test_anything_else_is_no_token(tokens: Tokens, text: str) -> None:
    assert tokens.verify(text) is None
