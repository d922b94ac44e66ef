"""Rules for every test: typed skips, strict mode, and nothing left behind by tests of real processes.

NSRUNNER_TEST_STRICT=1 (set in CI) turns each skip into a failure, unless a probe of capabilities.py says that this
machine truly cannot. NSRUNNER_TEST_NIGHTLY=1 gives each property that does not say otherwise 10,000 examples instead of
Hypothesis's 100, and hours instead of minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import capabilities
import leaks

TESTS = Path(__file__).parent
REAL = (TESTS / "daemon", TESTS / "examples", TESTS / "kernel")
"""Tests below these make real pods: each is checked for what it left."""

FINAL_SKIP = "this machine cannot: "
STRICT = "a skip is a failure: NSRUNNER_TEST_STRICT is set"


NIGHTLY = bool(os.environ.get("NSRUNNER_TEST_NIGHTLY"))
NIGHTLY_TIMEOUT = 4 * 3600
"""Seconds."""


def pytest_configure() -> None:
    if NIGHTLY:
        import hypothesis

        hypothesis.settings.register_profile("nightly", max_examples=10_000, deadline=None)
        hypothesis.settings.load_profile("nightly")
    # The programs that tests start import the nsrunner that is under test, the wheel's: not the checkout they run in.
    os.environ["PYTHONSAFEPATH"] = "1"


def pytest_report_header() -> list[str]:
    import nsrunner

    try:
        version = metadata.version("nsrunner")
    except metadata.PackageNotFoundError:
        version = "not installed"
    kernel = os.uname()
    return [
        f"nsrunner: {version} from {Path(nsrunner.__file__).parent}",
        f"kernel: {kernel.release} {kernel.machine}, uid {os.geteuid()}, strict: {capabilities.strict()}",
    ]


def is_real(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in REAL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_real(item.path):
            item.add_marker(pytest.mark.needs_root)
        if NIGHTLY and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(NIGHTLY_TIMEOUT))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers():
        probe = capabilities.PROBES.get(mark.name)
        lack = probe(*mark.args) if probe else None
        if lack is None:
            continue
        if capabilities.strict() and not lack.final:
            pytest.fail(f"{mark.name}: {lack.probed} (NSRUNNER_TEST_STRICT is set)", pytrace=False)
        pytest.skip(f"{FINAL_SKIP if lack.final else ''}{mark.name}: {lack.probed}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and capabilities.strict() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if FINAL_SKIP not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason} ({STRICT})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    if report.outcome == "skipped" and capabilities.strict():
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped while collecting ({STRICT})"
    return report


@pytest.fixture(scope="session", autouse=True)
def orphans_come_here() -> None:
    """Every process that a test starts stays a descendant of this one, whoever dies in between."""
    leaks.become_subreaper()


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test of real pods has its own state root, and leaves no process, mount, cgroup, link, rule, fd or file."""
    if not is_real(request.path):
        yield
        return
    with leaks.state_root() as root:
        monkeypatch.setenv("NSRUNNER_ROOT", str(root))
        before = leaks.snapshot(root)
        yield
        left = leaks.left_since(before, root)
    if left:
        pytest.fail("left behind:\n" + "\n".join(f"  {line}" for line in left), pytrace=False)
