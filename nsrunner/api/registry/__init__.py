"""The verbs, without HTTP: what a request does to the store, and what it answers.

The rules are those of ``apiserver/pkg/registry/generic/registry/store.go``: optimistic locking by resourceVersion,
preconditions, graceful deletion, generateName, dry runs, lists in pages.
"""

from nsrunner.api.registry.deleting import BUILT_IN_NAMESPACES
from nsrunner.api.registry.reading import Json
from nsrunner.api.registry.registry import Registry
from nsrunner.api.registry.writing import now_text

__all__ = ["BUILT_IN_NAMESPACES", "Json", "Registry", "now_text"]
