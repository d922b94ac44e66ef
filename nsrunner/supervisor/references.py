"""The ConfigMaps and Secrets that a container's environment names."""

from __future__ import annotations

from msgspec import Struct

from nsrunner.model.types import AnyContainer, ConfigMap, Secret
from nsrunner.supervisor.ports import ObjectReader

__all__ = ["References", "referenced", "refers"]


class References(Struct, frozen=True):
    """Those that exist, by name."""

    config_maps: dict[str, ConfigMap] = {}
    secrets: dict[str, Secret] = {}


_NONE = References()


def refers(container: AnyContainer) -> bool:
    """Whether ``env`` or ``envFrom`` names any."""
    return any(_names(container))


async def referenced(container: AnyContainer, namespace: str, objects: ObjectReader) -> References:
    """Reads what ``env`` and ``envFrom`` refer to."""
    config_maps, secrets = _names(container)
    if not config_maps and not secrets:
        return _NONE
    found_maps = {name: await objects.config_map(namespace, name) for name in sorted(config_maps)}
    found_secrets = {name: await objects.secret(namespace, name) for name in sorted(secrets)}
    return References(
        config_maps={name: found for name, found in found_maps.items() if found is not None},
        secrets={name: found for name, found in found_secrets.items() if found is not None},
    )


def _names(container: AnyContainer) -> tuple[set[str], set[str]]:
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for source in container.env_from:
        if source.config_map_ref is not None:
            config_maps.add(source.config_map_ref.name or "")
        if source.secret_ref is not None:
            secrets.add(source.secret_ref.name or "")
    for variable in container.env:
        if variable.value_from is None:
            continue
        if variable.value_from.config_map_key_ref is not None:
            config_maps.add(variable.value_from.config_map_key_ref.name or "")
        if variable.value_from.secret_key_ref is not None:
            secrets.add(variable.value_from.secret_key_ref.name or "")
    return config_maps, secrets
