"""The pods of a test or of a session: started from a manifest, waited for, and gone at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    import nsrunner

__all__ = ["Manifest", "PodFactory"]

Manifest: TypeAlias = "str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]"
"""A file's name (below the test's own directory, or absolute), the text of a manifest, or objects as dicts."""

_LINES = 200
"""Of each container's log that a failing test's report shows."""


class PodFactory:
    """Makes pods; the fixtures ``nsrunner_pod`` and ``nsrunner_pod_session`` are instances of it::

        def test_answers(nsrunner_pod):
            web = nsrunner_pod("web.yaml")                  # started, and Ready
            assert web.exec("web", ["hostname"]).ok

    Every pod ends when the fixture does. When the process dies, even by ``kill -9``, its pods die with it.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        *,
        image_fallback: Literal["", "host"] = "",
        timeout: float = 60.0,
    ) -> None:
        """``directories``: where files are looked for. The others are defaults of the calls."""
        self._directories = list(directories)
        self._image_fallback = image_fallback
        self._timeout = timeout
        self._pods: list[_Pod] = []
        self._stack = ExitStack()

    def __call__(
        self,
        manifest: Manifest,
        name: str | None = None,
        *,
        wait: str | None = "Ready",
        timeout: float | None = None,
        **options: Any,
    ) -> nsrunner.Pod:
        """Start a pod and wait until it is ``wait``: a condition (``Ready``) or a phase (``Succeeded``); None: do not.

        ``name`` says which pod, when the manifest has several. ``timeout`` is in seconds. ``options`` are those of
        ``nsrunner.RunOptions``, such as ``image_fallback="host"``. Raises ManifestError, PodFailed, WaitTimeout,
        PrivilegeError, UsageError, FileNotFoundError.
        """
        options.setdefault("image_fallback", self._image_fallback)
        pod = self._make(manifest, name, options)
        self._stack.enter_context(pod)
        self._pods.append(_Pod(pod))
        if wait is not None:
            pod.wait(wait, timeout=self._timeout if timeout is None else timeout)
        return pod

    def _make(self, manifest: Manifest, name: str | None, options: dict[str, Any]) -> nsrunner.Pod:
        import nsrunner

        if isinstance(manifest, Mapping):
            return nsrunner.Pod.from_dict(manifest, name=name, **options)
        if isinstance(manifest, str) and ("\n" in manifest or ":" in manifest):
            return nsrunner.Pod.from_yaml(manifest, name, **options)
        if isinstance(manifest, str | Path):
            return nsrunner.Pod.from_file(self._file(Path(manifest)), name, **options)
        return nsrunner.Pod.from_dict(*manifest, name=name, **options)

    def _file(self, path: Path) -> Path:
        candidates = [directory / path for directory in self._directories]
        found = next((candidate for candidate in candidates if candidate.exists()), None)
        if found is None:
            places = ", ".join(str(directory) for directory in self._directories)
            raise FileNotFoundError(2, f"no such manifest below {places}", str(path))
        return found

    def report(self) -> Iterator[tuple[str, str]]:
        """(title, text) of what is worth knowing about the pods when a test failed: events, states, logs."""
        for pod in self._pods:
            yield from pod.report()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class _Pod:
    """One pod, and its events as they come."""

    def __init__(self, pod: nsrunner.Pod) -> None:
        self._pod = pod
        self._events: dict[str, nsrunner.PodEvent] = {}
        # A daemon: it ends when the pod's events do, and must not keep a process whose pod hangs.
        threading.Thread(target=self._collect, name=f"events of {pod.name}", daemon=True).start()

    def _collect(self) -> None:
        from nsrunner.errors import NsrunnerError

        try:
            for event in self._pod.events():
                self._events[event.name] = event
        except NsrunnerError:  # closed meanwhile
            pass

    def report(self) -> Iterator[tuple[str, str]]:
        title = f"nsrunner pod {self._pod.name}"
        events = sorted(self._events.values(), key=lambda event: event.last)
        lines = [f"{each.type:<7}  {each.reason}: {each.message}" + _times(each.count) for each in events]
        yield f"{title}: events", "\n".join(lines) or "(none)"
        yield f"{title}: status", _states(self._pod)
        spec = self._pod.object.spec
        for container in (*spec.init_containers, *spec.containers):
            yield f"{title}: log of {container.name}", self._log(container.name)

    def _log(self, container: str) -> str:
        from nsrunner.errors import NsrunnerError

        try:
            return self._pod.logs(container, tail=_LINES) or "(empty)"
        except (NsrunnerError, OSError) as error:
            return f"({error})"


def _times(count: int) -> str:
    return f" (x{count})" if count > 1 else ""


def _states(pod: nsrunner.Pod) -> str:
    status = pod.status
    lines = [f"phase {status.phase}" + "".join(f", {part}" for part in (status.reason, status.message) if part)]
    for each in (*status.init_container_statuses, *status.container_statuses):
        state = each.state
        if state is None:
            text = "waiting"
        elif state.terminated is not None:
            text = f"terminated, exit code {state.terminated.exit_code}, {state.terminated.reason}"
        elif state.running is not None:
            text = "running" + ("" if each.ready else ", not ready")
        else:
            waiting = state.waiting
            text = f"waiting, {waiting.reason}: {waiting.message or ''}" if waiting is not None else "waiting"
        lines.append(f"{each.name}: {text}, {each.restart_count} restarts")
    return "\n".join(lines)
