"""The plan of one container instance (kubelet-semantics 8): what runs, as whom, with which files in front of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from nsrunner.model.environment import EnvironmentContext, ValueFromError, environment
from nsrunner.model.expansion import expand
from nsrunner.model.places import is_no_file
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import AnyContainer, ConfigMap, Pod, Secret
from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.spec import ContainerSpec, ExecSpec, LogSpec, PodPaths
from nsrunner.supervisor.plan_mounts import plan_mounts
from nsrunner.supervisor.plan_sandbox import all_containers, clamped_oom_score
from nsrunner.supervisor.plan_security import oom_score_adj, plan_security, rlimits
from nsrunner.supervisor.plan_types import ConfigError, ContainerPlan, CreateError, Node, SandboxPlan

__all__ = ["container_id", "plan_container", "plan_exec"]

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME_MAX: Final = 255


def container_id(uid: str, container: str, attempt: int, sandbox_attempt: int) -> str:
    """64 hex digits, the same for the same instance."""
    text = f"{uid}/{container}/{attempt}/{sandbox_attempt}"
    return hashlib.sha256(text.encode(), usedforsecurity=False).hexdigest()


def plan_container(
    pod: Pod,
    name: str,
    node: Node,
    *,
    attempt: int,
    sandbox: SandboxPlan,
    image: ImageRoot,
    config_maps: Mapping[str, ConfigMap] | None = None,
    secrets: Mapping[str, Secret] | None = None,
    target: str = "",
) -> ContainerPlan:
    """The next instance of the container ``name``. ``config_maps`` and ``secrets`` are those of the pod's namespace, by
    name; ``target`` is the id of the container whose PID namespace it joins. Raises ConfigError, CreateError."""
    container = next((one for one in all_containers(pod) if one.name == name), None)
    if container is None:
        raise ConfigError(f"the pod has no container {name}")
    own = _own_environment(pod, container, node, sandbox, config_maps or {}, secrets or {})
    argv = _argv(container, image, own)
    security = plan_security(pod, container, node, image)
    identity = container_id(pod.metadata.uid, name, attempt, sandbox.spec.attempt)
    return ContainerPlan(
        spec=ContainerSpec(
            name=name,
            attempt=attempt,
            id=identity,
            root=replace(image.root, readonly=True) if security.readonly_root else image.root,
            argv=argv,
            env=_environment(container, image, sandbox, own),
            cwd=_absolute(container.working_dir or image.working_dir or "/"),
            mounts=plan_mounts(container, sandbox.spec, own),
            masked_paths=security.masked_paths,
            readonly_paths=security.readonly_paths,
            credentials=security.credentials,
            privileged=security.privileged,
            rlimits=rlimits(node.facts.rlimits),
            oom_score_adj=clamped_oom_score(oom_score_adj(pod, container, node.facts.memory), node.facts),
            tty=container.tty,
            stdin=container.stdin,
            stdin_once=container.stdin_once,
            log=_log(pod, name, attempt, identity, node, sandbox.spec.paths),
            termination_message_path=_message_path(container.termination_message_path),
            target=target,
        ),
        warnings=security.warnings,
    )


def plan_exec(
    identity: str,
    argv: tuple[str, ...],
    *,
    tty: bool = False,
    rows: int = 0,
    columns: int = 0,
    env: tuple[str, ...] = (),
    timeout_ms: int = 0,
    output_limit: int = 0,
    attached: bool = False,
) -> ExecSpec:
    """One more process in the container with this id; ``env`` is added to the container's."""
    return ExecSpec(
        container_id=identity,
        argv=argv,
        tty=tty,
        rows=rows,
        columns=columns,
        env=("TERM=xterm", *env) if tty else env,
        timeout_ms=timeout_ms,
        output_limit=output_limit,
        attached=attached,
    )


# --- program and environment ------------------------------------------------------------------------------------------


def _own_environment(
    pod: Pod,
    container: AnyContainer,
    node: Node,
    sandbox: SandboxPlan,
    config_maps: Mapping[str, ConfigMap],
    secrets: Mapping[str, Secret],
) -> dict[str, str]:
    """What the manifest makes of env and envFrom: the variables that ``$(VAR)`` refers to."""
    if not (container.env or container.env_from):
        return {}
    facts = node.facts
    context = EnvironmentContext(
        config_maps=config_maps,
        secrets=secrets,
        node_name=node.name or facts.hostname,
        host_ips=facts.ips,
        pod_ips=sandbox.pod_ips,
        allocatable={
            "cpu": Quantity(str(facts.cpus)),
            "memory": Quantity(str(facts.memory)),
            "ephemeral-storage": Quantity(str(facts.storage)),
        },
    )
    try:
        variables = environment(pod, container, context)
    except ValueFromError as error:
        raise ConfigError(str(error)) from None
    return dict(variable.split("=", 1) for variable in variables)


def _environment(
    container: AnyContainer, image: ImageRoot, sandbox: SandboxPlan, own: Mapping[str, str]
) -> tuple[str, ...]:
    """What the runtime adds, then the image's, then the container's own: the later ones win."""
    variables = {"PATH": _PATH, "HOSTNAME": sandbox.hostname}
    if container.tty:
        variables["TERM"] = "xterm"
    variables.update((entry.partition("=")[0], entry.partition("=")[2]) for entry in image.env)
    variables.update(own)
    for name, value in variables.items():
        if "\0" in name or "\0" in value:
            raise CreateError(f"environment variable {name!r}: a NUL character cannot be passed to a program")
    return tuple(f"{name}={value}" for name, value in variables.items())


def _argv(container: AnyContainer, image: ImageRoot, own: Mapping[str, str]) -> tuple[str, ...]:
    """``command`` replaces the image's entrypoint and its command, ``args`` alone only the latter."""
    command = tuple(expand(word, own.get) for word in container.command)
    arguments = tuple(expand(word, own.get) for word in container.args)
    if not command:
        command = image.entrypoint
        arguments = arguments or image.command
    argv = command + arguments
    if not argv:
        raise CreateError("no command specified")
    for word in argv:
        if "\0" in word:
            raise CreateError("a NUL character cannot be passed to a program")
    return argv


def _absolute(path: str) -> str:
    if path and not path.startswith("/"):
        raise CreateError(f'"{path}" must be an absolute path')
    return path


def _message_path(path: str) -> str:
    if path and is_no_file(_absolute(path)):
        raise CreateError(f'"{path}" cannot be a file of the container\'s own')
    return path


# --- logs -------------------------------------------------------------------------------------------------------------


def _log(pod: Pod, name: str, attempt: int, identity: str, node: Node, paths: PodPaths) -> LogSpec:
    link = ""
    if paths.log_links:
        base = f"{pod.metadata.name}_{pod.metadata.namespace}_{name}-{identity}"
        link = f"{paths.log_links}/{base[: _NAME_MAX - len('.log')]}.log"
    return LogSpec(
        directory=f"{paths.logs}/{name}",
        file=f"{attempt}.log",
        link=link,
        max_size=node.log_max_size,
        max_files=node.log_max_files,
    )
