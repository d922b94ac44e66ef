"""Each failed step has the reason and the words that a kubelet's user knows (kubelet-semantics 8, 28)."""

import errno
import re
from pathlib import Path

import pytest

from nsrunner.errors import SandboxError, UsageError
from nsrunner.lifecycle import commands, events
from nsrunner.sandbox.spec import (
    BindMount,
    ContainerSpec,
    EmptyDir,
    HostPath,
    MemoryDir,
    Namespaces,
    Owner,
    PodPaths,
    RootSpec,
    SandboxSpec,
)
from nsrunner.supervisor import failures
from nsrunner.supervisor.failures import container_failure, exec_failure, failure, sandbox_failure, sentence
from nsrunner.supervisor.plan import ConfigError, CreateError

SANDBOX = SandboxSpec(
    uid="u",
    attempt=0,
    paths=PodPaths(run="/run/u", state="/var/u", logs="/log/u", log_links=""),
    owner=Owner(kind="process", pid=1),
    namespaces=Namespaces(),
    volumes=(
        EmptyDir(name="data"),
        MemoryDir(name="fast", size=1 << 20),
        HostPath(name="sock", path="/run/x.sock", type="Socket"),
    ),
)
CONTAINER = ContainerSpec(
    name="web",
    attempt=0,
    id="0" * 64,
    root=RootSpec(lower="/"),
    argv=("foo",),
    env=(),
    mounts=(BindMount(source="/var/u/v", target="/data", volume="data", sub_path="a/b"),),
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SandboxError("clone", errno.EAGAIN), ("FailedCreatePodSandBox", "clone: resource temporarily unavailable")),
        (
            SandboxError("check hostPath", errno.ENOTSOCK, "/run/x.sock"),
            (
                "FailedMount",
                (
                    'MountVolume.SetUp failed for volume "sock" : '
                    "hostPath type check failed: /run/x.sock is not a socket file"
                ),
            ),
        ),
        (
            SandboxError("check hostPath", errno.EACCES, "/run/x.sock"),
            (
                "FailedMount",
                'MountVolume.SetUp failed for volume "sock" : check hostPath /run/x.sock: permission denied',
            ),
        ),
        (
            SandboxError("make volume", errno.ENOSPC, "/var/u/volumes/kubernetes.io~empty-dir/data"),
            (
                "FailedMount",
                (
                    'MountVolume.SetUp failed for volume "data" : '
                    "make volume /var/u/volumes/kubernetes.io~empty-dir/data: no space left on device"
                ),
            ),
        ),
        (
            SandboxError("make volume", errno.ENOMEM, "fast"),
            ("FailedMount", 'MountVolume.SetUp failed for volume "fast" : mount tmpfs: cannot allocate memory'),
        ),
        (
            SandboxError("make volume", errno.EIO, "/elsewhere"),
            ("FailedMount", "Unable to attach or mount volumes: make volume /elsewhere: input/output error"),
        ),
    ],
)
def test_sandbox(error: SandboxError, expected: tuple[str, str]) -> None:
    assert sandbox_failure(error, SANDBOX) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            SandboxError("find executable in PATH", errno.ENOENT, "foo"),
            (
                "RunContainerError",
                'unable to start container process: exec: "foo": executable file not found in $PATH',
            ),
        ),
        (
            SandboxError("exec", errno.ENOENT, "/foo"),
            (
                "RunContainerError",
                'unable to start container process: exec: "/foo": stat /foo: no such file or directory',
            ),
        ),
        (
            SandboxError("mount /proc", errno.EPERM, "/proc"),
            ("RunContainerError", "unable to start container process: mount /proc: operation not permitted"),
        ),
        (
            SandboxError("resolve subPath", errno.ELOOP, "a/b"),
            (
                "CreateContainerConfigError",
                (
                    'failed to prepare subPath for volumeMount "data" of container "web": '
                    "resolve subPath a/b: too many levels of symbolic links"
                ),
            ),
        ),
        (
            SandboxError("open mount source", errno.ENOENT, "/missing"),
            (
                "CreateContainerError",
                'failed to generate container spec: failed to stat "/missing": no such file or directory',
            ),
        ),
        (
            SandboxError("mount root", errno.EINVAL, "overlay"),
            ("CreateContainerError", "mount root overlay: invalid argument"),
        ),
        (
            SandboxError("set mount propagation", errno.EINVAL, "/srv"),
            (
                "CreateContainerError",
                'failed to generate container spec: path "/srv" is on a mount that is not shared '
                "(mount --make-shared makes it so)",
            ),
        ),
        (
            SandboxError("join the target container", errno.ESRCH),
            ("CreateContainerError", "invalid target container: it is not running"),
        ),
        (
            SandboxError("join the target container", errno.EPERM),
            ("CreateContainerError", "join the target container: operation not permitted"),
        ),
    ],
)
def test_container(error: SandboxError, expected: tuple[str, str]) -> None:
    assert container_failure(error, CONTAINER) == expected


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SandboxError("exec", errno.EACCES, "/foo"), 'exec: "/foo": permission denied'),
        (SandboxError("exec", errno.ENOEXEC, "/foo"), "exec /foo: exec format error"),
        (SandboxError("find executable in PATH", errno.EACCES), 'exec: "prog": permission denied'),
        (
            SandboxError("change to working directory", errno.ENOENT, "/w"),
            'chdir to cwd ("/w") failed: no such file or directory',
        ),
    ],
)
def test_exec(error: SandboxError, message: str) -> None:
    assert exec_failure(error, "prog") == message


