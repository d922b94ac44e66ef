"""What the API server fills in: the defaulting functions of ``pkg/apis/core/v1/defaults.go``, as one pure function.

Fields whose default depends on the node (such as the seccomp profile) are left alone. Pod-level ``resources`` are
completed only as far as the pod itself decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, overload

from msgspec.structs import replace

from nsrunner.model.aggregate import container_requests
from nsrunner.model.images import is_latest
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import (
    AnyContainer,
    ConfigMap,
    Container,
    ContainerPort,
    EmptyDirVolumeSource,
    EnvVar,
    GRPCAction,
    HTTPGetAction,
    LifecycleHandler,
    ObjectFieldSelector,
    Pod,
    PodSecurityContext,
    PodSpec,
    Probe,
    ResourceRequirements,
    Secret,
    Volume,
    VolumeProjection,
)

__all__ = ["apply_defaults"]

T = TypeVar("T")
AnyC = TypeVar("AnyC", bound=AnyContainer)

_FILE_MODE: Final = 0o644
_TOKEN_SECONDS: Final = 3600
_NOT_OVERCOMMITTED: Final = "hugepages-"


@overload
def apply_defaults(value: Pod, *, namespace: str = ...) -> Pod: ...
@overload
def apply_defaults(value: ConfigMap, *, namespace: str = ...) -> ConfigMap: ...
@overload
def apply_defaults(value: Secret, *, namespace: str = ...) -> Secret: ...
def apply_defaults(value: Pod | ConfigMap | Secret, *, namespace: str = "default") -> Pod | ConfigMap | Secret:
    """A copy of ``value`` with the API's defaults; ``namespace`` is its own if it names none. Idempotent."""
    metadata = replace(value.metadata, namespace=value.metadata.namespace or namespace)
    match value:
        case Pod():
            return replace(value, metadata=metadata, spec=_spec(value.spec))
        case Secret():
            data = {**value.data, **{key: text.encode() for key, text in value.string_data.items()}}
            return replace(value, metadata=metadata, data=data, string_data={}, type=value.type or "Opaque")
        case ConfigMap():
            return replace(value, metadata=metadata)


def _spec(spec: PodSpec) -> PodSpec:
    host_network = spec.host_network
    spec = replace(
        spec,
        restart_policy=spec.restart_policy or "Always",
        dns_policy=spec.dns_policy or "ClusterFirst",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        termination_grace_period_seconds=_grace(spec.termination_grace_period_seconds),
        enable_service_links=_or(spec.enable_service_links, True),
        security_context=_or(spec.security_context, PodSecurityContext()),
        # serviceAccount is the old name of serviceAccountName; both are kept equal.
        service_account_name=spec.service_account_name or spec.service_account,
        service_account=spec.service_account_name or spec.service_account,
        containers=tuple(_container(item, host_network) for item in spec.containers),
        init_containers=tuple(_container(item, host_network) for item in spec.init_containers),
        ephemeral_containers=tuple(_any_container(item, host_network=False) for item in spec.ephemeral_containers),
        volumes=tuple(_volume(item) for item in spec.volumes),
        overhead=_rounded(spec.overhead),
    )
    return replace(spec, resources=_pod_resources(spec)) if spec.resources is not None else spec


def _grace(seconds: int | None) -> int:
    """The API accepts a negative period, and takes it for 1."""
    if seconds is None:
        return 30
    return 1 if seconds < 0 else seconds


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


# --- containers -------------------------------------------------------------------------------------------------------


def _container(container: Container, host_network: bool) -> Container:
    container = _any_container(container, host_network=host_network)
    limits, requests = container.resources.limits, container.resources.requests
    return replace(
        container, resources=replace(container.resources, requests={**requests, **_missing(limits, requests)})
    )


def _missing(source: Mapping[str, Quantity], present: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: quantity for name, quantity in source.items() if name not in present}


def _any_container(container: AnyC, *, host_network: bool) -> AnyC:
    return replace(
        container,
        image_pull_policy=container.image_pull_policy or _pull_policy(container.image),
        termination_message_path=container.termination_message_path or "/dev/termination-log",
        termination_message_policy=container.termination_message_policy or "File",
        ports=tuple(_port(port, host_network) for port in container.ports),
        env=tuple(_env(variable) for variable in container.env),
        liveness_probe=_probe(container.liveness_probe),
        readiness_probe=_probe(container.readiness_probe),
        startup_probe=_probe(container.startup_probe),
        lifecycle=None
        if container.lifecycle is None
        else replace(
            container.lifecycle,
            post_start=_handler(container.lifecycle.post_start),
            pre_stop=_handler(container.lifecycle.pre_stop),
        ),
        resources=_rounded_requirements(container.resources),
    )


