"""The composition root of the library and of ``run``: one supervisor per event loop and configuration.

It is made when its first pod starts and goes with its last one, so that a program without pods has no task and no
descriptor of ours.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import ClassVar
from weakref import WeakKeyDictionary

from msgspec import Struct

from nsrunner.errors import HostError, NsrunnerError, PrivilegeError
from nsrunner.library.options import RunOptions
from nsrunner.lifecycle.pod import Settings
from nsrunner.sandbox import host
from nsrunner.sandbox.shim import Shims
from nsrunner.sandbox.state import Roots, this_process
from nsrunner.sandbox.sweep import is_needed, sweep
from nsrunner.supervisor.clock import SystemClock
from nsrunner.supervisor.plan import Node
from nsrunner.supervisor.supervisor import Environment, Supervisor

__all__ = ["Engine", "require_root"]

log = logging.getLogger(__name__)


def require_root() -> None:
    """Raises PrivilegeError, before anything is touched."""
    if os.geteuid() != 0:
        raise PrivilegeError("pods need root: they are made of namespaces and mounts (run as root, or with sudo)")


def _check(roots: Roots) -> None:
    """Raises HostError when nothing can be kept where a pod's state goes: a pod would try again and again."""
    for path in (roots.run, roots.state, roots.logs):
        if os.access(f"{path}/.", os.W_OK):  # as it is for each pod but the first
            continue
        try:
            os.makedirs(path, 0o755 if path == roots.logs else 0o700, exist_ok=True)
            problem = "" if os.access(path, os.W_OK) else os.strerror(errno.EROFS)
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            raise HostError(f"{path}: {problem}: pods keep their state there (NSRUNNER_ROOT names another place)")


class _Key(Struct, frozen=True):
    """What makes engines differ."""

    roots: Roots
    address: str
    log_max_size: int
    log_max_files: int
    allowed_unsafe_sysctls: tuple[str, ...]


class Engine:
    """A running supervisor, counted by its users."""

    _engines: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Engine]]] = WeakKeyDictionary()

    def __init__(self, key: _Key) -> None:
        facts = host.gather()
        self.node = Node(
            facts=facts,
            roots=key.roots,
            name=facts.hostname,
            pod_address=key.address,
            log_max_size=key.log_max_size,
            log_max_files=key.log_max_files,
            allowed_unsafe_sysctls=key.allowed_unsafe_sysctls,
        )
        self._shims = Shims(key.roots, spare=True)
        self.supervisor = Supervisor(
            Environment(
                node=self.node,
                owner=this_process(),
                shims=self._shims,
                clock=SystemClock(),
                settings=Settings(host_ips=facts.ips),
            )
        )
        self._key = key
        self._users = 0
        self._ready = asyncio.Event()
        # Bare tasks: the engine serves several pods of the program, none of which can hold its task group. release()
        # awaits both.
        self._task = asyncio.create_task(self.supervisor.run(self._ready), name="nsrunner")
        self._sweep = asyncio.create_task(self._remove_leftovers(), name="nsrunner sweep")

    @classmethod
    async def acquire(cls, options: RunOptions) -> Engine:
        """The engine of the running loop for these options. Raises PrivilegeError, HostError, UsageError."""
        require_root()
        roots = Roots.from_environment({"NSRUNNER_ROOT": options.root} if options.root else None)
        _check(roots)
        sysctls = tuple(options.allowed_unsafe_sysctls)  # callers without types give lists
        key = _Key(roots, options.address, options.log_max_size, options.log_max_files, sysctls)
        engines = cls._engines.setdefault(asyncio.get_running_loop(), {})
        engine = engines.get(key)
        if engine is None:
            engine = engines[key] = cls(key)
        engine._users += 1
        await engine._ready.wait()
        return engine

    async def release(self) -> None:
        """To be called once for each acquire()."""
        self._users -= 1
        if self._users:
            return
        engines = self._engines[asyncio.get_running_loop()]
        del engines[self._key]
        self.supervisor.stop()
        self._shims.close()
        await self._task
        await self._sweep

    async def _remove_leftovers(self) -> None:
        """What dead owners left, beside everything else: it may take long, and nobody waits for it."""
        try:
            if is_needed(self.node.roots):  # a thread costs the start of the pod more than this look
                await asyncio.to_thread(sweep, self.node.roots)
        except (NsrunnerError, OSError) as error:
            log.warning("removing what earlier processes left: %s", error)
