"""Every exception that nsrunner raises on purpose, split by who must act.

::

    NsrunnerError
    ├── ManifestError        the manifest: one or more FieldErrors, all of a document at once
    ├── UsageError           the caller: a wrong argument, a pod or container that does not exist
    ├── HostError            the host: it lacks something, or refused it
    │   ├── PrivilegeError   … because we are not root, or lack a capability
    │   └── SandboxError     … at a named step of making a sandbox or a container (step, errno, path)
    ├── PodFailed            the pod: it ended in another way than was waited for
    └── WaitTimeout          nobody: a wait passed its deadline

Attributes carry the facts; ``__str__`` builds the sentence. Anything else that escapes is a bug.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "FieldError",
    "HostError",
    "ManifestError",
    "NsrunnerError",
    "PodFailed",
    "PrivilegeError",
    "SandboxError",
    "UsageError",
    "WaitTimeout",
]


class NsrunnerError(Exception):
    """Base of all deliberate errors."""


class FieldError(NamedTuple):
    """One problem of one field, in the API's wording (apimachinery ``field.Error``).

    ``str()`` gives ``spec.containers[0].image: Required value`` or, with a detail,
    ``spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"``.
    """

    field: str
    """Path from the document's root, such as ``spec.containers[0].ports[1].name``; empty for the document itself."""
    kind: str
    """``Required value``, ``Invalid value``, ``Unsupported value``, ``Duplicate value``, ``Forbidden``, ``Not found``,
    ``Too long``, ``Too many``, ``Unknown field`` or ``Not supported``."""
    value: str = ""
    """The offending value, already rendered (strings in double quotes); empty when the kind shows none."""
    detail: str = ""
    hint: str = ""
    """What would be right, such as ``did you mean "restartPolicy"?``."""

    def __str__(self) -> str:
        parts = [self.kind]
        if self.value:
            parts.append(self.value)
        if self.detail:
            parts.append(self.detail)
        text = ": ".join(parts)
        if self.hint:
            text = f"{text} ({self.hint})"
        return f"{self.field}: {text}" if self.field else text


class ManifestError(NsrunnerError):
    """A manifest that cannot be accepted. Carries every problem that was found in it."""

    def __init__(
        self,
        errors: Sequence[FieldError],
        *,
        source: str = "",
        document: int | None = None,
        kind: str = "",
        name: str = "",
    ) -> None:
        super().__init__(errors)
        self.errors = tuple(errors)
        self.source = source
        """File name, ``-`` for standard input, a URL, or empty."""
        self.document = document
        """Number of the document within its source, counted from 1; None when the source holds one only."""
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        where = self.source
        if self.document is not None:
            where = f"{where}, document {self.document}" if where else f"document {self.document}"
        what = f'{self.kind} "{self.name}"' if self.kind and self.name else self.kind
        head = ": ".join(part for part in (where, f"{what} is invalid" if what else "") if part)
        if len(self.errors) == 1:
            return f"{head}: {self.errors[0]}" if head else str(self.errors[0])
        lines = "\n".join(f"  * {error}" for error in self.errors)
        return f"{head}:\n{lines}" if head else lines.strip()


class UsageError(NsrunnerError):
    """The caller asked for something that does not exist or makes no sense."""


class HostError(NsrunnerError):
    """The host lacks something, or refused it."""


class PrivilegeError(HostError):
    """Not root, or a capability is missing."""


class SandboxError(HostError):
    """A step of making a sandbox, a container or an exec failed."""

    def __init__(self, step: str, errno: int, path: str = "", *, detail: str = "") -> None:
        super().__init__(step, errno, path, detail)
        self.step = step
        """Name of the step, from the table that C and Python share (``csrc/steps.h``), such as ``mount volume``."""
        self.errno = errno
        """Positive errno; 0 when the failure has none."""
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        parts = [self.step]
        if self.path:
            parts.append(self.path)
        if self.errno:
            parts.append(os.strerror(self.errno))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)


class PodFailed(NsrunnerError):
    """The pod can no longer reach what was waited for."""


class WaitTimeout(NsrunnerError):
    """A wait passed its deadline."""
