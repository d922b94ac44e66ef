"""A draft changes nothing but itself."""

from __future__ import annotations

from nsrunner.lifecycle.draft import Draft
from nsrunner.lifecycle.orders import Stop, Want
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.value import ContainerState, ContainerValue, PodState, PodValue
from unit.lifecycle.play import instant, make_pod


def test_a_draft_leaves_the_value_it_came_from() -> None:
    value = PodValue(containers={"a": ContainerValue(), "b": ContainerValue()})
    draft = Draft(value, plan_of(make_pod("a", "b")), Outbox(1, {}), instant(0))
    draft.tell("a", Want())
    draft.change(state=PodState.ACTIVE)
    assert (draft.value.containers["a"].state, draft.state) == (ContainerState.QUEUED, PodState.ACTIVE)
    draft.tell_all(Stop(until=1))
    assert {known.state for known in draft.value.containers.values()} == {ContainerState.ENDED}
    assert value == PodValue(containers={"a": ContainerValue(), "b": ContainerValue()})
