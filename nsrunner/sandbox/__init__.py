"""The system calls: namespaces, roots, volumes, credentials, and the shims that hold pods.

Most of it serves the supervisor. Public for programs are :func:`spawn`, :class:`Namespace` and :class:`Child`: one
program in given namespaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsrunner.sandbox.program import Child, Namespace, spawn

__all__ = ["Child", "Namespace", "spawn"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # On first use: whoever needs another module of the package does not pay for this one.
    from nsrunner.sandbox import program

    return getattr(program, name)
