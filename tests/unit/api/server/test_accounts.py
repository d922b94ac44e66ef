"""TokenRequest over HTTP, and whose a token is."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsrunner.api.protobuf import decode_body
from nsrunner.api.server.accounts import ServiceAccounts
from nsrunner.api.tokens import Tokens
from unit.api.registry.served import asked as context
from unit.api.registry.served import pod
from unit.api.server.asked import PODS, Asked, asked

pytestmark = pytest.mark.asyncio

URL = "/api/v1/namespaces/default/serviceaccounts/default/token"


def known(ask: Asked, tmp_path: Path, token: str) -> str:
    tokens = Tokens(str(tmp_path / "key"), now=lambda: 1e9)
    return ServiceAccounts(ask.served.registry, tokens, protobuf=decode_body).user(token)


async def test_a_token_until_its_account_is_gone(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        code, made = await ask("POST", URL, {"spec": {"expirationSeconds": 900}})
        assert (code, made["kind"], made["apiVersion"]) == (201, "TokenRequest", "authentication.k8s.io/v1")
        assert made["spec"]["expirationSeconds"] == 900
        assert made["status"]["expirationTimestamp"] == "2001-09-09T02:01:40Z"
        token = made["status"]["token"]
        assert known(ask, tmp_path, token) == "system:serviceaccount:default:default"
        assert known(ask, tmp_path, token + "x") == ""
        accounts = ask.served.resource("serviceaccounts")
        await ask.served.registry.delete(accounts, "default", "default", {}, context())
        assert known(ask, tmp_path, token) == ""


async def test_a_token_of_a_pod_ends_with_it(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        _, web = await ask("POST", PODS, pod())
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "web"}
        code, made = await ask("POST", URL, {"spec": {"boundObjectRef": bound}})
        token = made["status"]["token"]
        assert (code, known(ask, tmp_path, token)) == (201, "system:serviceaccount:default:default")
        wrong = {**bound, "uid": "another"}
        assert (await ask("POST", URL, {"spec": {"boundObjectRef": wrong}}))[0] == 409
        assert (await ask("POST", URL, {"spec": {"boundObjectRef": {**bound, "name": "x"}}}))[0] == 404
        ask.served.registry.finalize("default", "web", web["metadata"]["uid"])
        assert known(ask, tmp_path, token) == ""


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"expirationSeconds": 5}, "spec.expirationSeconds"),
        ({"expirationSeconds": True}, "spec.expirationSeconds"),
        ({"audiences": "x"}, "spec.audiences"),
        ({"boundObjectRef": {"kind": "Secret"}}, "spec.boundObjectRef"),
        ({"boundObjectRef": 7}, "spec.boundObjectRef"),
    ],
)
async def test_what_is_refused(tmp_path: Path, spec: object, field: str) -> None:
    async with asked(tmp_path) as ask:
        code, status = await ask("POST", URL, {"spec": spec})
        assert (code, [cause["field"] for cause in status["details"]["causes"]]) == (422, [field])


async def test_other_requests(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        assert (await ask("GET", URL))[0] == 405
        assert (await ask("POST", URL, {"spec": 7}))[0] == 400
        assert (await ask("POST", URL, b"{"))[0] == 400
        assert (await ask("POST", URL))[0] == 201
        assert (await ask("POST", URL.replace("accounts/default", "accounts/nobody"), {}))[0] == 404
