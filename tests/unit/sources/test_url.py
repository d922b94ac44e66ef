"""Manifests behind a URL, from a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from nsrunner.model.types import Pod
from nsrunner.sources.manifests import SIZE_MAX, Manifests
from nsrunner.sources.url import UrlSource

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: c, image: host, command: [sleep, inf]}]}
"""


class Server:
    """Answers with what a test gives it, and remembers what was asked."""

    def __init__(self) -> None:
        self.answer = web.Response(text=POD)
        self.asked: list[web.Request] = []
        self.told: list[Manifests] = []
        self.failures: list[str] = []
        self.url = ""
        self._news = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        self._news.set()
        given = self.answer
        return web.Response(status=given.status, body=given.body, headers=given.headers)

    def changed(self, manifests: Manifests) -> None:
        self.told.append(manifests)
        self._news.set()

    def failed(self, problem: str) -> None:
        self.failures.append(problem)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def asked_again(self) -> None:
        """Until an answer was given, and taken in: there is no second request before that."""
        count = len(self.asked)
        await self.until(lambda: len(self.asked) >= count + 2)

    @property
    def pods(self) -> list[str]:
        (manifest,) = self.told[-1].values()
        return [each.metadata.name or "" for each in manifest.objects if isinstance(each, Pod)]


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/pods", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/pods"
    source = UrlSource(
        server.url, headers={"X-Who": ["me", "too"]}, seconds=0.01, changed=server.changed, failed=server.failed
    )
    task = asyncio.create_task(source.run())
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.wait([task])
        await runner.cleanup()


def test_changes_are_told_and_sameness_is_not() -> None:
    async def script() -> None:
        async with serving() as server:
            server.answer = web.Response(text=POD.replace("NAME", "a"), headers={"ETag": '"1"'})
            await server.until(lambda: server.told)
            assert server.pods == ["a"]
            assert server.asked[0].headers.getall("X-Who") == ["me", "too"]
            await server.until(lambda: any(each.headers.get("If-None-Match") == '"1"' for each in server.asked))
            server.answer = web.Response(status=304)
            await server.asked_again()
            assert len(server.told) == 1
            server.answer = web.Response(text=POD.replace("NAME", "b"))
            await server.until(lambda: len(server.told) == 2)
            assert server.pods == ["b"]
            server.answer = web.Response(text="")
            await server.until(lambda: len(server.told) == 3)
            assert server.pods == []

    asyncio.run(script())


def test_what_cannot_be_had_leaves_the_pods_and_is_told_once() -> None:
    async def script() -> None:
        async with serving() as server:
            server.answer = web.Response(text=POD.replace("NAME", "a"))
            await server.until(lambda: server.told)
            for answer, problem in (
                (web.Response(status=500), "the server answered 500 Internal Server Error"),
                (web.Response(body=b"x" * (SIZE_MAX + 1)), "larger than 10 MiB"),
                (web.Response(text="kind: Pod"), "apiVersion"),
            ):
                server.failures.clear()
                server.answer = answer
                await server.until(lambda: server.failures)
                await server.asked_again()
                (told,) = server.failures
                assert problem in told
                assert told.count(server.url) == 1
            assert len(server.told) == 1

    asyncio.run(script())
