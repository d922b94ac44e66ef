"""The daemon from its start to its end: makes the parts, connects them, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from nsrunner.api.protobuf import decode_body
from nsrunner.api.registry import Registry
from nsrunner.api.resources import served
from nsrunner.api.server.accounts import ServiceAccounts
from nsrunner.api.server.app import application
from nsrunner.api.server.auth import authenticator
from nsrunner.api.server.listen import listening
from nsrunner.api.server.metrics import Metrics as Usage
from nsrunner.api.server.pages import pages
from nsrunner.api.server.verbs import Verbs
from nsrunner.api.store import Store
from nsrunner.api.streams.serving import streams
from nsrunner.api.tokens import Tokens
from nsrunner.daemon import process
from nsrunner.daemon.accidents import Reporter
from nsrunner.daemon.config import Config
from nsrunner.daemon.ending import drain, machine_goes_down, shut_down
from nsrunner.daemon.events import node_warning
from nsrunner.daemon.instance import only_instance
from nsrunner.daemon.metrics import Metrics
from nsrunner.daemon.node import KUBERNETES_VERSION, NodeStatus, node_object, pressure
from nsrunner.daemon.notify import Notifier, inherited_sockets
from nsrunner.daemon.pods import Pods
from nsrunner.daemon.reaper import Reaper
from nsrunner.daemon.runtime import PodRuntime
from nsrunner.daemon.serving import api_sockets, token_key
from nsrunner.daemon.static_pods import StaticPods
from nsrunner.errors import HostError
from nsrunner.lifecycle.pod import Settings
from nsrunner.sandbox import host
from nsrunner.sandbox.shim import Shims
from nsrunner.sandbox.spec import Owner
from nsrunner.sandbox.state import Roots
from nsrunner.sandbox.sweep import sweep
from nsrunner.sources.files import DirectorySource
from nsrunner.sources.url import UrlSource
from nsrunner.supervisor.clock import SystemClock
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.recovery import FileJournal
from nsrunner.supervisor.supervisor import Environment, Supervisor

__all__ = ["Outcome", "serve"]

log = logging.getLogger(__name__)

_LAST_SECONDS = 30
"""What the service manager is told that the end takes beyond the pods' grace periods."""

_MEANING: Final = {
    "JournalNotWritable": "what the pods do cannot be written down",
    "StoreNotWritable": "what the API is told cannot be stored",
}

Reason: TypeAlias = Literal["stop", "drain"]


class Outcome(Struct, frozen=True):
    """How the daemon ended."""

    left: int
    """Pods that go on without it."""
    how: Literal["stopped", "drained", "shutdown"]


