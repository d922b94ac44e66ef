"""The error of the seccomp modules, apart from them: they are heavy to import and seldom needed."""

from __future__ import annotations

__all__ = ["ProfileError"]


class ProfileError(ValueError):
    """A profile that cannot be used as it is written. Nothing is run without one."""
