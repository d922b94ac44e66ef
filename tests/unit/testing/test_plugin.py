"""The plugin in pytest runs of its own, with pods that are none; the real ones are in tests/kernel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import pytest

import nsrunner
from nsrunner.errors import PodFailed, UsageError
from nsrunner.model.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from nsrunner.supervisor.events import KubeEvent

pytest_plugins = ["pytester"]

MANIFEST = "kind: Pod\nmetadata: {name: web}\n"


def status(name: str, **state: Any) -> ContainerStatus:
    return ContainerStatus(
        name=name, state=ContainerState(**state), ready=False, restart_count=1, image="host", image_id=""
    )


class FakePod:
    """Records what is done to it."""

    calls: ClassVar[list[str]] = []
    name = "web"

    def __init__(self, what: str, name: str | None, options: Mapping[str, Any]) -> None:
        shown = "".join(f" {key}={value}" for key, value in sorted(options.items()) if value)
        self.calls.append(f"make {what}{f' {name}' if name else ''}{shown}")

    @classmethod
    def from_yaml(cls, text: str, name: str | None = None, **options: Any) -> Self:
        return cls(f"text {text.splitlines()[0]}", name, options)

    @classmethod
    def from_file(cls, path: Any, name: str | None = None, **options: Any) -> Self:
        return cls(f"file {path.parent.name}/{path.name}", name, options)

    @classmethod
    def from_dict(cls, *objects: Mapping[str, Any], name: str | None = None, **options: Any) -> Self:
        return cls(f"dicts {len(objects)}", name, options)

    def __enter__(self) -> Self:
        self.calls.append("start")
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("end")

    def wait(self, what: str, timeout: float | None = None) -> None:
        self.calls.append(f"wait {what} {timeout:g}")
        if what == "Succeeded":
            raise PodFailed("container a ended with exit code 3")

    def events(self) -> Iterator[KubeEvent]:
        yield KubeEvent(
            name="e",
            type="Warning",
            reason="BackOff",
            message="Back-off",
            namespace="n",
            pod="web",
            uid="u",
            count=2,
            first=0,
            last=0,
        )
        raise UsageError("the pod was closed")

    def logs(self, container: str | None = None, *, tail: int | None = None) -> str:
        if container == "b":
            raise UsageError("container b has not started")
        return f"log of {container}\n" if container == "a" else ""

    @property
    def status(self) -> PodStatus:
        return self.object.status

    @property
    def object(self) -> Pod:
        return Pod(
            metadata=ObjectMeta(name="web"),
            spec=PodSpec(containers=tuple(Container(name=name, image="host") for name in "abc")),
            status=PodStatus(
                phase="Running",
                reason="Odd",
                container_statuses=(
                    status("a", running=ContainerStateRunning()),
                    status("b", waiting=ContainerStateWaiting(reason="CrashLoopBackOff", message="back-off 10s")),
                    status("c", terminated=ContainerStateTerminated(exit_code=3, reason="Error")),
                    ContainerStatus(name="d", ready=False, restart_count=0, image="host", image_id=""),
                ),
            ),
        )


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePod]:
    monkeypatch.setattr(nsrunner, "Pod", FakePod, raising=False)
    monkeypatch.setattr(FakePod, "calls", [])
    return FakePod


@pytest.fixture
def run(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Any:
    here = request.config.pluginmanager

    def run(test: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test)
        loaded = [] if here.has_plugin("nsrunner") else ["-p", "nsrunner.testing.plugin"]
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", *loaded, *options)

    return run


def test_a_pod_for_a_test(run: Any, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", web=MANIFEST)
    result = run(
        """
        from pathlib import Path

        def test_one(nsrunner_pod):
            nsrunner_pod("web.yaml", image_fallback="host")
            nsrunner_pod(Path("web.yaml"), "web", wait="Running", timeout=5)

        def test_two(nsrunner_pod):
            nsrunner_pod("kind: Pod\\nmetadata: {name: web}", wait=None)
            nsrunner_pod({"kind": "Pod"})
            nsrunner_pod([{"kind": "Pod"}, {"kind": "ConfigMap"}], name="web")
        """
    )
    result.assert_outcomes(passed=2)
    folder = pytester.path.name
    assert FakePod.calls == [
        f"make file {folder}/web.yaml image_fallback=host",
        "start",
        "wait Ready 60",
        f"make file {folder}/web.yaml web",
        "start",
        "wait Running 5",
        "end",
        "end",
        "make text kind: Pod",
        "start",
        "make dicts 1",
        "start",
        "wait Ready 60",
        "make dicts 2 web",
        "start",
        "wait Ready 60",
        "end",
        "end",
        "end",
    ]


def test_a_pod_for_the_session(run: Any, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", web=MANIFEST)
    pytester.makeini("[pytest]\nnsrunner_image_fallback = host\nnsrunner_timeout = 5\n")
    result = run(
        """
        import pytest

        @pytest.fixture(scope="session")
        def web(nsrunner_pod_session):
            return nsrunner_pod_session("web.yaml")

        def test_one(web): pass
        def test_two(web): assert False
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    assert FakePod.calls[1:] == ["start", "wait Ready 5", "end"]
    assert FakePod.calls[0].endswith("web.yaml image_fallback=host")
    result.stdout.fnmatch_lines(["*nsrunner pod web: log of a*", "log of a"])


