"""The acceptance cases of tests/conformance against a real daemon, by nsrunner's own client and by kubectl."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.cases import Case, load_all
from conformance.clients import CommandClient
from conformance.run import run_all
from conformance.watcher import Pace
from kubectls import program
from real_daemon import RealDaemon
from real_daemon import daemon as daemon

pytestmark = pytest.mark.timeout(900)

PACE = Pace(poll=0.5, scale=3, slack=5)
"""For machines that do other things besides."""

NOT_YET = {"configmap-update", "labels-update", "missing-volume", "secret-volume"}
"""Cases that need volumes of a ConfigMap, of a Secret or of the downward API, which are refused today."""

CLIENTS_PART = {"admission", "env", "exec", "logs", "reject", "security", "terminate", "volume"}
"""Categories in which the client has a part: what it sends is refused or taken, and what it shows is looked at. In the
others all clients only wait for the same processes."""


def cases() -> list[Case]:
    """All but those of resources, whose limits are enforced by cgroups alone: what those do is tested elsewhere."""
    found = [case for case in load_all() if case.expect["category"] != "resources" and case.name not in NOT_YET]
    return sorted(found, key=lambda case: -case.expect["timeout"])


@pytest.fixture
def host_paths() -> Iterator[None]:
    """What pods make of the host's directories is removed."""
    yield
    for path in Path("/tmp").glob("nsrunner-case-*"):
        shutil.rmtree(path)


def passed(client: CommandClient, chosen: list[Case]) -> int:
    outcomes = run_all(chosen, client, PACE)
    failed = [f"{outcome}\n  {outcome.last.get('status')}" for outcome in outcomes if outcome.error]
    assert not failed, "\n".join(failed)
    return len(outcomes)


@pytest.mark.usefixtures("host_paths")
def test_nsrunner(daemon: RealDaemon) -> None:
    client = CommandClient([sys.executable, "-m", "nsrunner"], env=daemon.environ)
    assert passed(client, cases()) > 100


@pytest.mark.usefixtures("host_paths")
def test_kubectl(daemon: RealDaemon) -> None:
    daemon.kubectl_program = program("sid")
    chosen = [case for case in cases() if case.expect["category"] in CLIENTS_PART]
    assert passed(CommandClient(daemon.kubectl_command()), chosen) > 50
