"""One more connection to a pod's shim for all that clients of the API have going on there.

What was started on a connection ends with it, whatever becomes of this process; and a shim takes few connections.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nsrunner.sandbox.shim import Shim

__all__ = ["Link", "Links"]

_WITHIN: Final = 10.0


class Link:
    """A use of a pod's connection, until it is given back."""

    def __init__(self, links: Links, shared: _Shared, shim: Shim) -> None:
        self.shim = shim
        self._links = links
        self._shared: _Shared | None = shared

    async def close(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            await self._links.release(shared)


class _Shared:
    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir
        self.users = 0
        self.connecting = asyncio.ensure_future(Shim.connect(run_dir, within=_WITHIN))

    @property
    def usable(self) -> bool:
        task = self.connecting
        return not task.done() or (not task.cancelled() and task.exception() is None and not task.result().closed)


class Links:
    """The connections by the pods' run directories."""

    def __init__(self) -> None:
        self._shared: dict[str, _Shared] = {}

    async def open(self, run_dir: str) -> Link:
        """Raises SandboxError when there is no shim."""
        shared = self._shared.get(run_dir)
        if shared is None or not shared.usable:
            shared = self._shared[run_dir] = _Shared(run_dir)
        shared.users += 1
        try:
            return Link(self, shared, await asyncio.shield(shared.connecting))
        except BaseException:
            await self.release(shared)
            raise

    async def release(self, shared: _Shared) -> None:
        """The last user closes the connection."""
        shared.users -= 1
        if shared.users:
            return
        if self._shared.get(shared.run_dir) is shared:
            del self._shared[shared.run_dir]
        task = shared.connecting
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            await task.result().close()
