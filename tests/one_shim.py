"""Fixtures of a pod whose shim the test controls itself.

Import those that are used: ``from one_shim import peer as peer, pod as pod, removed as removed, shim as shim``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_shim import Peer, Shim
from shim_pod import Pod, shim_of

__all__ = ["peer", "pod", "removed", "shim"]


@pytest.fixture
def pod() -> Pod:
    return Pod(Path(os.environ["NSRUNNER_ROOT"]))


@pytest.fixture
def shim(pod: Pod) -> Iterator[Shim]:
    with shim_of(pod) as running:
        yield running


@pytest.fixture
def peer(shim: Shim) -> Iterator[Peer]:
    controller = Peer(shim.path)
    yield controller
    controller.close()


@pytest.fixture
def removed(pod: Pod, shim: Shim, peer: Peer) -> Iterator[None]:
    """At the end everything is removed, and nothing is left."""
    yield
    assert peer.call("REMOVE_POD").kind == "OK"
    assert shim.wait() == 0
    assert pod.left() == []
