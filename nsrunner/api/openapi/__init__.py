"""Kubernetes' OpenAPI definitions: what the objects look like, for patches and for clients."""

from nsrunner.api.openapi.definitions import definitions, name_of

__all__ = ["definitions", "name_of"]
