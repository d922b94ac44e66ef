"""One lifecycle hook, whatever its kind (pkg/kubelet/lifecycle/handlers.go, kubelet-semantics 15).

None has a time limit here: the machine cancels a preStop hook whose grace is over, and the end of the container ends
whatever of the hook runs in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nsrunner.errors import SandboxError
from nsrunner.lifecycle.commands import HookName
from nsrunner.model.types import AnyContainer, ExecAction, LifecycleHandler, Pod
from nsrunner.supervisor.probes.command import Start, run_command, why_not
from nsrunner.supervisor.probes.dial import Network
from nsrunner.supervisor.probes.outcome import ProbeError
from nsrunner.supervisor.probes.words import go_list, go_quote

__all__ = ["hook_of", "run_hook"]


def hook_of(container: AnyContainer, name: HookName) -> LifecycleHandler:
    """As the container's spec has it; one that does nothing when there is none."""
    lifecycle = container.lifecycle
    handler = None
    if lifecycle is not None:
        handler = lifecycle.post_start if name == "PostStart" else lifecycle.pre_stop
    return handler or LifecycleHandler()


async def run_hook(
    handler: LifecycleHandler,
    container: AnyContainer,
    pod: Pod,
    *,
    network: Network | None,
    start: Start,
    warn: Callable[[str], None],
) -> str:
    """Why it failed, in the words of ``waiting.message``; empty: it succeeded. ``warn``: the event
    LifecycleHTTPFallback."""
    meta = pod.metadata
    whose = f'for Container "{container.name}" in Pod "{meta.name}_{meta.namespace}({meta.uid})" failed - error:'
    if handler.exec is not None:
        return await _exec(handler.exec, start, f"Exec lifecycle hook ({go_list(handler.exec.command)}) {whose}")
    if handler.http_get is not None:
        from nsrunner.supervisor.hooks.http import hook_http
        from nsrunner.supervisor.probes.http_get import GetError

        try:
            if network is None:
                raise ProbeError("the pod has no sandbox")
            await hook_http(network, handler.http_get, container, warn)
        except (GetError, ProbeError) as error:
            return f"HTTP lifecycle hook ({handler.http_get.path}) {whose} {error}"
        return ""
    if handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
        return ""
    kind = "tcpSocket handlers cannot be run" if handler.tcp_socket is not None else "it has no action"
    return f"Cannot run handler: invalid handler: {kind}"


async def _exec(action: ExecAction, start: Start, failed: str) -> str:
    try:
        result = await run_command(start, action.command)
    except SandboxError as error:
        return f'{failed} {why_not(error, action.command)}, message: ""'
    if result.exit_code == 0 and not result.error:
        return ""
    output = result.output.decode(errors="replace")
    reason = f"command '{' '.join(action.command)}' exited with {result.exit_code}: {output}"
    return f"{failed} {result.error or reason}, message: {go_quote(output)}"
