"""What the API accepts and the node would refuse, or could not start: the second class of ``nsrunner validate``.

Running such a pod is not an error of the command: it ends as it would on a cluster, in the reason that is named here.
Probes and hooks that can never succeed are told of too, although the pod runs. Only what the manifest itself shows is
found; what depends on the host (a hostPath that is missing, a seccomp profile that does not exist) shows when the pod
runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from nsrunner.model.capabilities import is_capability
from nsrunner.model.environment import EnvironmentContext, ValueFromError, environment, expand_sub_path
from nsrunner.model.images import image_problem, is_local
from nsrunner.model.path import ROOT, Path
from nsrunner.model.places import clean, is_in_proc, is_no_file
from nsrunner.model.report import quoted
from nsrunner.model.sysctls import is_allowed, with_dots
from nsrunner.model.types import AnyContainer, LifecycleHandler, Pod, Probe, VolumeMount

__all__ = ["WouldFail", "would_fail"]

_CREATE: Final = "CreateContainerError"
_CONFIG: Final = "CreateContainerConfigError"
_LONGEST_STRING: Final = 131_071
"""Bytes of one argument or variable, with its name, that execve(2) takes (MAX_ARG_STRLEN, without the NUL)."""
_LONGEST_HOSTNAME: Final = 64
"""Bytes of the kernel's host name (__NEW_UTS_LEN)."""
_MEDIA: Final = ("", "Memory")


