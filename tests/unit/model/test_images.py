from __future__ import annotations

import time

import pytest

from nsrunner.model.images import image_problem, is_latest, is_local

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "latest"),
    [
        ("busybox", True),
        ("busybox:latest", True),
        ("busybox:1.36", False),
        (f"busybox@{DIGEST}", False),
        (f"busybox:latest@{DIGEST}", False),
        ("localhost:5000/busybox", True),
        ("localhost:5000/busybox:1", False),
        ("localhost:5000/a/b:latest", True),
        (":1", True),
        ("", True),
    ],
)
def test_latest(image: str, latest: bool) -> None:
    assert is_latest(image) is latest


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "library/busybox",
        "docker.io/library/busybox:1.36",
        "registry.k8s.io/pause:3.10",
        "localhost:5000/a_b/c__d/e-f---g.h",
        "[::1]:5000/x",
        f"busybox@{DIGEST}",
        f"a.b/c:d@{DIGEST}",
        "host",
        "rootfs:/srv/x",
        "a/" + "b" * 253,
    ],
)
def test_well_formed(image: str) -> None:
    assert image_problem(image) == ""


@pytest.mark.parametrize(
    "image",
    [
        "",
        "Busybox",
        "busybox:",
        "busybox:a b",
        "busybox@sha256:12",
        "a//b",
        "/a",
        "a/",
        "-a",
        "a..b",
        "a:b:c",
        "a\n",
        "ü",
        "http://a/b",
        "rootfs:srv",
        "rootfs:",
        "a/" + "b" * 254,
    ],
)
def test_malformed(image: str) -> None:
    assert image_problem(image) != ""


def test_no_backtracking() -> None:
    started = time.monotonic()
    for text in ("a-" * 2000 + "!", "a." * 2000 + "/", "_" * 4000, "A" * 4096, "a" * 10_000_000):
        assert image_problem(text)
    assert time.monotonic() - started < 5


def test_local() -> None:
    assert is_local("host")
    assert is_local("rootfs:/x")
    assert not is_local("busybox")
    assert not is_local("host:1")
