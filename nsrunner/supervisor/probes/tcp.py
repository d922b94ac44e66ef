"""tcpSocket probes (pkg/probe/tcp, kubelet-semantics 14.8)."""

from __future__ import annotations

import asyncio

from nsrunner.model.types import AnyContainer, TCPSocketAction
from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.names import literal
from nsrunner.supervisor.probes.outcome import Outcome, failure, success
from nsrunner.supervisor.probes.target import container_port
from nsrunner.supervisor.probes.words import host_port

__all__ = ["probe_tcp"]


async def probe_tcp(network: Network, action: TCPSocketAction, container: AnyContainer, timeout: float) -> Outcome:
    """A connection that comes about is success. Raises ProbeError."""
    port, host = container_port(action.port, container), action.host or network.ip
    try:
        async with asyncio.timeout(timeout):
            connection = await network.dial(host, port)
    except TimeoutError:
        where = f"tcp {host_port(host, port)}" if literal(host) else f"tcp: lookup {host}"
        return failure(f"dial {where}: i/o timeout")
    except DialError as error:
        return failure(str(error))
    connection.close()
    return success()
