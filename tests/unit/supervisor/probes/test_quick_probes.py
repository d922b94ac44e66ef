"""A pod's probes without tasks: one event each, none when cancelled; and those that need a task after all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import pytest

from nsrunner.lifecycle import events
from nsrunner.model.types import Container, HTTPGetAction, Pod, PodSpec, Probe
from nsrunner.supervisor.prober import Prober
from nsrunner.supervisor.probes.quick_probes import QuickProbes
from unit.supervisor.probes.servers import HOST, IP, answering, run, serving, silent
from unit.supervisor.test_prober import PROBE, fds, probed


class Posts:
    """A prober of a pod with the host's network, and the events that it posts."""

    def __init__(self, port: int, path: str = "/") -> None:
        probe = Probe(http_get=HTTPGetAction(port=port, path=path), timeout_seconds=10)
        self.container = Container(name="web", liveness_probe=probe)
        self.posted: asyncio.Queue[events.Event] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []
        pod = Pod(spec=PodSpec(containers=(self.container,), host_network=True))
        self.prober = Prober(pod, exec=pytest.fail, record=pytest.fail, post=self.posted.put_nowait, spawn=self.spawn)  # type: ignore[arg-type] # what is not called
        self.prober.sandbox_stands(IP, os.getpid())

    def spawn(self, effect: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(effect))
        return self.tasks[-1]

    def begin(self) -> None:
        assert self.prober.quick(PROBE, self.container)


def test_one_without_a_task() -> None:
    async def script() -> None:
        talk, _ = answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
        )
        before = fds()
        async with serving(talk) as port:
            posts = Posts(port)
            posts.begin()
            assert await posts.posted.get() == probed("Success")
            posts.begin()
            assert await posts.posted.get() == probed("Failure", "HTTP probe failed with statuscode: 404")
            assert not posts.tasks
            posts.prober.end()
            await asyncio.sleep(0.05)
        assert fds() == before

    run(script())


def test_one_that_is_redirected_goes_on_in_a_task() -> None:
    async def script() -> None:
        talk, requests = answering(
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        )
        async with serving(talk) as port:
            posts = Posts(port)
            posts.begin()
            assert await posts.posted.get() == probed("Unknown", "unexpected EOF")
            assert [request.split()[1] for request in requests] == ["/", "/x", "/", "/"]  # three tries
            posts.prober.end()
            await asyncio.gather(*posts.tasks, return_exceptions=True)

    run(script())


def test_those_without_a_task_are_cancelled_and_outlive_the_sandbox() -> None:
    async def script() -> None:
        before = fds()
        async with serving(silent) as port:
            posts = Posts(port)
            for _ in range(2):
                posts.begin()
                posts.prober.cancel(PROBE.id)
            posts.begin()
            posts.prober.sandbox_ends()
            assert fds() > before
            posts.prober.end()
            await asyncio.sleep(0.05)
            assert posts.posted.empty()
        assert fds() == before

    run(script())


def test_those_of_another_kind_need_one() -> None:
    async def script() -> None:
        posts = Posts(80)
        assert not posts.prober.quick(PROBE, Container(name="other"))
        posts.prober.sandbox_ends()
        assert not posts.prober.quick(PROBE, posts.container)

    run(script())


def test_none_that_is_quick_holds_nothing() -> None:
    async def script() -> None:
        before = fds()
        probes = QuickProbes("u", post=pytest.fail, spawn=pytest.fail, again=pytest.fail)  # type: ignore[arg-type] # what is not called
        assert not probes.begin(PROBE, Container(name="web", liveness_probe=Probe()), HOST)
        assert fds() == before

    run(script())