REPORT = [
    "*nsrunner pod web: events*",
    "Warning  BackOff: Back-off (x2)",
    "*nsrunner pod web: status*",
    "phase Running, Odd",
    "a: running, not ready, 1 restarts",
    "b: waiting, CrashLoopBackOff: back-off 10s, 1 restarts",
    "c: terminated, exit code 3, Error, 1 restarts",
    "d: waiting, 0 restarts",
    "*nsrunner pod web: log of a*",
    "log of a",
    "*nsrunner pod web: log of b*",
    "(container b has not started)",
    "*nsrunner pod web: log of c*",
    "(empty)",
]


def test_the_report_of_a_failing_test(run: Any) -> None:
    result = run("def test_it(nsrunner_pod):\n    nsrunner_pod({'kind': 'Pod'})\n    assert False\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(REPORT)


def test_the_report_of_a_pod_that_is_never_ready(run: Any) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def web(nsrunner_pod):
            return nsrunner_pod({"kind": "Pod"}, wait="Succeeded")

        def test_it(web): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*PodFailed: container a ended with exit code 3", *REPORT])
    assert FakePod.calls[-1] == "end"


def test_a_passing_test_shows_nothing(run: Any) -> None:
    result = run("def test_it(nsrunner_pod):\n    nsrunner_pod({'kind': 'Pod'})\n", "-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*nsrunner pod web*")


def test_other_tests_are_left_alone(run: Any) -> None:
    run("def test_it(): assert False").assert_outcomes(failed=1)
    assert FakePod.calls == []


def test_no_such_file(run: Any) -> None:
    result = run("def test_it(nsrunner_pod): nsrunner_pod('none.yaml')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FileNotFoundError*no such manifest below *: 'none.yaml'"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nsrunner_image_fallback = busybox", "*nsrunner_image_fallback: 'busybox' is not supported*"),
        ("nsrunner_timeout = soon", "*nsrunner_timeout: not a number of seconds*"),
    ],
)
def test_bad_settings(run: Any, pytester: pytest.Pytester, setting: str, message: str) -> None:
    pytester.makeini(f"[pytest]\n{setting}\n")
    result = run("def test_it(nsrunner_pod): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_the_fixtures_are_listed(run: Any) -> None:
    result = run("", "--fixtures")
    result.stdout.fnmatch_lines(["nsrunner_pod -- *", "nsrunner_pod_session [[]session scope[]] *"])


def test_pytest_starts_as_fast_as_before() -> None:
    """Every pytest run on the machine loads the plugin: it may import nothing but pytest."""
    code = (
        "import sys, pytest; before = set(sys.modules); import nsrunner.testing.plugin;"
        "new = {name for name in set(sys.modules) - before if not name.startswith('nsrunner')};"
        "ours = set(sys.modules) & {'nsrunner.library', 'nsrunner.model', 'nsrunner.supervisor', 'nsrunner.sandbox'};"
        "sys.exit(' '.join(new | ours) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
