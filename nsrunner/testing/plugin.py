"""The pytest plugin: the fixtures ``nsrunner_pod`` and ``nsrunner_pod_session``, loaded by its entry point.

Every pytest run on a machine with nsrunner loads this module, so it imports next to nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from nsrunner.testing.pods import PodFactory

__all__ = ["nsrunner_pod", "nsrunner_pod_session"]

_FACTORIES: Final = pytest.StashKey[dict[str, PodFactory]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "nsrunner_image_fallback",
        "what nsrunner_pod does with images that are not on this host: 'host' runs them on the host's root file system",
        default="",
    )
    parser.addini("nsrunner_timeout", "seconds that nsrunner_pod waits for a pod to be Ready", default="60")


def _factory(request: pytest.FixtureRequest, directories: list[Path]) -> PodFactory:
    config = request.config
    fallback = config.getini("nsrunner_image_fallback")
    if fallback not in ("", "host"):
        raise pytest.UsageError(f"nsrunner_image_fallback: {fallback!r} is not supported: supported values: 'host'")
    try:
        timeout = float(config.getini("nsrunner_timeout"))
    except ValueError:
        raise pytest.UsageError("nsrunner_timeout: not a number of seconds") from None
    chosen: Literal["", "host"] = "host" if fallback == "host" else ""
    return PodFactory(directories, image_fallback=chosen, timeout=timeout)


@pytest.fixture
def nsrunner_pod(request: pytest.FixtureRequest) -> Iterator[PodFactory]:
    """Starts pods from manifests, for one test: ``web = nsrunner_pod("web.yaml")`` is Ready when it returns.

    A failing test's report shows their events, states and logs. They end with the test.
    """
    with _factory(request, [request.path.parent, request.config.rootpath, Path.cwd()]) as factory:
        request.node.stash.setdefault(_FACTORIES, {})["nsrunner_pod"] = factory
        yield factory


@pytest.fixture(scope="session")
def nsrunner_pod_session(request: pytest.FixtureRequest) -> Iterator[PodFactory]:
    """The same for pods that several tests share: they end with the session. With pytest-xdist each worker has its own.

    Files are looked for below the root directory.
    """
    with _factory(request, [request.config.rootpath, Path.cwd()]) as factory:
        request.session.stash.setdefault(_FACTORIES, {})["nsrunner_pod_session"] = factory
        yield factory


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and report.when in ("setup", "call"):
        for factory in _factories(item):
            for title, text in factory.report():
                report.sections.append((title, text))
    return report


def _factories(item: pytest.Item) -> list[PodFactory]:
    own = item.stash.get(_FACTORIES, {})
    shared = item.session.stash.get(_FACTORIES, {}) if "nsrunner_pod_session" in _names(item) else {}
    return [*own.values(), *shared.values()]


def _names(item: pytest.Item) -> list[str]:
    """All fixtures that the test uses, directly or through others."""
    names: list[str] = getattr(item, "fixturenames", [])
    return names
