"""What a release has left on disk is read by the next ones: stored samples, one directory for each format.

``PYTHONPATH=tests python -m unit.daemon.test_upgrade DIRECTORY`` makes the sample of the present format, to be stored
when that is released. A sample is never changed: when its test fails, old state has to be converted as it is read.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from nsrunner.sandbox import state
from nsrunner.sandbox.records import Stamp
from nsrunner.testing.fake_run import Instance
from nsrunner.testing.fake_sandbox import FakeSandbox, FakeShims, Run
from unit.daemon.pods_world import daemon_pods, manifest

SAMPLES: Final = Path(__file__).parents[2] / "data" / "state"
FILES: Final = ("pod.json", "object.json", "machine.json")


def probed(name: str) -> dict[str, Any]:
    object = manifest(name)
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "successThreshold": 2}
    object["spec"]["containers"][0]["readinessProbe"] = probe
    return object


async def make(root: Path) -> float:
    """A pod that is Ready, one in its back-off, one that has ended, one that is being deleted. When that was, by the
    loop's clock."""
    shims = FakeShims()
    shims.script("crashes", Run(lasts=0.05, exit_code=7))
    shims.script("done", Run(lasts=0.05, exit_code=3))
    shims.script("goes", Run(ignores_term=True))
    async with daemon_pods(root, shims) as d:
        for name in ("crashes", "done", "goes"):
            object = manifest(name)
            object["spec"]["containers"][0]["name"] = name
            object["spec"]["restartPolicy"] = "Never" if name == "done" else "Always"
            await d.create(object)
        await d.create(probed("ready"))
        await d.until(lambda: d.container("ready").get("ready"))
        await d.until(lambda: d.status("done").get("phase") == "Failed")
        await d.until(lambda: d.container("crashes").get("restartCount") == 1)
        await d.until(lambda: "waiting" in d.container("crashes")["state"])
        await d.running("goes")
        await d.delete("goes", 600)
        await asyncio.sleep(0.5)
        await d.store.committed()
        return asyncio.get_running_loop().time()


def store_sample(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as root:
        at = asyncio.run(make(Path(root)))
        boot = state._boot_id()
        texts = {"time": f"{at}\n", "store.sql": dump(Path(root, "lib", "store.db"))}
        for path in sorted(Path(root, "run", "pods").rglob("*.json")):
            if path.name in FILES:
                text = path.read_text().replace(root, "@ROOT@").replace(boot, "@BOOT@")
                texts[f"{path.parent.name}/{path.name}"] = f"{text}\n"
        for name, text in texts.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)


def dump(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("DELETE FROM changes WHERE version <= (SELECT MAX(version) - 5 FROM changes)")
        connection.execute("DELETE FROM objects WHERE resource = 'events'")
        return "\n".join([*connection.iterdump(), f"PRAGMA user_version={version};", ""])
    finally:
        connection.close()


class Machine:
    """The state of a sample, put where a daemon looks for it, and the shims that it speaks of."""

    def __init__(self, sample: Path, root: Path) -> None:
        self.time = float((sample / "time").read_text())
        (root / "lib").mkdir()
        connection = sqlite3.connect(root / "lib" / "store.db")
        connection.executescript((sample / "store.sql").read_text())
        rows = connection.execute("SELECT name, object FROM objects WHERE resource = 'pods'").fetchall()
        connection.close()
        self.objects: dict[str, dict[str, Any]] = {name: json.loads(data) for name, data in rows}
        self.shims = FakeShims()
        for each in sorted(path for path in sample.iterdir() if path.is_dir()):
            run = root / "run" / "pods" / each.name
            run.mkdir(parents=True)
            for path in each.iterdir():
                text = path.read_text().replace("@ROOT@", str(root)).replace("@BOOT@", state._boot_id())
                (run / path.name).write_text(text)
            self._stand(each.name, next(o for o in self.objects.values() if o["metadata"]["uid"] == each.name))

    def _stand(self, uid: str, object: Mapping[str, Any]) -> None:
        sandbox = self.shims.sandboxes[uid] = FakeSandbox(self.shims, uid, stays=True)
        self.shims.left.add(uid)
        sandbox.attempt = 0
        (container,) = object["status"]["containerStatuses"]
        if "running" in container["state"]:
            identity = container["containerID"].partition("://")[2]
            spec: Any = SimpleNamespace(
                id=identity, name=container["name"], attempt=container["restartCount"], log=None
            )
            run = Run(ignores_term=container["name"] == "goes")
            sandbox._instances[identity] = Instance(spec, run, Stamp(boottime=self.time, realtime=0), 4711)

    def play(self, script: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """On a loop whose clock goes on from the sample's."""
        loop = Later(self.time)
        try:
            loop.run_until_complete(script())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


class Later(asyncio.SelectorEventLoop):
    def __init__(self, begins: float) -> None:
        self._shift = 0.0
        super().__init__()
        self._shift = begins - super().time()

    def time(self) -> float:
        return super().time() + self._shift


def told(status: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key != "observedGeneration"}


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*")), ids=lambda path: path.name)
def test_what_an_earlier_release_left_is_carried_on(sample: Path, tmp_path: Path) -> None:
    before = Machine(sample, tmp_path)

    async def script() -> None:
        async with daemon_pods(tmp_path, before.shims) as d:
            await d.pods.taken_over()
            assert {name: told(d.status(name)) for name in before.objects} == {
                name: told(object["status"]) for name, object in before.objects.items()
            }
            assert {call.name for call in before.shims.calls} <= {"connect", "exec"}
            assert len(before.shims.sandboxes) == 4
            uid = before.objects["ready"]["metadata"]["uid"]
            before.shims.sandboxes[uid].exit("c", 42)
            await d.until(lambda: d.container("ready").get("restartCount") == 1)
            assert d.container("ready")["lastState"]["terminated"]["exitCode"] == 42
            (waits,) = (t for t in d.pods.tasks.values() if t.pod.metadata.name == "crashes")
            (due,) = waits.next_starts.values()
            left = due - d.environment.clock.now().wall
            assert 0 < left < 10, "the back-off is of 10 seconds, some of which had passed"
            assert d.pods.tasks[before.objects["goes"]["metadata"]["uid"]].deleted
            for name in ("crashes", "done", "ready", "goes"):
                await d.delete(name)
            while d.pods.tasks:
                await next(iter(d.pods.tasks.values())).wait_removed()
                await asyncio.sleep(0)
        assert not before.shims.left

    before.play(script)


def test_the_present_format_has_its_sample(tmp_path: Path) -> None:
    """Its versions are those of the newest sample, which therefore speaks for it."""
    store_sample(tmp_path)
    newest = max(SAMPLES.iterdir(), key=lambda path: path.name)
    assert versions(tmp_path) == versions(newest), "state of another format: store a sample of it"


def versions(sample: Path) -> dict[str, set[Any]]:
    """By file of a format."""
    found = {name: set[Any]() for name in ("pod.json", "machine.json")}
    for name, seen in found.items():
        seen.update(json.loads(path.read_text())["version"] for path in sample.glob(f"*/{name}"))
    return {**found, "store": {(sample / "store.sql").read_text().splitlines()[-1]}}


if __name__ == "__main__":
    store_sample(Path(sys.argv[1]))
