"""The synchronous Pod on the fake runtime, in real time; real pods are in tests/kernel."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from pathlib import Path

import pytest

import nsrunner
from nsrunner.errors import UsageError, WaitTimeout
from nsrunner.library.aio import AsyncPod
from nsrunner.library.pod import Pod
from nsrunner.testing.fake_sandbox import FakeShims, Run
from unit.library.stage import stage

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "web", "image": "host", "command": ["serve"]}]},
}


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeShims:
    return stage(monkeypatch, tmp_path)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate()]


def test_a_pod_lives_as_long_as_its_block(shims: FakeShims) -> None:
    shims.script("web", Run(output=("hello",)))
    with nsrunner.Pod.from_dict(POD) as pod:
        assert pod.wait("Ready").phase == "Running"
        assert (pod.name, pod.namespace, pod.ip, pod.pid()) == ("web", "default", "192.0.2.1", 2001)
        assert pod.exec(None, ["true"]).ok
        assert pod.logs() == "hello\n"
        lines = pod.follow()
        assert next(lines) == "hello"
        events = pod.events()
        assert next(events).reason == "Pulled"
        assert shims.left == {pod.uid}
        assert pod.object.metadata.uid == pod.uid
        with pytest.raises(WaitTimeout):
            pod.wait("Succeeded", timeout=0.01)
        pod.delete(grace=0)
        assert list(lines) == []
        assert [event.reason for event in events][-1] == "Killing"
    assert not shims.left
    assert pod.status.phase == "Failed"
    assert "nsrunner" not in threads()


def test_it_must_have_been_started(shims: FakeShims) -> None:
    pod = Pod.from_dict(POD)
    for ask in (lambda: pod.wait("Ready"), lambda: pod.status, lambda: list(pod.events())):
        with pytest.raises(UsageError):
            ask()
    pod.close()
    pod.start()
    with pytest.raises(UsageError, match="was started already"):
        pod.start()
    pod.close()
    pod.close()
    assert "nsrunner" not in threads()


def test_a_start_that_fails_leaves_no_thread(shims: FakeShims, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsrunner.library.engine.require_root", lambda: (_ for _ in ()).throw(UsageError("no")))
    with pytest.raises(UsageError, match="no"):
        Pod.from_dict(POD).start()
    assert "nsrunner" not in threads()


def test_an_interrupt_while_it_ends_makes_that_immediate_and_complete(shims: FakeShims) -> None:
    shims.script("web", Run(ignores_term=True))
    pod = Pod.from_dict(POD)
    pod.start()
    pod.wait("Ready")
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)  # as Ctrl-C, but only for this test
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # into the grace period of 30 s
        with pytest.raises(KeyboardInterrupt):
            pod.close()
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert not shims.left
    assert "nsrunner" not in threads()


def test_it_may_be_used_from_other_threads_and_not_from_a_forked_child(shims: FakeShims) -> None:
    with Pod.from_dict(POD) as pod:
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.append(pod.wait("Ready").phase))
        thread.start()
        thread.join()
        assert seen == ["Running"]
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                try:
                    pod.wait("Ready")
                except UsageError:
                    pod.close()  # nothing: it is the parent's
                    code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert pod.wait("Ready").phase == "Running"


def test_it_says_the_same_as_its_asynchronous_twin() -> None:
    """Methods, arguments, defaults and docstrings."""
    for name, method in inspect.getmembers(Pod, inspect.isfunction):
        if name.startswith("_") or name == "start":
            continue
        twin = getattr(AsyncPod, name)
        assert inspect.signature(method).parameters == inspect.signature(twin).parameters, name
        assert method.__doc__ is not None and method.__doc__.split(".")[0] == twin.__doc__.split(".")[0], name
