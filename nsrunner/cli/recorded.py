"""``nsrunner run --record FILE``: what happened to the pods of a run, for ``nsrunner simulate --replay``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..errors import UsageError
from ..lifecycle.simulate import Recorder, dump

__all__ = ["RecordFile"]


class RecordFile:
    """Opened before the run, so that a wrong name is told at once, and written at its end, however it ends.

    Only its owner may read it: a pod's environment may hold secrets.
    """

    def __init__(self, name: str, manifests: Sequence[str] = ()) -> None:
        """``manifests`` are the files that are run: none of them is to be overwritten. Raises UsageError."""
        self._name = name
        self._recorders: list[Recorder] = []
        if name == "-":
            raise UsageError("--record -: standard output is the containers': name a file")
        if any(_same(name, manifest) for manifest in manifests):
            raise UsageError(f"--record {name}: this is the manifest, which would be overwritten")
        try:
            self._fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a file name"
            raise UsageError(f"--record {name}: {reason}") from None

    def recorder(self) -> Recorder:
        """For one more pod."""
        self._recorders.append(Recorder())
        return self._recorders[-1]

    def write(self) -> None:
        """All that was recorded; the file is closed. Raises OSError."""
        recordings = [each.recording("the run has ended") for each in self._recorders if not each.empty]
        with open(self._fd, "w", encoding="utf-8") as file:
            json.dump(dump(recordings), file, indent=1)
            file.write("\n")


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not there
        return False
