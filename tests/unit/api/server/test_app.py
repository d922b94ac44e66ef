"""The application over a real socket: what clients ask, rightly and wrongly, and what they get."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsrunner.api.errors import unauthorized
from unit.api.registry.served import config_map, pod
from unit.api.server.asked import CONFIGS, PODS, Asked, asked

pytestmark = pytest.mark.asyncio


async def test_an_object_from_its_creation_to_its_end(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        code, made = await ask("POST", CONFIGS, config_map())
        assert (code, made["data"]) == (201, {"k": "v"})
        code, found = await ask("GET", f"{CONFIGS}/conf")
        assert (code, found) == (200, made)
        code, changed = await ask("PUT", f"{CONFIGS}/conf", {**made, "data": {"k": "w"}})
        assert (code, changed["data"]["k"]) == (200, "w")
        code, refused = await ask("PUT", f"{CONFIGS}/conf", made)
        assert (code, refused["reason"]) == (409, "Conflict")
        code, patched = await ask(
            "PATCH", f"{CONFIGS}/conf", b'{"data":{"z":"1"}}', Content_Type="application/merge-patch+json"
        )
        assert (code, patched["data"]) == (200, {"k": "w", "z": "1"})
        code, listed = await ask("GET", f"{CONFIGS}?limit=1")
        assert (code, [item["metadata"]["name"] for item in listed["items"]]) == (200, ["conf"])
        code, status = await ask("DELETE", f"{CONFIGS}/conf")
        assert (code, status["status"]) == (200, "Success")
        code, missing = await ask("GET", f"{CONFIGS}/conf")
        assert (code, missing["message"]) == (404, 'configmaps "conf" not found')
        assert ("create", "configmaps", "201") in ask.counted and ("get", "configmaps", "404") in ask.counted


async def test_a_refused_pod_has_every_cause(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        bad = pod(restartPolicy="Sometimes", hostname="A_b")
        code, status = await ask("POST", f"{PODS}?fieldValidation=Strict", bad)
        assert (code, status["reason"]) == (422, "Invalid")
        fields = [cause["field"] for cause in status["details"]["causes"]]
        assert fields == ["spec.restartPolicy", "spec.hostname"]


async def test_warnings_are_headers(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask, ask.session.post(f"http://d{PODS}", json=pod(restartPolicz="x")) as answer:
        assert answer.status == 201
        assert answer.headers["Warning"] == (
            '299 - "unknown field \\"spec.restartPolicz\\" (did you mean \\"restartPolicy\\"?)"'
        )


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1/nothings", 404),
        ("GET", "/api/v2/pods", 404),
        ("GET", "/apis/apps/v1/deployments", 404),
        ("GET", "/api/v1/pods/web", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", f"{PODS}/web/nothing", 404),
        ("GET", f"{PODS}/web/status/more", 404),
        ("GET", "/api/v1/namespaces/a%2Fb/pods/x%2Fy", 404),
        ("GET", "/api/v1/namespaces/default/pods/%00", 404),
        ("GET", "/api/v1/namespaces/%ff/pods/%c3%28", 404),
        ("GET", "/api/v1/../../etc/passwd", 404),
        ("GET", "/api/v1/namespaces//pods", 404),
        ("POST", f"{PODS}/web", 405),
        ("POST", "/api/v1/nodes", 405),
        ("PUT", PODS, 405),
        ("TRACE", f"{PODS}/web", 405),
        ("POST", "/metrics", 405),
        ("DELETE", "/api", 405),
        ("GET", f"{PODS}?watch=maybe", 400),
        ("GET", f"{PODS}?limit=-1", 400),
        ("GET", f"{PODS}?limit=99999999999999999999", 400),
        ("GET", f"{PODS}?continue=WzFd", 400),
        ("GET", f"{PODS}?continue=%00", 400),
        ("GET", f"{PODS}?labelSelector=((", 400),
        ("GET", f"{PODS}?fieldSelector=spec.color=red", 400),
        ("GET", f"{PODS}?watch=1&resourceVersion=x", 400),
        ("GET", f"{PODS}?watch=1&resourceVersion=-5", 410),
        ("DELETE", f"{PODS}/web?gracePeriodSeconds=soon", 400),
        ("POST", f"{PODS}?dryRun=Some", 400),
        ("POST", f"{PODS}?fieldValidation=Loose", 400),
        ("POST", f"{PODS}?fieldManager={'x' * 129}", 400),
    ],
)
async def test_every_refusal_is_a_status(tmp_path: Path, method: str, path: str, code: int) -> None:
    async with asked(tmp_path) as ask:
        found, status = await ask(method, path, pod() if method in ("POST", "PUT") else None)
        assert (found, status["kind"], status["code"]) == (code, "Status", code)


@pytest.mark.parametrize(
    ("body", "type", "code"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"metadata":{"name":7}}', "application/json", 400),
        (b'"\\ud800"', "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"a":' * 50_000, "application/json", 400),
        (b"[" * 20_000, "application/yaml", 400),
        (b"\n", "application/yaml", 400),
        (b"a: &a [*a]", "application/yaml", 400),
        (b"k8s\0\xff\xff\xff", "application/vnd.kubernetes.protobuf", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "\\/;;=", 415),
    ],
)
async def test_bodies_that_are_none(tmp_path: Path, body: bytes, type: str, code: int) -> None:
    async with asked(tmp_path) as ask:
        found, status = await ask("POST", PODS, body, Content_Type=type)
        assert (found, status["kind"]) == (code, "Status"), status


async def test_a_body_has_a_limit(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        ten = io.BytesIO(b'{"a":"' + b"x" * 10_000_000 + b'"}')
        code, status = await ask("POST", PODS, ten, Content_Type="application/json")
        assert (code, status["reason"]) == (413, "RequestEntityTooLarge")

        async def pieces() -> Any:
            for _ in range(160):
                yield b" " * 65536

        async with ask.session.post(f"http://d{PODS}", data=pieces()) as answer:
            assert answer.status == 413
        code, status = await ask("POST", PODS, b"x", Content_Encoding="gzip")
        assert (code, status["reason"]) == (415, "UnsupportedMediaType")
        assert (await ask("GET", PODS))[0] == 200


HOST = b"Host: x\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET /api/v1/pods HTTP/1.0\r\n\r\n", 200),
        (b"GET /api/v1/pods?watch=1&timeoutSeconds=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET http://x/healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"BREW /api HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /api/\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /api/v1/pods HTTP/1.1\r\n" + HOST + b"Accept: \xff;q=nan,*/*;q=inf\r\nConnection: close\r\n\r\n", 200),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"POST " + PODS.encode() + b" HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n", 400),
        (
            b"POST " + PODS.encode() + b" HTTP/1.1\r\n" + HOST
            + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST " + PODS.encode() + b" HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
            400,
        ),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: y\r\n" % at for at in range(5000)) + b"\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ],
)  # fmt: skip
async def test_what_comes_over_the_wire(
    tmp_path: Path, sent: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with asked(tmp_path) as ask:
        answer = await ask.raw(sent)
        assert answer.split(b" ")[1] == str(code).encode()
        assert (await ask("GET", "/healthz")) == (200, "ok")
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_pipelined_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    async with asked(tmp_path) as ask:
        one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
        answer = await ask.raw(one * 20 + b"GET /nothing HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 20 + [b"404"]


async def test_a_client_that_goes_in_the_middle_of_its_body(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asked(tmp_path) as ask:
        head = b"POST " + PODS.encode() + b" HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 500\r\n\r\n{"
        assert await ask.raw(head, end=True) == b""
        assert (await ask("GET", PODS))[1]["items"] == []
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_nobody_is_let_in_but_to_what_is_public(tmp_path: Path) -> None:
    def nobody(request: Any) -> str:
        raise unauthorized()

    async with asked(tmp_path, authenticate=nobody) as ask:
        for path in ("/healthz", "/livez", "/readyz", "/version"):
            assert (await ask("GET", path))[0] == 200
        for path in ("/", "/api", "/apis", "/metrics", "/pods", "/openapi/v3", PODS, "/healthz/", "//version"):
            assert (await ask("GET", path))[0] == 401, path


async def test_a_mistake_of_ours_is_told_without_its_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("a secret")

    async with asked(tmp_path) as ask:
        monkeypatch.setattr(ask.served.registry, "list", broken)
        code, status = await ask("GET", PODS)
        assert (code, status["reason"]) == (500, "InternalError") and "a secret" not in json.dumps(status)
    assert "KeyError" in caplog.text


async def test_what_we_lack_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lacking(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files", "/some/where")

    async with asked(tmp_path) as ask:
        monkeypatch.setattr(ask.served.registry, "list", lacking)
        code, status = await ask("GET", PODS)
        assert (code, status["reason"]) == (503, "ServiceUnavailable")
        assert status["message"].endswith("the daemon lacks something: Too many open files")
    assert "Traceback" not in caplog.text


TEXT = st.text(max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from(["metadata", "spec", "data", "name", "labels", "annotations", "namespace", "resourceVersion"])
BODIES = JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES, max_size=3), max_size=4)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
        "application/yaml",
    ]
)
QUERY = st.dictionaries(
    st.sampled_from(
        ["labelSelector", "fieldSelector", "limit", "continue", "dryRun", "fieldManager", "force", "fieldValidation"]
    ),
    TEXT | st.sampled_from(["true", "All", "a=b", "a in (b)", "1", "metadata.name=x"]),
    max_size=3,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_request_makes_a_mistake_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    async with asked(tmp_path_factory.mktemp("any")) as ask:
        await ask("POST", CONFIGS, config_map())
        await ask("POST", PODS, pod())
        for _ in range(6):
            await _anything(ask, data)


async def _anything(ask: Asked, data: st.DataObject) -> None:
    from urllib.parse import quote, urlencode

    method = data.draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]))
    parts = data.draw(
        st.sampled_from([PODS, f"{PODS}/web", f"{PODS}/web/status", CONFIGS, f"{CONFIGS}/conf", "/api/v1/nodes"])
        | st.lists(TEXT, max_size=5).map(lambda words: "/api/v1/" + "/".join(quote(word, safe="") for word in words))
    )  # fmt: skip
    query = urlencode(data.draw(QUERY))
    body = json.dumps(data.draw(BODIES)).encode() if method in ("POST", "PUT", "PATCH") else None
    headers = {"Content_Type": data.draw(TYPES)} if body is not None else {}
    async with asyncio.timeout(20):
        code, answer = await ask(method, f"{parts}?{query}", body, **headers)
    assert code < 500, (method, parts, query, body, answer)


async def test_changes_are_said_with_who_made_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asked(tmp_path) as ask:
        with caplog.at_level(logging.INFO, logger="nsrunner.audit"):
            await ask("GET", PODS)
            await ask("POST", CONFIGS, config_map())
            await ask("DELETE", f"{CONFIGS}/none")
    said = [record.getMessage() for record in caplog.records if record.name == "nsrunner.audit"]
    assert said == [f"root: create {CONFIGS}: 201", f"root: delete {CONFIGS}/none: 404"]
