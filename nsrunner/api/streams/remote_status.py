"""How the end of a command is told to its client."""

from __future__ import annotations

from typing import Any

import msgspec

from nsrunner.api import errors
from nsrunner.api.errors import ApiError
from nsrunner.api.ports import Ended

__all__ = ["encoded", "status_of"]

Json = dict[str, Any]


def status_of(end: Ended | ApiError) -> Json:
    """A ``v1.Status``; kubectl takes the exit code from its causes."""
    if isinstance(end, ApiError):
        return end.status
    if end.error:
        return errors.internal(end.error).status
    if end.exit_code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {end.exit_code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(end.exit_code)}]},
    }


def encoded(status: Json, version: int) -> bytes:
    """As the error channel wants it; empty: nothing is to be sent."""
    if version >= 4:
        return msgspec.json.encode(status)
    return b"" if status["status"] == "Success" else str(status.get("message", "")).encode()
