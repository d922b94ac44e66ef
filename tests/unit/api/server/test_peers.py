"""Who may ask on the unix socket: tried with children that ask from other namespaces, and as another user."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nsrunner.api.server.auth import authenticator
from unit.api.server.asked import PODS, asked

pytestmark = [pytest.mark.asyncio, pytest.mark.needs_root]

ASK = """
import os, socket, sys
path, target, user = sys.argv[1:]
os.chdir(os.path.dirname(path))
if user != "0":
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
with socket.socket(socket.AF_UNIX) as client:
    client.connect(os.path.basename(path))
    for _ in range(2):
        client.sendall(f"GET {target} HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n".encode())
        print(client.recv(65536).split()[1].decode())
"""


@pytest.mark.parametrize(
    ("before", "user", "code"),
    [
        ([], "0", "200"),
        (["unshare", "--net", "--mount"], "0", "200"),
        (["unshare", "--pid", "--fork"], "0", "401"),
        (["unshare", "--user", "--map-root-user"], "0", "401"),
        ([], "65534", "401"),
    ],
)
async def test_root_of_the_host_alone(tmp_path: Path, before: list[str], user: str, code: str) -> None:
    async with asked(tmp_path, authenticate=authenticator("")) as ask:
        os.chmod(ask.path, 0o777)
        os.chmod(os.path.dirname(ask.path), 0o711)
        command = [*before, sys.executable, "-I", "-c", ASK, ask.path, PODS, user]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert done.stdout.split() == [code, code], done.stderr


async def test_who_cannot_be_looked_at_may_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(fd: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    async with asked(tmp_path, authenticate=authenticator("")) as ask:
        command = [sys.executable, "-I", "-c", ASK, ask.path, PODS, "0"]
        with monkeypatch.context() as patch:
            patch.setattr("nsrunner.api.server.peers.peer_pid", lacking)
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
            assert done.stdout.split() == ["503", "503"], done.stderr
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert done.stdout.split() == ["200", "200"], done.stderr
