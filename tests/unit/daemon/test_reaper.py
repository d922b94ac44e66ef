"""Orphans are taken leave of; children that somebody waits for are not taken away from him."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, os, subprocess, sys
from nsrunner.daemon import reaper

async def main():
    it = reaper.Reaper(patience=0.05)
    it.begin()
    orphans = [os.posix_spawnp("true", ["true"], os.environ) for _ in range(5)]
    waited = await asyncio.create_subprocess_exec("sh", "-c", "exit 7")
    print(await waited.wait())
    async with asyncio.timeout(30):
        while reaper._zombies() or any(os.path.exists(f"/proc/{pid}") for pid in orphans):
            await asyncio.sleep(0.01)
    late = os.posix_spawnp("true", ["true"], os.environ)
    async with asyncio.timeout(30):
        while os.path.exists(f"/proc/{late}"):
            await asyncio.sleep(0.01)
    it.close()
    print("none left")

asyncio.run(main())
"""


def test_reaping() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=90)
    assert (done.stdout, done.stderr) == ("7\nnone left\n", "")
