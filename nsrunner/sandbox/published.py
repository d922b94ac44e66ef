"""What a pod's owner tells the other processes of the host: the Pod with its status, as JSON in the run directory.

The owner (``run``, a library program, the daemon) replaces the file whenever the status has changed; ``nsrunner ps``,
``logs`` and ``exec`` read it. The directory is root's alone (0700) and goes with the pod.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["FRESH", "LATEST", "NAME", "QUIET", "publish", "published", "published_until"]

NAME: Final = "status.json"
FRESH: Final = "status.json.new"
"""Where the next one is written."""
QUIET: Final = 0.02
"""Seconds without a change after which an owner publishes what has changed: a start is some ten changes."""
LATEST: Final = 0.1
"""Seconds after which an owner publishes a change, although others keep coming."""


def publish(run_dir: str, pod: bytes) -> None:
    """Replace the published Pod, for readers of :func:`published` at once or not at all. ``pod`` is what
    ``nsrunner.model.encode_json`` gives.

    Takes some 0.1 ms, more where /run is on a disk. Raises OSError; FileNotFoundError when the pod's directory is gone
    already.
    """
    path = os.path.join(run_dir, NAME)
    fresh = os.path.join(run_dir, FRESH)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(pod)
    # Where /run is on a disk, a rename that replaces a file has the new one written out first: milliseconds. The reader
    # knows where to look in between.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.rename(fresh, path)


def published(run_dir: str) -> dict[str, Any] | None:
    """The Pod that the owner published last; None when it has published none (yet), or the pod is gone.

    Raises OSError (PermissionError for those who are not root).
    """
    for name in (NAME, FRESH, NAME):  # without the first, the second is whole, or just becoming the first
        try:
            with open(os.path.join(run_dir, name), encoding="utf-8") as file:
                pod = json.load(file)
        except (FileNotFoundError, ValueError):  # half written: the very first, or one after the first is there again
            continue
        return pod if isinstance(pod, dict) else None
    return None


def published_until(run_dir: str, enough: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any] | None:
    """Like :func:`published`, of a pod of which more is expected: waits until what is published is ``enough``, but not
    longer than ``within`` seconds, and gives what there is then. Raises OSError, HostError."""
    from nsrunner.sandbox.inotify import MOVED_TO, Inotify  # who only looks need not import it

    deadline = time.monotonic() + within
    try:
        notify = Inotify(run_dir, MOVED_TO)
    except FileNotFoundError:
        return None
    poll = select.poll()
    poll.register(notify, select.POLLIN)
    try:
        while True:
            pod = published(run_dir)
            left = deadline - time.monotonic()
            if left <= 0 or (pod is not None and enough(pod)) or not os.path.isdir(run_dir):
                return pod
            poll.poll(left * 1000)
            for _ in notify.changes():
                pass
    finally:
        notify.close()
