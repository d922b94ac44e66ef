"""Manifests behind a URL: asked for from time to time, with what is known already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import aiohttp

from nsrunner.sources.manifests import SIZE_MAX, Manifest, Manifests, read_manifest

__all__ = ["UrlSource"]

log = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds for one request."""


class UrlSource:
    """``changed`` is called with the manifest of the URL: a Pod or a list of them. What cannot be had leaves the pods
    as they are; ``failed`` says why, once for each other reason."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, Sequence[str]],
        seconds: float,
        changed: Callable[[Manifests], None],
        failed: Callable[[str], None],
    ) -> None:
        self._url = url
        self._headers = [(name, value) for name, values in headers.items() for value in values]
        self._seconds = seconds
        self._changed = changed
        self._failed = failed
        self._validators: dict[str, str] = {}
        self._data: bytes | None = None
        self._problem = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT)) as session:
            while True:
                await self._ask(session)
                await asyncio.sleep(self._seconds)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        try:
            data = await self._get(session)
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            self._fail(f"{self._url}: {str(error) or type(error).__name__}")
            return
        if data is None or data == self._data:
            self._problem = ""
            return
        manifest = await asyncio.to_thread(read_manifest, self._url, data)
        if manifest.problem:
            self._fail(manifest.problem)
            return
        self._problem = ""
        self._data = data
        self._changed({self._url: manifest} if data.strip() else {self._url: Manifest(self._url)})

    async def _get(self, session: aiohttp.ClientSession) -> bytes | None:
        """None: it is as it was. Raises ValueError for an answer that is none."""
        headers = [*self._headers, *self._validators.items()]
        async with session.get(self._url, headers=headers) as response:
            if response.status == 304:
                return None
            if response.status != 200:
                raise ValueError(f"the server answered {response.status} {response.reason}")
            parts: list[bytes] = []
            size = 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > SIZE_MAX:
                    raise ValueError(f"larger than {SIZE_MAX >> 20} MiB")
            self._validators = {
                name: value
                for name, value in (
                    ("If-None-Match", response.headers.get("ETag", "")),
                    ("If-Modified-Since", response.headers.get("Last-Modified", "")),
                )
                if value
            }
            return b"".join(parts)

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.warning("%s", problem)
            self._failed(problem)
