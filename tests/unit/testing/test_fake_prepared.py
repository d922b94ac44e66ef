"""What a fake shim holds before its program."""

from __future__ import annotations

import pytest

from nsrunner.sandbox.spec import ContainerSpec, RootSpec
from nsrunner.testing.fake_prepared import Preparing


def spec(attempt: int) -> ContainerSpec:
    return ContainerSpec(
        name="web", attempt=attempt, id=f"web{attempt}".ljust(64, "0"), root=RootSpec(lower="/"), argv=("x",), env=()
    )


@pytest.mark.parametrize(("exit_code", "held"), [(0, True), (1, True), (137, False)])
def test_a_successor_is_held_from_the_end_on_unless_that_was_a_signals(exit_code: int, held: bool) -> None:
    sandbox = Preparing()
    sandbox.prepare_container(spec(1), after=spec(0).id)
    assert (sandbox.prepared, sandbox.successors) == ({}, {spec(0).id: spec(1)})
    sandbox.prepare_successor(spec(0).id, exit_code)
    assert (sandbox.prepared, sandbox.successors) == ({"web": spec(1)} if held else {}, {})


def test_what_is_to_follow_one_that_has_ended_is_held_at_once() -> None:
    sandbox = Preparing()
    sandbox.prepare_successor(spec(0).id, 1)
    sandbox.prepare_container(spec(1), after=spec(0).id)
    assert sandbox.prepared == {"web": spec(1)}


def test_either_may_be_forgotten() -> None:
    sandbox = Preparing()
    sandbox.prepare_container(spec(1))
    sandbox.prepare_container(spec(2), after=spec(1).id)
    sandbox.forget_container(spec(1).id)
    assert (sandbox.prepared, len(sandbox.successors)) == ({}, 1)
    sandbox.forget_container(spec(2).id)
    assert sandbox.successors == {}
    assert sandbox.forgotten == [spec(1).id, spec(2).id]
