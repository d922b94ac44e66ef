"""Commands of probes against a shim that is played (kubelet-semantics 14.8: exec)."""

from __future__ import annotations

import asyncio
import errno

import pytest

from nsrunner.errors import SandboxError
from nsrunner.model.types import Container, EnvVar, EnvVarSource, ExecAction, ObjectFieldSelector
from nsrunner.supervisor.probes.command import probe_exec, run_command
from nsrunner.supervisor.probes.outcome import Outcome, ProbeError, failure, success
from nsrunner.testing import clock
from unit.supervisor.probes.played_shim import PlayedShim, ended

CONTAINER = Container(
    name="web",
    env=(
        EnvVar(name="FILE", value="/tmp/ready"),
        EnvVar(name="NAME", value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path="metadata.name"))),
    ),
)
GONE = SandboxError("talk to the shim", errno.ECONNRESET)


def probe(shim: PlayedShim, *command: str, timeout: float = 1.0) -> Outcome:
    return clock.run(probe_exec(shim.start, ExecAction(command=command or ("check",)), CONTAINER, timeout))


def test_exit_codes() -> None:
    assert probe(ended(0, b"chatter")) == success()
    assert probe(ended(3, b"not \xff\x1b[31myet\n")) == failure("not \ufffd\x1b[31myet\n")
    assert probe(ended(137)) == failure("")


def test_the_command_is_expanded_and_the_shim_knows_the_limit() -> None:
    """kubelet-semantics 33.25: by what the manifest gives literally; what comes from elsewhere is empty."""
    shim = ended(0)
    probe(shim, "test", "-e", "$(FILE)", "$(NAME)", "$(OTHER)", timeout=5.0)
    assert shim.asked == [(("test", "-e", "/tmp/ready", "", "$(OTHER)"), 5.0)]


def test_time_is_up() -> None:
    words = 'command timed out: "sleep \\"60\\"" timed out after 1s'
    assert probe(ended(137, b"partial", timed_out=True), "sleep", '"60"') == failure(words)
    hung = PlayedShim(lasts=None)
    assert probe(hung, "sleep", '"60"') == failure(words)
    assert hung.kills == 1
    slow = PlayedShim(refuses=SandboxError("wait for the process to start", errno.ETIMEDOUT))
    assert probe(slow, "sleep", '"60"') == failure(words)
    later = PlayedShim(SandboxError("wait for the process to start", errno.ETIMEDOUT))
    assert probe(later, "sleep", '"60"') == failure(words)
    assert later.kills == 0


@pytest.mark.parametrize(
    ("shim", "why"),
    [
        (
            PlayedShim(refuses=SandboxError("find executable in PATH", errno.ENOENT, "nope")),
            'unable to start container process: exec: "nope": executable file not found in $PATH',
        ),
        (
            PlayedShim(refuses=SandboxError("exec", errno.EACCES, "/etc/passwd")),
            'unable to start container process: exec: "/etc/passwd": permission denied',
        ),
        (PlayedShim(refuses=SandboxError("find the container", errno.ESRCH)), "container is not running"),
        (PlayedShim(refuses=GONE), "talk to the shim: connection reset by peer"),
        (PlayedShim(GONE), "talk to the shim: connection reset by peer"),
        (ended(126, error="exec: broken"), "exec: broken"),
    ],
)
def test_what_was_not_run_is_the_probers_error(shim: PlayedShim, why: str) -> None:
    with pytest.raises(ProbeError) as caught:
        probe(shim)
    assert str(caught.value) == f"failed to exec in container: {why}"


def test_who_loses_interest_ends_the_command() -> None:
    shim = PlayedShim(lasts=None)

    async def script() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await run_command(shim.start, ("sleep", "infinity"))

    clock.run(script())
    assert (shim.asked, shim.kills) == ([(("sleep", "infinity"), 0.0)], 1)


def test_a_shim_that_is_gone_when_the_command_is_to_be_killed() -> None:
    class Dying(PlayedShim):
        async def kill(self) -> None:
            await super().kill()
            raise GONE

    shim = Dying(lasts=None)
    assert probe(shim).message.startswith("command timed out")
    assert shim.kills == 1
