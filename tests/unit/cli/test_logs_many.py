from __future__ import annotations

import pytest

from nsrunner.cli.logs_many import Source, all_containers, show_all
from nsrunner.cli.parser import Misuse
from nsrunner.errors import UsageError


def source(name: str, *texts: bytes) -> Source:
    return Source("web", name, lambda: iter(texts))


def test_lines_stay_whole(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sources = [source("a", b"on", b"e\ntwo\nthr", b"ee"), source("b", b"x\n")]
    assert show_all(sources, follow=False, prefix=True, most=5) == 0
    out = capfdbinary.readouterr().out
    assert out == b"[pod/web/a] one\n[pod/web/a] two\n[pod/web/a] three[pod/web/b] x\n"
    assert show_all(sources[1:] * 2, follow=True, prefix=False, most=5) == 0
    assert capfdbinary.readouterr().out == b"x\nx\n"


def test_failures() -> None:
    def fails() -> None:
        raise UsageError("no log")

    bad = Source("web", "a", fails)  # type: ignore[arg-type] # it never gives anything
    with pytest.raises(UsageError):
        show_all([bad], follow=False, prefix=False, most=5)
    with pytest.raises(UsageError):
        show_all([bad, source("b")], follow=True, prefix=False, most=5)
    assert show_all([bad], follow=False, prefix=False, most=5, ignore_errors=True) == 1
    with pytest.raises(Misuse, match="--max-log-requests"):
        show_all([bad, bad], follow=True, prefix=False, most=1)


def test_all_containers() -> None:
    pod = {"spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}}
    assert all_containers(pod) == ["i", "c"]