def _pull_policy(image: str) -> str:
    return "Always" if is_latest(image) else "IfNotPresent"


def _port(port: ContainerPort, host_network: bool) -> ContainerPort:
    host_port = port.container_port if host_network and not port.host_port else port.host_port
    return replace(port, protocol=port.protocol or "TCP", host_port=host_port)


def _env(variable: EnvVar) -> EnvVar:
    source = variable.value_from
    if source is None:
        return variable
    file = source.file_key_ref
    return replace(
        variable,
        value_from=replace(
            source,
            field_ref=_field_ref(source.field_ref),
            file_key_ref=None if file is None else replace(file, optional=_or(file.optional, False)),
        ),
    )


def _field_ref(ref: ObjectFieldSelector | None) -> ObjectFieldSelector | None:
    return None if ref is None else replace(ref, api_version=ref.api_version or "v1")


def _probe(probe: Probe | None) -> Probe | None:
    if probe is None:
        return None
    return replace(
        probe,
        timeout_seconds=probe.timeout_seconds or 1,
        period_seconds=probe.period_seconds or 10,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
        http_get=_http_get(probe.http_get),
        grpc=_grpc(probe.grpc),
    )


def _http_get(action: HTTPGetAction | None) -> HTTPGetAction | None:
    return None if action is None else replace(action, path=action.path or "/", scheme=action.scheme or "HTTP")


def _grpc(action: GRPCAction | None) -> GRPCAction | None:
    return None if action is None else replace(action, service=_or(action.service, ""))


def _handler(handler: LifecycleHandler | None) -> LifecycleHandler | None:
    return None if handler is None else replace(handler, http_get=_http_get(handler.http_get))


# --- resources --------------------------------------------------------------------------------------------------------


def _rounded(quantities: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: quantity.rounded_up_to_milli() for name, quantity in quantities.items()}


def _rounded_requirements(resources: ResourceRequirements) -> ResourceRequirements:
    return replace(resources, limits=_rounded(resources.limits), requests=_rounded(resources.requests))


def _pod_resources(spec: PodSpec) -> ResourceRequirements:
    """Requests that are missing: the containers' sum for what can be overcommitted, else the pod's own limit."""
    assert spec.resources is not None
    resources = _rounded_requirements(spec.resources)
    if not resources.limits:
        return resources
    summed = container_requests(spec)
    requests = dict(resources.requests)
    for name, limit in resources.limits.items():
        if name not in requests:
            requests[name] = limit if name.startswith(_NOT_OVERCOMMITTED) or name not in summed else summed[name]
    return replace(resources, requests=requests)


# --- volumes ----------------------------------------------------------------------------------------------------------


def _volume(volume: Volume) -> Volume:
    if all(getattr(volume, source) is None for source in volume.__struct_fields__ if source != "name"):
        return replace(volume, empty_dir=EmptyDirVolumeSource())
    return replace(
        volume,
        empty_dir=_map(
            lambda it: replace(it, size_limit=_map(Quantity.rounded_up_to_milli, it.size_limit)), volume.empty_dir
        ),
        host_path=_map(lambda it: replace(it, type=it.type or ""), volume.host_path),
        secret=_map(lambda it: replace(it, default_mode=_or(it.default_mode, _FILE_MODE)), volume.secret),
        config_map=_map(lambda it: replace(it, default_mode=_or(it.default_mode, _FILE_MODE)), volume.config_map),
        downward_api=_map(
            lambda it: replace(
                it,
                default_mode=_or(it.default_mode, _FILE_MODE),
                items=tuple(replace(item, field_ref=_field_ref(item.field_ref)) for item in it.items),
            ),
            volume.downward_api,
        ),
        projected=_map(
            lambda it: replace(
                it,
                default_mode=_or(it.default_mode, _FILE_MODE),
                sources=tuple(_projection(source) for source in it.sources),
            ),
            volume.projected,
        ),
        image=_map(
            lambda it: replace(it, pull_policy=it.pull_policy or _pull_policy(it.reference or "")), volume.image
        ),
    )


def _map(function: Callable[[T], T], value: T | None) -> T | None:
    return None if value is None else function(value)


def _projection(source: VolumeProjection) -> VolumeProjection:
    return replace(
        source,
        downward_api=_map(
            lambda it: replace(
                it, items=tuple(replace(item, field_ref=_field_ref(item.field_ref)) for item in it.items)
            ),
            source.downward_api,
        ),
        service_account_token=_map(
            lambda it: replace(it, expiration_seconds=_or(it.expiration_seconds, _TOKEN_SECONDS)),
            source.service_account_token,
        ),
    )
