"""The real API over a real store, on the socket where the verbs look for a daemon; only the pods are not run."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from nsrunner.api.registry import Registry
from nsrunner.api.resources import served
from nsrunner.api.server.app import application
from nsrunner.api.server.listen import listening, unix_socket
from nsrunner.api.server.pages import pages
from nsrunner.api.server.verbs import Verbs
from nsrunner.api.store import Store

__all__ = ["Api", "api"]


class NoPods:
    """Hooks of a daemon that does nothing, except to end what is deleted at once."""

    def __init__(self) -> None:
        self.registry: Registry | None = None

    def pod_written(self, pod: object, how: Literal["created", "updated", "ephemeral"]) -> None: ...

    def pod_deleted(self, pod: Any, grace_seconds: int) -> None:
        assert self.registry is not None
        if grace_seconds:
            metadata = pod["metadata"]
            self.registry.finalize(metadata["namespace"], metadata["name"], metadata["uid"])

    def condition_set(self, pod: object, condition: object) -> None: ...


class Api:
    """Serves in a thread of its own until :meth:`stop`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api")
        self._thread.start()
        assert self._ready.wait(30)
        assert self._thread.is_alive(), "it did not start"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # a failure is known at once

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        os.makedirs(self.root / "lib", exist_ok=True)
        store = await Store.open(str(self.root / "lib/store.db"), wall=time.time)
        hooks = NoPods()
        self.registry = hooks.registry = Registry(store, hooks, served("node"))
        self.registry.add_built_ins()

        def no_protobuf(_: bytes) -> Any:
            raise AssertionError

        app = application(
            Verbs(self.registry, streams={}, protobuf=no_protobuf, computed={}),
            authenticate=lambda request: "root",
            pages=pages(self.registry, version="0", git_version="v1.36.0", problems=dict),
        )
        async with listening(app, [(unix_socket(str(self.root / "run/api.sock")), None)]):
            self._ready.set()
            await self._stopped.wait()
        await store.close()

    def do(self, function: Any) -> Any:
        """Calls it where the registry lives."""
        done: Any = asyncio.run_coroutine_threadsafe(_call(function), self._loop)
        return done.result(30)

    def set_status(self, name: str, **status: Any) -> None:
        """Of a pod, as its runner would write it."""

        def write() -> None:
            pods = self.registry.find("", "v1", "pods")
            assert pods is not None
            pod = self.registry.get(pods, "default", name)
            self.registry.put(pods, {**pod, "status": {**pod["status"], **status}})

        self.do(write)

    def put(self, plural: str, object: dict[str, Any]) -> None:
        def write() -> None:
            resource = self.registry.find("", "v1", plural)
            assert resource is not None
            self.registry.put(resource, object)

        self.do(write)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)
        assert not self._thread.is_alive()


async def _call(function: Any) -> Any:
    return function()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NSRUNNER_ROOT", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    started = Api(tmp_path)
    yield started
    if started._thread.is_alive():
        started.stop()
