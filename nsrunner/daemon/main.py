"""The daemon from its start to its end: makes the parts, connects them, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

from nsrunner.api.protobuf import decode_body
from nsrunner.api.registry import Registry
from nsrunner.api.resources import served
from nsrunner.api.server.app import application
from nsrunner.api.server.auth import authenticator
from nsrunner.api.server.listen import listening, unix_socket
from nsrunner.api.server.metrics import Metrics
from nsrunner.api.server.pages import pages
from nsrunner.api.server.verbs import Verbs
from nsrunner.api.store import Store
from nsrunner.daemon.config import Config
from nsrunner.daemon.node import KUBERNETES_VERSION, node_object
from nsrunner.daemon.pods import Pods
from nsrunner.daemon.runtime import PodRuntime
from nsrunner.daemon.serving import tls_socket
from nsrunner.daemon.static_pods import StaticPods
from nsrunner.errors import HostError
from nsrunner.lifecycle.pod import Settings
from nsrunner.sandbox import host
from nsrunner.sandbox.shim import Shims
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots, locked
from nsrunner.sandbox.sweep import sweep
from nsrunner.sources.files import DirectorySource
from nsrunner.sources.url import UrlSource
from nsrunner.supervisor.clock import SystemClock
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.recovery import FileJournal
from nsrunner.supervisor.supervisor import Environment, Supervisor

__all__ = ["API_SOCKET", "serve"]

log = logging.getLogger(__name__)

API_SOCKET: Final = "api.sock"
"""In the run directory."""
_HEARTBEAT_SECONDS: Final = 300.0
"""nodeStatusReportFrequency: how often the Node says that it lives when nothing changes."""


async def serve(config: Config, roots: Roots, *, version: str, ready: Callable[[], None]) -> int:
    """Runs until TERM or INT; the pods go on without it. Returns how many. Raises HostError, StoreError."""
    async with AsyncExitStack() as stack:
        _make_directories(roots)
        if not stack.enter_context(locked(roots, "daemon.lock", wait=False)):
            raise HostError(f"{roots.run}: another daemon serves there")
        node = _node(config, roots)
        journal = FileJournal()
        environment = Environment(
            node=node,
            owner=Owner(kind="daemon"),
            shims=Shims(roots),
            clock=SystemClock(),
            settings=Settings(
                host_ips=node.facts.ips,
                max_restart_period=config.crash_loop_back_off.max_container_restart_period,
            ),
            journal=journal,
        )
        store = await Store.open(f"{roots.state}/store.db", wall=time.time)
        stack.push_async_callback(store.close)
        supervisor = Supervisor(environment)
        pods = Pods(environment, supervisor, store, image_fallback=config.image_fallback == "host")
        registry = Registry(store, pods, served(node.name))
        registry.add_built_ins()
        nodes = registry.find("", "v1", "nodes")
        assert nodes is not None
        registry.put(nodes, node_object(node.name, node.facts, version))

        running = asyncio.Event()
        task = asyncio.create_task(supervisor.run(running), name="pods")
        stack.push_async_callback(_end, task)
        stack.callback(pods.let_go)
        await running.wait()
        pods.begin(registry)
        await stack.enter_async_context(_sources(config, pods, registry, node.name))
        leftovers = asyncio.create_task(asyncio.to_thread(sweep, roots), name="leftovers")
        stack.push_async_callback(_end, leftovers)

        metrics = Metrics(registry, PodRuntime(pods).stats, node.name)
        verbs = Verbs(registry, streams={}, protobuf=decode_body, computed={"metrics.k8s.io": metrics.objects})
        problems = partial(_problems, store, journal)
        sockets: list[tuple[socket.socket, ssl.SSLContext | None]] = []
        token = ""
        if config.listen:
            server, context, token = await tls_socket(config, roots)
            sockets.append((server, context))
        app = application(
            verbs,
            authenticate=authenticator(token),
            pages=pages(registry, version=version, git_version=KUBERNETES_VERSION, problems=problems),
        )
        sockets.append((unix_socket(f"{roots.run}/{API_SOCKET}"), None))
        await stack.enter_async_context(listening(app, sockets))
        stopped = _signals()
        ready()
        await stopped.wait()
        return len(supervisor.pods)


@asynccontextmanager
async def _sources(config: Config, pods: Pods, registry: Registry, node: str) -> AsyncIterator[None]:
    """Runs the sources of static pods within the block."""
    names = [name for name, there in (("file", config.static_pod_path), ("http", config.static_pod_url)) if there]
    static = StaticPods(pods, registry, node, sources=names, complete=pods.tidy)
    static.begin()
    async with AsyncExitStack() as stack:
        if config.static_pod_path:
            files = DirectorySource(
                config.static_pod_path, seconds=config.file_check_frequency, changed=partial(static.report, "file")
            )
            stack.push_async_callback(_end, asyncio.create_task(files.run(), name="static pods: files"))
        if config.static_pod_url:
            url = UrlSource(
                config.static_pod_url,
                headers=config.static_pod_url_header,
                seconds=config.http_check_frequency,
                changed=partial(static.report, "http"),
                failed=partial(static.problem, config.static_pod_url),
            )
            stack.push_async_callback(_end, asyncio.create_task(url.run(), name="static pods: URL"))
        yield


async def _end(task: asyncio.Task[Any]) -> None:
    """Lets go of pods, whose shims go on."""
    task.cancel()
    await asyncio.wait([task])


def _signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _make_directories(roots: Roots) -> None:
    for path, mode in ((roots.run, 0o700), (roots.state, 0o700), (roots.logs, 0o755)):
        try:
            os.makedirs(path, mode, exist_ok=True)
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}") from None


def _node(config: Config, roots: Roots) -> Node:
    facts = host.gather()
    return Node(
        facts=facts,
        roots=roots,
        name=config.hostname_override or facts.hostname.lower(),
        pod_address=config.pod_address,
        cluster_dns=config.cluster_dns,
        cluster_domain=config.cluster_domain,
        allowed_unsafe_sysctls=config.allowed_unsafe_sysctls,
        seccomp_default=config.seccomp_default,
        log_max_size=int(config.container_log_max_size.value),
        log_max_files=config.container_log_max_files,
    )


def _problems(store: Store, journal: FileJournal) -> dict[str, str]:
    return {"store": store.problem, "journal": journal.problem}
