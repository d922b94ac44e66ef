from __future__ import annotations

import pytest

from nsrunner.lifecycle.events import Event
from nsrunner.model.types import AnyContainer, Container, EphemeralContainer, Pod, PodSpec
from nsrunner.supervisor.ledger import Ledger
from nsrunner.supervisor.plan import ConfigError, CreateError
from nsrunner.supervisor.targets import target_id

DEBUGGER = EphemeralContainer(name="debugger", target_container_name="web")


def of(container: AnyContainer = DEBUGGER, *, instances: dict[int, bool], **spec: bool) -> str:
    """With these instances of the target, which run or have ended."""
    posted: list[Event] = []
    ledger = Ledger(posted.append)
    for attempt, runs in instances.items():
        ledger.starting("web", attempt, f"id-{attempt}")
        ledger.started("web", attempt, 7)
        if not runs:
            ledger.sandbox_stopped()
    return target_id(Pod(spec=PodSpec(containers=(Container(name="web"),), **spec)), container, ledger)


@pytest.mark.parametrize("instances", [{0: True}, {0: False, 1: True}])
def test_the_running_instance(instances: dict[int, bool]) -> None:
    assert of(instances=instances) == f"id-{max(instances)}"


@pytest.mark.parametrize("container", [Container(name="other"), EphemeralContainer(name="debugger")])
def test_who_names_none(container: AnyContainer) -> None:
    assert of(container, instances={0: True}) == ""


@pytest.mark.parametrize("shared", ["share_process_namespace", "host_pid"])
def test_where_all_see_each_other(shared: str) -> None:
    assert of(instances={}, **{shared: True}) == ""


def test_one_that_has_ended() -> None:
    with pytest.raises(CreateError, match='container "web" is not running - in state CONTAINER_EXITED'):
        of(instances={0: False})


def test_one_that_was_never_started() -> None:
    with pytest.raises(ConfigError, match=r"^unable to find target container web$"):
        of(instances={})
