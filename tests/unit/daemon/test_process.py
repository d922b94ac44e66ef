"""What the daemon does to its own process, with and without python-prctl."""

from __future__ import annotations

import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nsrunner.daemon import process


class Prctl(SimpleNamespace):
    def __init__(self, *, fails: bool = False) -> None:
        self.calls: list[tuple[str, object]] = []
        self.fails = fails

    def _called(self, name: str, value: object) -> None:
        if self.fails:
            raise PermissionError(1, "Operation not permitted")
        self.calls.append((name, value))

    def set_name(self, name: str) -> None:
        self._called("name", name)

    def set_child_subreaper(self, value: int) -> None:
        self._called("subreaper", value)

    def set_dumpable(self, value: int) -> None:
        self._called("dumpable", value)


def test_name_subreaper_and_dumpable(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Prctl()
    monkeypatch.setattr(process, "prctl", lambda: fake)
    assert process.settle() == []
    assert fake.calls == [("name", "nsrunner-daemon"), ("subreaper", 1), ("dumpable", 0)]


def test_what_is_refused_is_told_and_the_rest_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "prctl", lambda: Prctl(fails=True))
    assert [problem.split(":")[1] for problem in process.settle()] == [" its name", " subreaper", " dumpable"]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prctl", None)
    assert process.prctl() is None
    assert "python-prctl is not installed" in process.settle()[0]
    assert process.missing_rights(("CHOWN", "SYS_ADMIN"), effective=1) == ["SYS_ADMIN"]


def test_as_many_descriptors_as_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "prctl", Prctl)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        process.settle()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_rights_are_those_of_the_kernels_mask() -> None:
    names = (*process.NEEDED, *process.OPTIONAL)
    with open("/proc/self/status", encoding="ascii") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    assert process.missing_rights(names) == process.missing_rights(names, effective=mask)
    assert process.missing_rights(names, effective=0) == list(names)
    assert process.missing_rights(names, effective=2**64 - 1) == []


def test_the_real_thing_in_a_process_of_its_own() -> None:
    pytest.importorskip("prctl", reason="python-prctl is not installed")
    program = (
        "import prctl; from nsrunner.daemon import process; problems = process.settle(); "
        "print(problems, open('/proc/self/comm').read().strip(), prctl.get_child_subreaper(), prctl.get_dumpable())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] nsrunner-daemon 1 False\n"


@pytest.mark.parametrize("module", ["nsrunner", "nsrunner.library.engine", "nsrunner.cli.main", "nsrunner.cli.run"])
def test_the_library_and_run_never_import_it(module: str) -> None:
    program = (
        f"import sys, {module}; import nsrunner; nsrunner.Pod; "
        "print([name for name in sys.modules if name.startswith(('prctl', '_prctl', 'nsrunner.daemon'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
