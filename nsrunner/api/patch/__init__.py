"""Patches: what a client says is to be different, in each of the ways that clients say it."""

from nsrunner.api.patch.managed import settled, updated_managers
from nsrunner.api.patch.patch import APPLY, PATCHES, patched

__all__ = ["APPLY", "PATCHES", "patched", "settled", "updated_managers"]
