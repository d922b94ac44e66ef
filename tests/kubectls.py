"""kubectl in the oldest and the newest version that people have here: Debian 12's and that of Debian's sid.

``from kubectls import kubectl as kubectl`` beside the import of ``daemon``: the fixture gives the daemon its kubectl,
and runs a test once with each. They are downloaded once into build/kubectl/<suite>; removing that folder fetches the
current ones.
"""

from __future__ import annotations

import fcntl
import functools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import debian
from capabilities import Lack
from real_daemon import RealDaemon

FOLDER = Path(__file__).parents[1] / "build/kubectl"
PACKAGES = {"bookworm": "kubernetes-client", "sid": "kubectl"}
"""Per suite the package. bookworm's is 1.20, years older than the API that is served; sid's follows Kubernetes."""

newest = pytest.mark.parametrize("kubectl", ["sid"], indirect=True)
"""For what 1.20 does not know."""


def streams(test: Callable[..., None]) -> Callable[..., None]:
    """Runs a test with each kubectl and each carrier that it has for streams; ``environ(websockets)`` says it which."""
    each = [("bookworm", "false"), ("sid", "false"), ("sid", "true")]
    names = ["bookworm-SPDY", "sid-SPDY", "sid-websocket"]
    test = pytest.mark.parametrize(("kubectl", "websockets"), each, ids=names, indirect=["kubectl"])(test)
    return pytest.mark.usefixtures("kubectl")(test)


def environ(websockets: str) -> dict[str, str]:
    """Variables of kubectl that choose what carries streams."""
    return {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": websockets, "KUBECTL_PORT_FORWARD_WEBSOCKETS": websockets}


def prepare(suite: str, folder: Path) -> Path:
    """Downloads and unpacks the package unless that has been done. Raises CalledProcessError, RuntimeError, OSError."""
    program, done = folder / "tree/usr/bin/kubectl", folder / "done"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            apt = debian.Apt(suite, folder / "apt")
            apt.update()
            package = apt.download(PACKAGES[suite])
            subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "tree")], check=True, timeout=120)
            shutil.rmtree(folder / "apt")
            done.touch()
    return program


@functools.cache
def find(suite: str) -> Path | Lack:
    """The program, which has said its version; or what stood in the way."""
    try:
        program = prepare(suite, FOLDER / suite)
        subprocess.run([program, "version", "--client"], capture_output=True, check=True, timeout=60)
    except (subprocess.SubprocessError, RuntimeError, OSError) as error:
        said = "; ".join([str(error), *getattr(error, "__notes__", ())])
        return Lack(f"{PACKAGES[suite]} of {suite}, from where apt gets its packages: {said}", final=False)
    return program


def program(suite: str) -> Path:
    """The program; skips the test, saying what was probed, when there is none."""
    found = find(suite)
    if isinstance(found, Lack):
        pytest.skip(f"no kubectl: {found.probed}")
    return found


@pytest.fixture(params=PACKAGES)
def kubectl(request: pytest.FixtureRequest, daemon: RealDaemon) -> Path:
    """The daemon's kubectl from now on."""
    daemon.kubectl_program = program(request.param)
    return daemon.kubectl_program
