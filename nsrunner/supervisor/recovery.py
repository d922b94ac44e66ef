"""What a process leaves of its pods for the next one, and how that one finds it.

Beside ``pod.json`` (:mod:`nsrunner.sandbox.state`) the run directory of a daemon's pod holds ``object.json``, the Pod
as it was accepted or changed last, and ``machine.json``, the machine as it was before its last commands were carried
out. A process that dies at any instant leaves both whole: each is replaced by a rename.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from nsrunner.errors import HostError
from nsrunner.lifecycle.value import VERSION, BadValue
from nsrunner.model.decode import decode
from nsrunner.model.defaults import apply_defaults
from nsrunner.model.encoder import encode
from nsrunner.model.path import ROOT
from nsrunner.model.report import Report
from nsrunner.model.types import Pod
from nsrunner.sandbox.state import RegisteredPod, Roots, registered

__all__ = ["FileJournal", "Left", "left_pods"]

log = logging.getLogger(__name__)

_MACHINE: Final = "machine.json"
_OBJECT: Final = "object.json"
_HEADER: Final = frozenset({"apiVersion", "kind"})


class Left(Struct, frozen=True, kw_only=True):
    """A pod that another process ran until it died."""

    registered: RegisteredPod
    pod: Pod
    object: Mapping[str, Any]
    """The pod as it was written down."""
    saved: Mapping[str, Any] | None
    """What PodMachine.restore takes; None: it was accepted, and nothing was done for it yet."""


class FileJournal:
    """A Journal of files in the pods' run directories.

    What cannot be written (no room) is told by :attr:`problem`, and the pod goes on: its next step is written whole
    again. Only when this process dies before that, the next one begins where the file is.
    """

    def __init__(self, *, told: Callable[[str], None] = lambda problem: None) -> None:
        """``told`` is called with :attr:`problem` whenever there is a first one, and with an empty one when all is
        written."""
        self._told = told
        self._problems: dict[str, str] = {}
        """By path of the file that could not be written."""

    @property
    def problem(self) -> str:
        """Why something could not be written; empty when everything is."""
        return next(iter(self._problems.values()), "")

    def save(self, run_dir: str, value: Mapping[str, Any]) -> bool:
        return self._replace(os.path.join(run_dir, _MACHINE), msgspec.json.encode(value))

    def save_object(self, run_dir: str, pod: Pod) -> bool:
        return self._replace(os.path.join(run_dir, _OBJECT), msgspec.json.encode(encode(pod)))

    def forget(self, run_dir: str) -> None:
        for name in (_MACHINE, _OBJECT):
            self._written(os.path.join(run_dir, name))

    def _replace(self, path: str, data: bytes) -> bool:
        # Not synced: /run does not outlive the kernel, and a killed process's writes are the kernel's already.
        fresh = f"{path}.new"
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with open(fd, "wb") as file:
                file.write(data)
            os.rename(fresh, path)
        except OSError as error:
            first = not self._problems
            self._problems[path] = f"{path}: {error.strerror}"
            if first:
                log.error("cannot write down what the pods do: %s", self.problem)
                self._told(self.problem)
            return False
        self._written(path)
        return True

    def _written(self, path: str) -> None:
        if self._problems.pop(path, None) is not None and not self._problems:
            log.info("what the pods do is written down again")
            self._told("")


def left_pods(roots: Roots) -> tuple[list[Left], list[RegisteredPod]]:
    """The daemon's pods of this boot, and those whose files are none: they can only be removed. Raises HostError when
    files cannot be read: that says nothing about the pods."""
    try:
        return _left_pods(roots)
    except OSError as error:
        raise HostError(f"{error.filename or roots.run}: {error.strerror}") from None


def _left_pods(roots: Roots) -> tuple[list[Left], list[RegisteredPod]]:
    left, lost = [], []
    for pod in registered(roots):
        if pod.owner.kind != "daemon":
            continue
        try:
            object = _object(pod.paths.run)
            left.append(Left(registered=pod, pod=_pod(object), object=object, saved=_machine(pod.paths.run)))
        except (FileNotFoundError, ValueError) as error:
            log.warning("pod %s/%s (%s): cannot be carried on: %s", pod.namespace, pod.name, pod.uid, error)
            lost.append(pod)
    return left, lost


def _object(run_dir: str) -> dict[str, Any]:
    with open(os.path.join(run_dir, _OBJECT), "rb") as file:
        return msgspec.json.decode(file.read(), type=dict[str, Any])


def _pod(object: Mapping[str, Any]) -> Pod:
    report = Report()
    pod = apply_defaults(decode(Pod, object, ROOT, report, skip=_HEADER))
    if errors := report.close():
        raise ValueError(f"{_OBJECT}: {errors[0]}")
    return pod


def _machine(run_dir: str) -> Mapping[str, Any] | None:
    try:
        with open(os.path.join(run_dir, _MACHINE), "rb") as file:
            data: Any = msgspec.json.decode(file.read())
    except FileNotFoundError:
        return None  # the machine is saved before anything is done
    if not isinstance(data, dict):
        raise BadValue(f"{_MACHINE}: of no format (this is {VERSION})")
    return data
