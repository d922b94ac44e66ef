"""Kubernetes Pods without Kubernetes: runs Pod manifests as plain Linux processes in shared namespaces.

::

    import nsrunner

    with nsrunner.Pod.from_file("web.yaml") as pod:
        pod.wait("Ready", timeout=30)
        print(pod.exec("web", ["hostname"]).stdout.decode())

:class:`Pod` is for ordinary programs and tests, :class:`AsyncPod` for those with an event loop. Everything is loaded on
first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it, without the import: the nsrunner program starts here, too
if TYPE_CHECKING:
    from typing import Any, Final

    from nsrunner.errors import (
        FieldError,
        HostError,
        ManifestError,
        NsrunnerError,
        PodFailed,
        PrivilegeError,
        SandboxError,
        UsageError,
        WaitTimeout,
    )
    from nsrunner.library.aio import AsyncPod
    from nsrunner.library.items import ExecResult, PodEvent
    from nsrunner.library.options import RunOptions
    from nsrunner.library.pod import Pod

__all__ = [
    "AsyncPod",
    "ExecResult",
    "FieldError",
    "HostError",
    "ManifestError",
    "NsrunnerError",
    "Pod",
    "PodEvent",
    "PodFailed",
    "PrivilegeError",
    "RunOptions",
    "SandboxError",
    "UsageError",
    "WaitTimeout",
]

_HOMES: Final = {
    "AsyncPod": "library.aio",
    "ExecResult": "library.items",
    "Pod": "library.pod",
    "PodEvent": "library.items",
    "RunOptions": "library.options",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
