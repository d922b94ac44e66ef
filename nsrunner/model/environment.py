"""A container's environment variables (kubelet-semantics 20; the kubelet's ``makeEnvironmentVariables``).

Values come from the pod, from ConfigMaps and Secrets, and from the node; all of them are arguments, so that the result
is a pure function. What the runtime and the image add (PATH, HOSTNAME, the image's own variables) is not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from nsrunner.errors import NsrunnerError
from nsrunner.model.expansion import expand
from nsrunner.model.field_path import split_subscript
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import (
    AnyContainer,
    ConfigMap,
    EnvFromSource,
    EnvVarSource,
    Pod,
    ResourceFieldSelector,
    Secret,
)

__all__ = ["EnvironmentContext", "ValueFromError", "environment", "expand_sub_path", "resource_value"]


class ValueFromError(NsrunnerError):
    """A variable's value cannot be had; the container waits in CreateContainerConfigError with this text."""


class EnvironmentContext(Struct, frozen=True, kw_only=True):
    """What the values may refer to, outside the pod's own metadata and spec."""

    config_maps: Mapping[str, ConfigMap] = {}
    """Those of the pod's namespace, by name."""
    secrets: Mapping[str, Secret] = {}
    """Those of the pod's namespace, by name."""
    node_name: str = ""
    """For spec.nodeName when the manifest does not give one."""
    host_ips: tuple[str, ...] = ()
    pod_ips: tuple[str, ...] = ()
    allocatable: Mapping[str, Quantity] = {}
    """Of the node: what ``limits.cpu`` and ``limits.memory`` show when there is no limit."""
    services: Mapping[str, str] = {}
    """Service variables, by name. They give way to the container's own."""


def environment(pod: Pod, container: AnyContainer, context: EnvironmentContext) -> tuple[str, ...]:
    """``NAME=value`` for each variable, in the order of their first appearance; a name occurs once.

    Raises ValueFromError when a value cannot be had. Expects defaults to be applied.
    """
    result: dict[str, str] = {}
    for source in container.env_from:
        _add_all(result, source, pod, context)
    for variable in container.env:
        value: str | None
        if variable.value_from is None:
            value = expand(variable.value, lambda name: result.get(name, context.services.get(name)))
        else:
            value = _value_from(variable.value_from, pod, container, context)
        if value is not None:
            result[variable.name] = value
    for name, value in context.services.items():
        result.setdefault(name, value)
    return tuple(f"{name}={value}" for name, value in result.items())


def expand_sub_path(expression: str, variables: Mapping[str, str]) -> str:
    """What ``subPathExpr`` means with a container's variables. Raises ValueFromError for one that is unset or empty."""

    def lookup(name: str) -> str:
        value = variables.get(name)
        if not value:
            raise ValueFromError(f'missing value for "{name}"')
        return value

    return expand(expression, lookup)


def _add_all(result: dict[str, str], source: EnvFromSource, pod: Pod, context: EnvironmentContext) -> None:
    if source.config_map_ref is not None:
        config_map = context.config_maps.get(source.config_map_ref.name)
        if config_map is not None:
            result.update((source.prefix + key, value) for key, value in config_map.data.items())
        elif not source.config_map_ref.optional:
            raise ValueFromError(_not_found("configmaps", source.config_map_ref.name))
    if source.secret_ref is not None:
        secret = context.secrets.get(source.secret_ref.name)
        if secret is not None:
            result.update((source.prefix + key, _text(value)) for key, value in secret.data.items())
        elif not source.secret_ref.optional:
            raise ValueFromError(_not_found("secrets", source.secret_ref.name))


def _value_from(source: EnvVarSource, pod: Pod, container: AnyContainer, context: EnvironmentContext) -> str | None:
    """None: the source is optional and absent, so the variable keeps what it had."""
    if source.field_ref is not None:
        return _field_value(source.field_ref.field_path, pod, context)
    if source.resource_field_ref is not None:
        return str(resource_value(source.resource_field_ref, pod, container, context.allocatable))
    if (key_ref := source.config_map_key_ref) is not None:
        config_map = context.config_maps.get(key_ref.name)
        if config_map is None:
            problem = _not_found("configmaps", key_ref.name)
        elif key_ref.key in config_map.data:
            return config_map.data[key_ref.key]
        else:
            problem = _no_key(key_ref.key, "ConfigMap", pod, key_ref.name)
        optional = key_ref.optional
    elif (secret_ref := source.secret_key_ref) is not None:
        secret = context.secrets.get(secret_ref.name)
        if secret is None:
            problem = _not_found("secrets", secret_ref.name)
        elif secret_ref.key in secret.data:
            return _text(secret.data[secret_ref.key])
        else:
            problem = _no_key(secret_ref.key, "Secret", pod, secret_ref.name)
        optional = secret_ref.optional
    else:
        raise ValueFromError("environment variables from files are not supported yet")
    if optional:
        return None
    raise ValueFromError(problem)


def _no_key(key: str, kind: str, pod: Pod, name: str) -> str:
    return f"couldn't find key {key} in {kind} {pod.metadata.namespace}/{name}"


def _not_found(kind: str, name: str) -> str:
    return f'{kind} "{name}" not found'


def _text(value: bytes) -> str:
    """Bytes of a secret as an environment string; what is not UTF-8 survives as it does in file names (PEP 383)."""
    return value.decode("utf-8", "surrogateescape")


def _field_value(path: str, pod: Pod, context: EnvironmentContext) -> str:
    base, key = split_subscript(path)
    match base:
        case "metadata.labels" if key is not None:
            return pod.metadata.labels.get(key, "")
        case "metadata.annotations" if key is not None:
            return pod.metadata.annotations.get(key, "")
        case "metadata.name":
            return pod.metadata.name
        case "metadata.namespace":
            return pod.metadata.namespace
        case "metadata.uid":
            return pod.metadata.uid
        case "spec.nodeName":
            return pod.spec.node_name or context.node_name
        case "spec.serviceAccountName":
            return pod.spec.service_account_name or ""
        case "status.hostIP":
            return next(iter(context.host_ips), "")
        case "status.hostIPs":
            return ",".join(context.host_ips)
        case "status.podIP":
            return next(iter(context.pod_ips), "")
        case "status.podIPs":
            return ",".join(context.pod_ips)
        case _:
            raise ValueFromError(f"unsupported fieldPath: {path}")


def resource_value(
    ref: ResourceFieldSelector, pod: Pod, container: AnyContainer, allocatable: Mapping[str, Quantity]
) -> int:
    """``limits.cpu`` and its kin, as a whole number of divisors, rounded up.

    An unset limit is the pod's, else what the node could give (``allocatable``, 0 when that is unknown); an unset
    request is 0. Raises ValueFromError when the reference names a container that does not exist.
    """
    target: AnyContainer = container
    if ref.container_name and ref.container_name != container.name:
        everyone = (*pod.spec.containers, *pod.spec.init_containers)
        found = next((other for other in everyone if other.name == ref.container_name), None)
        if found is None:
            raise ValueFromError(f"container {ref.container_name} not found")
        target = found
    which, _, name = ref.resource.partition(".")
    if which == "requests":
        quantity = target.resources.requests.get(name)
    else:
        quantity = target.resources.limits.get(name)
        if quantity is None and pod.spec.resources is not None:
            quantity = pod.spec.resources.limits.get(name)
        if quantity is None:
            quantity = allocatable.get(name)
    return 0 if quantity is None else quantity.ceil(ref.divisor)