async def serve(
    config: Config, roots: Roots, *, version: str, ready: Callable[[], None], draining: bool = False
) -> Outcome:
    """Runs until TERM or INT, and leaves the pods; until USR1, or with ``draining`` at once, and ends them. Raises
    HostError, StoreError."""
    notifier, inherited = Notifier.from_environment(), inherited_sockets()
    asyncio.get_running_loop().set_exception_handler(Reporter())
    for problem in process.settle():
        log.warning("%s", problem)
    async with AsyncExitStack() as stack:
        _make_directories(roots)
        stack.enter_context(only_instance(roots))
        if process.prctl() is not None:
            reaper = Reaper()
            reaper.begin()
            stack.callback(reaper.close)
        node = _node(config, roots)
        journal = FileJournal(told=lambda problem: tell("JournalNotWritable", problem))
        environment = _environment(config, node, roots, journal)
        store = await Store.open(
            f"{roots.state}/store.db", wall=time.time, told=lambda problem: tell("StoreNotWritable", problem)
        )
        stack.push_async_callback(store.close)
        supervisor = Supervisor(environment)
        pods = Pods(environment, supervisor, store, image_fallback=config.image_fallback == "host")
        metrics = Metrics(supervisor.pods, node=node.name, git_version=KUBERNETES_VERSION)
        pods.observer = metrics
        pods.when_removed(metrics.removed)
        registry = Registry(store, pods, served(node.name))
        registry.add_built_ins()

        def tell(reason: str, problem: str) -> None:
            if problem:
                log.error("%s: %s", _MEANING[reason], problem)
                registry.put_event(node_warning(node.name, reason, f"{_MEANING[reason]}: {problem}"))
            else:
                log.info("no more: %s", _MEANING[reason])
            status.update()

        problems = partial(_problems, store, journal)
        status = NodeStatus(
            registry,
            node_object(node.name, node.facts, version),
            problems=problems,
            look=partial(pressure, roots.state),
            report_seconds=config.node_status_report_frequency,
        )
        status.register()
        end = _signals()
        if draining:
            end.set_result("drain")

        running = asyncio.Event()
        task = asyncio.create_task(supervisor.run(running), name="pods")
        stack.push_async_callback(_end, task)
        stack.callback(pods.let_go)
        await running.wait()
        pods.begin(registry)
        await pods.taken_over()
        static = None
        if not draining:
            static = await stack.enter_async_context(_sources(config, pods, registry, node.name))
        for name, work in (
            ("node", status.run(config.node_status_update_frequency)),
            ("leftovers", asyncio.to_thread(sweep, roots)),
        ):
            stack.push_async_callback(_end, asyncio.create_task(work, name=name))

        accounts = ServiceAccounts(registry, Tokens(token_key(roots), now=time.time), protobuf=decode_body)
        sockets, token = await api_sockets(config, roots, inherited)
        runtime = PodRuntime(pods, roots)
        usage = Usage(registry, runtime.stats, node.name)
        app = application(
            Verbs(
                registry,
                streams={**streams(runtime), "token": accounts.serve},
                protobuf=decode_body,
                computed={"metrics.k8s.io": usage.objects},
            ),
            authenticate=authenticator(token, accounts.user),
            pages=pages(
                registry,
                version=version,
                git_version=KUBERNETES_VERSION,
                problems=problems,
                metrics={"/metrics": metrics.page, "/metrics/probes": metrics.probes},
            ),
            access=config.service_account_access,  # type: ignore[arg-type] # one of the three, as its check has found
            count=metrics.requested,
        )
        await stack.enter_async_context(listening(app, sockets))
        notifier.tell(READY=1, STATUS=f"{len(supervisor.pods)} pods", MAINPID=os.getpid())
        notifier.keep_alive()
        stack.callback(notifier.close)
        ready()
        reason = await end
        notifier.tell(STOPPING=1)
        if static is not None:
            static.end()
        if reason == "drain":
            log.info("draining: %d pods", len(supervisor.pods))
            notifier.tell(STATUS=f"ending {len(supervisor.pods)} pods")
            await _unless_told_again(drain(pods, registry))
            return Outcome(len(supervisor.pods), "drained")
        if await machine_goes_down(config):
            seconds = config.shutdown_grace_period + _LAST_SECONDS
            notifier.tell(STATUS="the machine goes down: ending pods", EXTEND_TIMEOUT_USEC=int(seconds * 1e6))
            status.leave("node is shutting down")
            await _unless_told_again(shut_down(pods, config))
            return Outcome(len(supervisor.pods), "shutdown")
        return Outcome(len(supervisor.pods), "stopped")


@asynccontextmanager
async def _sources(config: Config, pods: Pods, registry: Registry, node: str) -> AsyncIterator[StaticPods]:
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
        yield static


async def _end(task: asyncio.Task[Any]) -> None:
    """Lets go of pods, whose shims go on."""
    task.cancel()
    await asyncio.wait([task])


def _signals() -> asyncio.Future[Reason]:
    """Done with what the first signal asks for, from now on."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[Reason] = loop.create_future()

    def told(reason: Reason) -> None:
        if not end.done():
            end.set_result(reason)

    loop.add_signal_handler(signal.SIGTERM, told, "stop")
    loop.add_signal_handler(signal.SIGINT, told, "stop")
    loop.add_signal_handler(signal.SIGUSR1, told, "drain")
    return end


async def _unless_told_again(work: Any) -> None:
    """Whoever does not want to wait for the pods' ends sends another TERM or INT: the pods that still run go on."""
    again = _signals()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)  # that is what is being done
    task = asyncio.ensure_future(work)
    await asyncio.wait([task, again], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    else:
        await _end(task)


def _make_directories(roots: Roots) -> None:
    for path, mode in ((roots.run, 0o700), (roots.state, 0o700), (roots.logs, 0o755)):
        try:
            os.makedirs(path, mode, exist_ok=True)
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}") from None


def _environment(config: Config, node: Node, roots: Roots, journal: FileJournal) -> Environment:
    return Environment(
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