class WouldFail(Struct, frozen=True):
    """Why a valid pod would not run."""

    field: str
    """Path, as in a FieldError."""
    reason: str
    """What the pod or the container ends in: a status reason, or the reason of the event that repeats."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}: {self.message}"


def would_fail(
    pod: Pod,
    context: EnvironmentContext | None = None,
    *,
    cluster_domain: str = "cluster.local",
    allowed_unsafe_sysctls: Collection[str] = (),
) -> tuple[WouldFail, ...]:
    """Everything in a valid, defaulted pod for which a node would refuse it or could not start a container.

    With a ``context``, references to ConfigMaps and Secrets are looked up in it; without, they are taken to exist.
    ``cluster_domain`` and ``allowed_unsafe_sysctls`` (names, or prefixes ending in ``*``) are the node's.
    """
    spec = ROOT / "spec"
    found = [*_admission(pod, spec, allowed_unsafe_sysctls), *_sandbox(pod, spec, cluster_domain)]
    for field, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            found += _container(pod, container, (spec / field)[index], context)
    return tuple(found)


# --- the pod ----------------------------------------------------------------------------------------------------------


def _admission(pod: Pod, path: Path, allowed_unsafe_sysctls: Collection[str]) -> Iterator[WouldFail]:
    """Why the node would reject the pod: it fails at once and is never started."""
    if pod.spec.os is not None and pod.spec.os.name != "linux":
        message = "Failed to admit pod as the OS field doesn't match node OS"
        yield WouldFail(str(path / "os" / "name"), "PodOSNotSupported", message)
    wanted = pod.spec.node_selector.get("kubernetes.io/os", "linux")
    if wanted != "linux":
        message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        here = (path / "nodeSelector")["kubernetes.io/os"]
        yield WouldFail(str(here), "PodOSSelectorNodeLabelDoesNotMatch", message)
    if pod.spec.security_context is None:
        return
    for index, sysctl in enumerate(pod.spec.security_context.sysctls):
        here = (path / "securityContext" / "sysctls")[index]
        name = with_dots(sysctl.name)
        if not is_allowed(name, allowed_unsafe_sysctls):
            yield WouldFail(str(here / "name"), "SysctlForbidden", f"forbidden sysctl: {quoted(name)} not allowlisted")
        if _has_control(sysctl.value):
            message = f"value {quoted(sysctl.value)} has control characters"
            yield WouldFail(str(here / "value"), "FailedCreatePodSandBox", message)


def _sandbox(pod: Pod, path: Path, cluster_domain: str) -> Iterator[WouldFail]:
    """Why the pod would wait in ContainerCreating for ever."""
    yield from _host_name(pod, path, cluster_domain)
    config = pod.spec.dns_config
    for index, option in enumerate(config.options if config is not None else ()):
        for field, text in (("name", option.name), ("value", option.value)):
            # Such text would become further lines or options of resolv.conf.
            if text and (_has_control(text) or " " in text):
                here = (path / "dnsConfig" / "options")[index] / field
                message = f"{quoted(text)} has blanks or control characters"
                yield WouldFail(str(here), "FailedCreatePodSandBox", message)
    for index, volume in enumerate(pod.spec.volumes):
        here = (path / "volumes")[index]
        if volume.host_path is not None:
            source = volume.host_path.path
            if not source.startswith("/"):
                message = f"hostPath {quoted(source)} must be absolute"
                yield WouldFail(str(here / "hostPath" / "path"), "FailedMount", message)
            elif "\0" in source:
                message = f"hostPath {quoted(source)} has a NUL character"
                yield WouldFail(str(here / "hostPath" / "path"), "FailedMount", message)
        if volume.empty_dir is not None and (medium := volume.empty_dir.medium or "") not in _MEDIA:
            message = f"unknown storage medium {quoted(medium)}"
            yield WouldFail(str(here / "emptyDir" / "medium"), "FailedMount", message)


def _host_name(pod: Pod, path: Path, cluster_domain: str) -> Iterator[WouldFail]:
    spec = pod.spec
    if not (spec.set_hostname_as_fqdn and spec.subdomain) or spec.host_network or spec.hostname_override:
        return
    hostname = (spec.hostname or pod.metadata.name)[:63].rstrip("-.")
    full = f"{hostname}.{spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}".rstrip(".")
    if len(full) > _LONGEST_HOSTNAME:
        message = (
            f"FQDN {full} is too long ({_LONGEST_HOSTNAME} characters is the max, {len(full)} characters requested)"
        )
        yield WouldFail(str(path / "setHostnameAsFQDN"), "FailedCreatePodSandBox", message)


# --- a container ------------------------------------------------------------------------------------------------------


def _container(
    pod: Pod, container: AnyContainer, path: Path, context: EnvironmentContext | None
) -> Iterator[WouldFail]:
    yield from _image(container, path)
    yield from _user(pod, container, path)
    yield from _capabilities(container, path / "securityContext" / "capabilities")
    yield from _strings(container, path)
    yield from _mounts(container, path / "volumeMounts")
    yield from _environment(pod, container, path, context)
    yield from _probes(container, path)
    yield from _hooks(container, path / "lifecycle")


def _image(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    """What can be no image. Whether one is there depends on the host."""
    problem = image_problem(container.image)
    if problem and is_local(container.image):
        yield WouldFail(str(path / "image"), "ErrImagePull", f"image {container.image}: {problem}")
    elif problem:
        message = (
            f"Failed to apply default image tag {quoted(container.image)}: couldn't parse image name "
            f"{quoted(container.image)}: {problem}"
        )
        yield WouldFail(str(path / "image"), "InvalidImageName", message)
    if is_local(container.image) and not container.command and not container.args:
        yield WouldFail(str(path / "command"), _CREATE, "no command specified")


def _user(pod: Pod, container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    own, shared = container.security_context, pod.spec.security_context
    non_root = own.run_as_non_root if own is not None else None
    user = own.run_as_user if own is not None else None
    if shared is not None:
        non_root = shared.run_as_non_root if non_root is None else non_root
        user = shared.run_as_user if user is None else user
    if not non_root:
        return
    who = f'(pod: "{pod.metadata.name}_{pod.metadata.namespace}", container: {container.name})'
    if user == 0:
        message = f"container's runAsUser breaks non-root policy {who}"
        yield WouldFail(str(path / "securityContext" / "runAsNonRoot"), _CONFIG, message)
    elif user is None and is_local(container.image):
        message = f"container has runAsNonRoot and image will run as root {who}"
        yield WouldFail(str(path / "securityContext" / "runAsNonRoot"), _CONFIG, message)


def _capabilities(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    context = container.security_context
    if context is None or context.capabilities is None:
        return
    for field, names in (("add", context.capabilities.add), ("drop", context.capabilities.drop)):
        for index, name in enumerate(names):
            if not is_capability(name):
                yield WouldFail(str((path / field)[index]), _CREATE, f"unknown capability {quoted(name)}")


def _strings(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    """What execve(2) and chdir(2) cannot be given."""
    paths = [
        (path / "workingDir", container.working_dir or ""),
        (path / "terminationMessagePath", container.termination_message_path),
    ]
    for here, text in paths:
        if text and not text.startswith("/"):
            yield WouldFail(str(here), _CREATE, f"{quoted(text)} must be an absolute path")
    message_path = container.termination_message_path
    if message_path.startswith("/") and is_no_file(message_path):
        message = f"{quoted(message_path)} cannot be a file of the container's own"
        yield WouldFail(str(path / "terminationMessagePath"), _CREATE, message)
    texts = [((path / "command")[index], text) for index, text in enumerate(container.command)]
    texts += [((path / "args")[index], text) for index, text in enumerate(container.args)]
    texts += [
        ((path / "env")[index] / "value", f"{item.name}={item.value}") for index, item in enumerate(container.env)
    ]
    for here, text in paths + texts:
        if "\0" in text:
            yield WouldFail(str(here), _CREATE, "a NUL character cannot be passed to a program")
        elif len(text.encode()) > _LONGEST_STRING:
            message = f"longer than {_LONGEST_STRING} bytes: argument list too long"
            yield WouldFail(str(here), "RunContainerError", message)


def _mounts(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    targets: dict[str, str] = {}
    for index, mount in enumerate(container.volume_mounts):
        here = path[index] / "mountPath"
        target = clean(mount.mount_path)
        problem = _target_problem(mount, target)
        if not problem and target in targets:
            problem = f"{quoted(mount.mount_path)} is the same place as {quoted(targets[target])}"
        targets.setdefault(target, mount.mount_path)
        if problem:
            yield WouldFail(str(here), _CREATE, problem)
        for field, text in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if text and "\0" in text:
                yield WouldFail(str(path[index] / field), _CONFIG, f"{quoted(text)} has a NUL character")


def _target_problem(mount: VolumeMount, target: str) -> str:
    text = quoted(mount.mount_path)
    if not mount.mount_path.startswith("/"):
        return f"{text} must be an absolute path"
    if "\0" in mount.mount_path:
        return f"{text} has a NUL character"
    if ".." in mount.mount_path.split("/"):
        return f"{text} must not contain '..'"
    if target == "/":
        return f"{text} would hide the container's root file system"
    if is_in_proc(target):
        return f"{text} is inside of /proc, which belongs to the kernel"
    return ""


def _environment(
    pod: Pod, container: AnyContainer, path: Path, context: EnvironmentContext | None
) -> Iterator[WouldFail]:
    """References that lead nowhere, and what subPathExpr makes of the variables."""
    if context is None:
        if container.env_from or any(variable.value_from is not None for variable in container.env):
            return
        context = EnvironmentContext()
    try:
        variables = dict(entry.split("=", 1) for entry in environment(pod, container, context))
    except ValueFromError as error:
        yield WouldFail(str(path / "env"), _CONFIG, str(error))
        return
    for index, mount in enumerate(container.volume_mounts):
        if mount.sub_path_expr is None:
            continue
        here = (path / "volumeMounts")[index] / "subPathExpr"
        try:
            expanded = expand_sub_path(mount.sub_path_expr, variables)
        except ValueFromError as error:
            yield WouldFail(str(here), _CONFIG, str(error))
            continue
        if expanded.startswith("/"):
            yield WouldFail(str(here), _CONFIG, f"{quoted(expanded)} must be a relative path")
        elif ".." in expanded.split("/"):
            yield WouldFail(str(here), _CONFIG, f"{quoted(expanded)} must not contain '..'")


# --- its probes and hooks ---------------------------------------------------------------------------------------------


def _probes(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    """Probes that cannot be made: they neither succeed nor fail, ever."""
    for field, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            for here, problem in _unknown_ports(container, probe, path / field):
                yield WouldFail(str(here), "Unhealthy", f"{problem}; the probe can never be made")


def _hooks(container: AnyContainer, path: Path) -> Iterator[WouldFail]:
    """Hooks that always fail. The container is killed for postStart, and stops without what preStop was for."""
    lifecycle = container.lifecycle
    if lifecycle is None:
        return
    for field, hook, reason in (
        ("postStart", lifecycle.post_start, "PostStartHookError"),
        ("preStop", lifecycle.pre_stop, "FailedPreStopHook"),
    ):
        if hook is None:
            continue
        if hook.tcp_socket is not None:
            yield WouldFail(str(path / field / "tcpSocket"), reason, "a hook by tcpSocket is accepted and always fails")
        else:
            for here, problem in _unknown_ports(container, hook, path / field):
                yield WouldFail(str(here), reason, problem)


def _unknown_ports(
    container: AnyContainer, handler: Probe | LifecycleHandler, path: Path
) -> Iterator[tuple[Path, str]]:
    for field, action in (("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket)):
        if action is not None and isinstance(action.port, str):
            name = action.port
            if all(port.name != name for port in container.ports):
                yield path / field / "port", f"the container has no port {quoted(name)}"


def _has_control(text: str) -> bool:
    return any(char < " " or char == "\x7f" for char in text)
