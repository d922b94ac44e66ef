"""Usage between two looks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from nsrunner.api.ports import PodRef, Stats, Usage
from nsrunner.api.resources import Resource
from nsrunner.api.server import metrics as module
from nsrunner.api.server.metrics import Metrics

from ..registry.served import pod, serving

pytestmark = pytest.mark.asyncio

WEB, OTHER = PodRef("default", "web", "1"), PodRef("team", "other", "2")


class Read:
    """Each look finds what is next, and the clock a second later."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: Mapping[PodRef, Mapping[str, Usage]]) -> None:
        self._looks = iter(looks)
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)
        self.slept = 0

    async def _sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += seconds

    async def __call__(self) -> Stats:
        return Stats(node=Usage(self.now, 4 << 20), pods=next(self._looks))


def find(registry: object, plural: str) -> Resource:
    found = registry.find("metrics.k8s.io", "v1beta1", plural)  # type: ignore[attr-defined]
    assert found is not None
    return found  # type: ignore[no-any-return]


async def test_pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {WEB: {"c": Usage(1.0, 1 << 20)}, OTHER: {"x": Usage(5.0, 0)}}
    second = {OTHER: {"x": Usage(4.0, 0)}, WEB: {"new": Usage(0.0, 0), "c": Usage(1.25, 2 << 20)}}
    async with serving(tmp_path) as served:
        await served.create("pods", pod())
        read = Read(monkeypatch, first, second, second)
        metrics = Metrics(served.registry, read, "node-1")
        (found,) = await metrics.objects(find(served.registry, "pods"), None)  # the other has begun anew meanwhile
        assert found["metadata"]["name"] == "web" and found["metadata"]["labels"] == {"app": "web"}
        assert found["window"] == "1.000s"
        assert found["containers"] == [{"name": "c", "usage": {"cpu": "250000000n", "memory": "2048Ki"}}]
        resource = find(served.registry, "pods")
        assert resource.row(found, 0) == ["web", "250000000n", "2048Ki", "1.000s"]
        # The last look is where the next window begins: nobody waits.
        read.now += 10
        assert [each["metadata"]["name"] for each in await metrics.objects(resource, "team")] == ["other"]
        assert read.slept == 1


@pytest.mark.parametrize("later", [{"c": Usage(1.0, 0), "new": Usage(0.0, 0)}, {"c": Usage(0.5, 0)}])
async def test_what_has_begun_since_the_last_look_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: Mapping[str, Usage]
) -> None:
    before = {WEB: {"c": Usage(1.0, 0)}}
    async with serving(tmp_path) as served:
        read = Read(monkeypatch, before, before, {WEB: later}, {WEB: later})
        metrics = Metrics(served.registry, read, "node-1")
        await metrics.objects(find(served.registry, "pods"), None)
        read.now += 10
        (found,) = await metrics.objects(find(served.registry, "pods"), None)
        assert [each["name"] for each in found["containers"]] == list(later)
        assert read.slept == 2 and found["window"] == "1.000s"


async def test_an_old_look_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as served:
        read = Read(monkeypatch, {}, {}, {}, {})
        metrics = Metrics(served.registry, read, "node-1")
        resource = find(served.registry, "nodes")
        await metrics.objects(resource, None)
        read.now += 1000
        (found,) = await metrics.objects(resource, None)
        assert read.slept == 2
        assert found["usage"] == {"cpu": "1000000000n", "memory": "4096Ki"}
        assert resource.row(found, 0) == ["node-1", "1000000000n", "4096Ki", "1.000s"]
