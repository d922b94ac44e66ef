"""A pod's value while one event is worked on. Nothing of it counts until ``PodMachine.handle`` has come to its end."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from nsrunner.lifecycle import container
from nsrunner.lifecycle.events import Now
from nsrunner.lifecycle.outbox import Outbox
from nsrunner.lifecycle.policy import PodPlan
from nsrunner.lifecycle.step import Step
from nsrunner.lifecycle.value import PodState, PodValue

__all__ = ["Draft"]


class Draft:
    def __init__(self, value: PodValue, plan: PodPlan, out: Outbox, now: Now) -> None:
        self.value = value
        self.plan = plan
        self.out = out
        self.now = now

    @property
    def state(self) -> PodState:
        return self.value.state

    def change(self, **changes: Any) -> None:
        """Set fields of the pod's value."""
        self.value = replace(self.value, **changes)

    def tell(self, name: str, event: object) -> None:
        """Give an input to the machine of one container."""
        containers = self.value.containers
        before = containers[name]
        after = container.step(before, event, Step(self.plan.containers[name], self.now, self.out))
        if after is not before:
            self.change(containers={**containers, name: after})

    def tell_all(self, event: object) -> None:
        for name in self.plan.containers:
            self.tell(name, event)
