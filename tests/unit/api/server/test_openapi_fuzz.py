"""Requests made from the served OpenAPI documents, right and wrong ones: each is answered soon, and none with 500."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from conftest import NIGHTLY
from nsrunner.api.openapi.documents import group_of
from nsrunner.api.resources import served
from unit.api.server.asked import Asked, asked

GROUPS: Final = sorted({group_of(resource.info) for resource in served("node")})
THERE: Final = {"namespace": "default", "name": "0"}
"""What :func:`populate` has made."""
EXAMPLES: Final = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
"""Requests for each operation, outside of the nightly run."""
SECONDS: Final = 10.0
"""In which the head of an answer comes, at the latest: a matter of milliseconds."""


class Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A socket on which the API is served, by another thread."""
    ready: list[str] = []
    told, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with asked(tmp_path) as served:
            await populate(served)
            ready.append(served.path)
            told.set()
            await end.wait()

    end = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert told.wait(60)
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


async def populate(served: Asked) -> None:
    """Something that requests can meet."""
    for plural, body in (
        ("pods", {"spec": {"containers": [{"name": "c", "image": "host"}]}}),
        ("configmaps", {"data": {"a": "b"}}),
        ("secrets", {"stringData": {"a": "b"}}),
        ("serviceaccounts", {}),
    ):
        status, _ = await served("POST", f"/api/v1/namespaces/default/{plural}", {"metadata": {"name": "0"}, **body})
        assert status == 201


@contextmanager
def answered(path: str, request: requests.PreparedRequest) -> Iterator[http.client.HTTPResponse]:
    """The head of the answer; a body without an end is not waited for."""
    connection = Connection(path)
    try:
        assert request.method is not None
        connection.request(request.method, request.path_url, request.body, dict(request.headers))
        yield connection.getresponse()
    finally:
        connection.close()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("group", GROUPS)
def test_what_the_documents_allow_and_what_not(server: str, group: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(document(server, group))
    schema.config.update(base_url="http://localhost")
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=500 if NIGHTLY else EXAMPLES[mode],
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
        def ask(case: schemathesis.Case, there: bool) -> None:
            if there:
                case.path_parameters.update({name: THERE[name] for name in case.path_parameters.keys() & THERE})
            check(server, case, as_json=there and case.method != "PATCH")  # elsewhere the documents say */*

        ask()


def document(server: str, group: str) -> dict[str, Any]:
    with answered(server, requests.Request("GET", f"http://localhost/openapi/v3/{group}").prepare()) as answer:
        text: dict[str, Any] = json.loads(answer.read())
    return text


def check(server: str, case: schemathesis.Case, *, as_json: bool) -> None:
    given = case.as_transport_kwargs(base_url="http://localhost")
    kwargs = {name: given[name] for name in ("method", "url", "headers", "params", "json", "data") if name in given}
    if as_json and isinstance(case.body, dict | list | str):
        kwargs.pop("json", None)
        kwargs["data"] = json.dumps(case.body).encode()
        kwargs["headers"] = {**kwargs["headers"], "Content-Type": "application/json"}
    request = requests.Request(**kwargs).prepare()
    with answered(server, request) as answer:
        assert answer.status < 500, f"{case.as_curl_command()}\n{answer.read()!r}"
        if answer.getheader("Content-Type") == "application/json" and answer.getheader("Transfer-Encoding") is None:
            body = answer.read()
            assert answer.status < 400 or json.loads(body)["kind"] == "Status", body
