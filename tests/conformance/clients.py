"""A kubectl-like client as the cases use it; whatever has these few verbs can be judged by them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.matching import Failed


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return (self.err or self.out).strip()[-400:]


NOT_RUN = 127
TIMED_OUT = 124
"""Exit codes for a client that could not be run or did not end, as shells and timeout(1) have them."""


class Client:
    """What a case asks. ``run`` is the only way out."""

    def run(self, *arguments: str) -> Result:
        raise NotImplementedError

    def apply(self, text: str) -> Result:
        with tempfile.NamedTemporaryFile("w", prefix="case-", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return self.run("apply", "-f", file.name)

    def pod(self, name: str) -> dict[str, Any] | None:
        """None when the client says that there is none. Raises Failed."""
        result = self.run("get", "pod", name, "-o", "json")
        if result.code != 0:
            if result.code != NOT_RUN and re.search(r"not\s*found", result.err + result.out, re.IGNORECASE):
                return None
            raise Failed(f"get pod {name}: exit {result.code}: {result.said}")
        try:
            found = json.loads(result.out)
        except ValueError as error:
            raise Failed(f"get pod {name}: output is not JSON ({error}): {result.out[:200]!r}") from None
        if not isinstance(found, dict) or found.get("kind") != "Pod" or found["metadata"].get("name") != name:
            raise Failed(f"get pod {name}: not that Pod: {result.out[:200]!r}")
        return found

    def events(self) -> list[dict[str, Any]]:
        """Raises Failed."""
        result = self.run("get", "events", "-o", "json")
        if result.code != 0:
            raise Failed(f"get events: exit {result.code}: {result.said}")
        try:
            return [event for event in json.loads(result.out)["items"] if isinstance(event, dict)]
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(f"get events: not a list of objects ({error})") from None

    def logs(self, pod: str, container: str) -> Result:
        return self.run("logs", pod, "-c", container)

    def exec(self, pod: str, container: str, command: Sequence[str]) -> Result:
        return self.run("exec", pod, "-c", container, "--", *command)

    def delete(self, pod: str, grace: int | None = None) -> Result:
        period = () if grace is None else (f"--grace-period={grace}",)
        return self.run("delete", "pod", pod, *period, "--wait=false")


class CommandClient(Client):
    """A program that is run for each request."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float = 30.0) -> None:
        """``timeout``: seconds that one call may take."""
        self.command = list(command)
        self.env = dict(os.environ if env is None else env)
        self.timeout = timeout

    def run(self, *arguments: str) -> Result:
        try:
            done = subprocess.run(
                [*self.command, *arguments],
                env=self.env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Result(TIMED_OUT, "", f"the client did not end within {self.timeout} s: {' '.join(arguments)}")
        except OSError as error:
            return Result(NOT_RUN, "", f"cannot run the client: {error}")
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
