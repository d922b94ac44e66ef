"""grpc probes: grpc.health.v1 on the pod's own address (pkg/probe/grpc, kubelet-semantics 14.8)."""

from __future__ import annotations

import asyncio
from typing import Final

from nsrunner.lifecycle.text import go_duration
from nsrunner.model.types import GRPCAction
from nsrunner.supervisor.probes.dial import DialError, Network
from nsrunner.supervisor.probes.grpc_call import Connection, ConnectionLost, StatusError
from nsrunner.supervisor.probes.grpc_messages import SERVING, MessageError, request, serving_status
from nsrunner.supervisor.probes.http_request import user_agent
from nsrunner.supervisor.probes.outcome import Outcome, failure, success
from nsrunner.supervisor.probes.words import go_quote, host_port

__all__ = ["probe_grpc"]

_METHOD: Final = "/grpc.health.v1.Health/Check"
_DELAY: Final = 1.0
_FACTOR: Final = 1.6
"""Between attempts to connect, as grpc-go does it: a server that comes up within the timeout is healthy."""


async def probe_grpc(network: Network, action: GRPCAction, timeout: float) -> Outcome:
    """Whatever keeps the server from saying SERVING is a failure. Raises ProbeError."""
    deadline = asyncio.get_running_loop().time() + timeout
    address, took = host_port(network.ip, action.port), go_duration(timeout)
    connection = None
    try:
        async with asyncio.timeout_at(deadline):
            connection = await _connect(network, action.port, deadline)
            answer = await connection.call(
                _METHOD,
                request(action.service or ""),
                authority=address,
                agent=user_agent("probe"),
                timeout=deadline - asyncio.get_running_loop().time(),
            )
        status = serving_status(answer)
    except TimeoutError:
        if connection is None:
            words = f"timeout: failed to connect service {go_quote(address)} within {took}: context deadline exceeded"
            return failure(words)
        return failure(f"timeout: health rpc did not complete within {took}")
    except StatusError as error:
        return failure(_words(error, took))
    except MessageError as error:
        return failure(_words(StatusError("Internal", str(error)), took))
    finally:
        if connection is not None:
            connection.close()
    return success() if status == SERVING else failure(f"service unhealthy (responded with {go_quote(status)})")


async def _connect(network: Network, port: int, deadline: float) -> Connection:
    """Raises TimeoutError, also when the next attempt would come after the deadline."""
    delay = _DELAY
    while True:
        connection = None
        try:
            connection = Connection(await network.dial(network.ip, port))
            await connection.open()
            return connection
        except (DialError, ConnectionLost):
            if connection is not None:
                connection.close()
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        if asyncio.get_running_loop().time() + delay >= deadline:
            raise TimeoutError
        await asyncio.sleep(delay)
        delay *= _FACTOR


def _words(error: StatusError, took: str) -> str:
    match error.code:
        case "Unimplemented":
            server = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
            return f"error: {server}: {error.message}"
        case "DeadlineExceeded":
            return f"timeout: health rpc did not complete within {took}"
        case _:
            return f"error: health rpc probe failed: {error}"