def test_a_sentence_has_step_path_errno_and_detail() -> None:
    error = SandboxError("set sysctl", errno.ENOENT, "net.ipv4.x", detail="in the pod's namespace")
    assert sentence(error) == "set sysctl net.ipv4.x: no such file or directory: in the pod's namespace"


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (
            commands.CreateSandbox(id=1, attempt=2),
            events.SandboxFailed(id=1, attempt=2, reason="FailedCreatePodSandBox", message="clone: permission denied"),
        ),
        (commands.StopSandbox(id=1, attempt=2), events.SandboxStopped(id=1, attempt=2)),
        (
            commands.EnsureImage(id=1, container="c"),
            events.ImageFailed(id=1, container="c", reason="ImageInspectError", message="clone: permission denied"),
        ),
        (
            commands.StartContainer(id=1, container="c", attempt=0),
            events.ContainerFailed(
                id=1, container="c", attempt=0, reason="CreateContainerError", message="clone: permission denied"
            ),
        ),
        (
            commands.SignalContainer(id=1, container="c", attempt=0, signal="TERM"),
            events.SignalSent(id=1, container="c", attempt=0, error="clone: permission denied"),
        ),
        (
            commands.RemoveContainer(id=1, container="c", attempt=0),
            events.ContainerRemoved(id=1, container="c", attempt=0),
        ),
        (commands.RemovePod(id=1), events.PodRemoved(id=1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_command_has_a_failure_event(command: commands.AnsweredCommand, event: events.Event) -> None:
    assert failure(command, SandboxError("clone", errno.EACCES), "u") == event


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (ConfigError("configmap not found"), "CreateContainerConfigError", "configmap not found"),
        (CreateError("no command specified"), "CreateContainerError", "no command specified"),
        (UsageError("what"), "CreateContainerError", "what"),
        (KeyError("bug"), "CreateContainerError", "internal error: KeyError('bug')"),
    ],
)
def test_errors_of_plans_and_bugs(error: Exception, reason: str, message: str) -> None:
    event = failure(commands.StartContainer(id=1, container="c", attempt=0), error, "u")
    assert isinstance(event, events.ContainerFailed)
    assert (event.reason, event.message) == (reason, message)


def test_every_step_that_has_a_reason_exists() -> None:
    """A renamed step must not silently become RunContainerError."""
    header = (Path(__file__).parents[3] / "csrc" / "steps.h").read_text()
    steps = set(re.findall(r'X\(\w+, "([^"]+)"\)', header)) | {"talk to the shim", "start container"}
    assert {*failures._REASONS, *failures._MOUNT_STEPS} <= steps
