"""A pod whose spec changes while it lives: ephemeral containers (kubelet-semantics 24, 6.1), other images (2.5, 6.3,
30.1), a deadline."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from nsrunner.lifecycle import BadValue, IllegalEvent, PodMachine
from nsrunner.lifecycle.commands import EnsureImage
from nsrunner.lifecycle.events import ConditionSet, ImageReady, PodAdded, SpecChanged
from nsrunner.model.types import Container, EphemeralContainer, ExecAction, Lifecycle, LifecycleHandler
from unit.lifecycle.play import Play, make_pod

HANDLER = LifecycleHandler(exec=ExecAction(command=("true",)))


def debug(play: Play, *names: str) -> list[str]:
    return play.spec(ephemeral_containers=tuple(EphemeralContainer(name=name, image="busybox") for name in names))


def running(*containers: str | Container, **fields: Any) -> Play:
    play = Play(make_pod(*containers, **fields)).begin()
    for container in containers:
        play.run(container if isinstance(container, str) else container.name)
    play.events.clear()
    play.recorded.clear()
    return play


def image(play: Play, name: str, image: str = "other") -> list[str]:
    def changed(containers: tuple[Container, ...]) -> tuple[Container, ...]:
        return tuple(structs.replace(each, image=image) if each.name == name else each for each in containers)

    spec = play.machine.pod.spec
    return play.spec(containers=changed(spec.containers), init_containers=changed(spec.init_containers))


# Section 24: ephemeral containers.


def test_24_an_ephemeral_container_is_started_in_the_running_pod() -> None:
    play = running("c")
    assert debug(play, "e") == ["image e"]
    assert play.state_of("e") == "waiting ContainerCreating"
    play.run("e")
    assert play.state_of("e") == "running"
    assert play.recorded[-1].field_path == "spec.ephemeralContainers{e}"
    assert (play.phase, play.says("Ready")) == ("Running", "True")


@pytest.mark.parametrize("code", [0, 1])
def test_24_it_is_never_restarted_and_its_end_is_of_no_consequence(code: int) -> None:
    play = running("c")
    debug(play, "e")
    play.run("e")
    assert play.exit("e", code) == []
    assert play.state_of("e").startswith(f"terminated {code}")
    assert (play.phase, play.says("Ready"), play.machine.next_deadline()) == ("Running", "True", None)
    assert debug(play, "e", "f") == ["image f"]
    play.run("f")
    assert play.exit("c", 0) == ["image c"]


def test_6_1_24_it_starts_before_init_containers_are_done() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    assert debug(play, "e") == ["image e"]
    play.run("e")
    assert (play.state_of("e"), play.phase) == ("running", "Pending")


def test_24_it_does_not_wait_for_hooks_of_others() -> None:
    play = Play(make_pod(Container(name="c", image="busybox", lifecycle=Lifecycle(post_start=HANDLER)))).begin()
    play.run("c")
    assert debug(play, "e") == ["image e"]


def test_6_1_what_left_no_record_is_tried_again() -> None:
    play = running("c")
    debug(play, "e")
    play.image("e")
    play.start_failed("e", "CreateContainerConfigError", "unable to find target container x")
    assert play.state_of("e") == "waiting CreateContainerConfigError"
    assert play.until_deadline() == ["image e"]
    play.image("e")
    assert play.start_failed("e", "RunContainerError") == []
    assert (play.state_of("e"), play.machine.next_deadline()) == ("terminated 128 StartError", None)


def test_24_it_ends_with_the_pod() -> None:
    play = running("c", policy="Never")
    debug(play, "e")
    play.run("e")
    assert play.exit("c", 0) == ["TERM e/0"], "it does not keep the pod alive"
    assert play.events[-1] == "Killing: Stopping container e"
    assert play.exit("e", 143) == ["stop sandbox 0"]
    play.sandbox_stopped()
    assert play.phase == "Succeeded"


def test_24_it_does_not_outlive_its_sandbox() -> None:
    play = running("c")
    debug(play, "e", "f")
    play.run("e")
    play.sandbox_died()
    play.sandbox_stopped()
    assert play.sandbox() == ["image f"], "that one has never run"
    assert play.run("f")[-1] == "image c"
    assert play.state_of("e") == "terminated 137 ContainerStatusUnknown"


def test_an_ephemeral_container_of_a_pod_that_ends_is_not_started() -> None:
    play = running("c")
    play.delete()
    assert debug(play, "e") == []
    assert play.exit("c", 0) == ["stop sandbox 0"]


def test_24_ephemeral_containers_start_first() -> None:
    play = Play(make_pod("c", init=["i"]))
    assert debug(play, "e") == []
    play.tell(PodAdded())
    assert play.sandbox() == ["image e"]
    assert play.run("e") == ["image i"]


def test_a_machine_is_restored_with_an_ephemeral_container_that_it_has_not_heard_of() -> None:
    play = running("c")
    saved = json.loads(json.dumps(play.machine.save()))
    debug(play, "e")
    restored = PodMachine.restore(play.machine.pod, saved)
    assert restored.value.containers["e"].state.name == "IDLE"
    with pytest.raises(BadValue):
        PodMachine.restore(make_pod("c"), play.machine.save())
    with pytest.raises(BadValue):
        PodMachine.restore(make_pod("c", "d"), saved)


# Sections 2.5, 6.3, 30.1: another image.


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_6_3_30_1_a_changed_image_restarts_a_running_container_whatever_the_policy(policy: str) -> None:
    play = running("a", Container(name="c", image="busybox", lifecycle=Lifecycle(pre_stop=HANDLER)), policy=policy)
    assert image(play, "c") == ["PreStop c/0"]
    assert play.events == ["Killing: Container c definition changed, will be restarted"]
    assert play.machine.next_deadline() == 30
    play.hook_done("c")
    assert play.exit("c", 0) == ["image c"]
    play.run("c")
    assert (play.status_of("c").image, play.status_of("c").restart_count) == ("other", 1)
    assert play.status_of("a").restart_count == 0


def test_7_a_changed_image_restarts_a_sidecar_but_not_a_plain_init_container() -> None:
    play = Play(make_pod("c", init=[Container(name="s", image="busybox", restart_policy="Always"), "i"])).begin()
    play.run("s")
    assert image(play, "s") == ["TERM s/0"]
    assert play.events[-1] == "Killing: Init container s definition changed"
    play.exit("s", 0)
    play.run("i")
    play.run("s")
    assert image(play, "i") == []
    assert play.exit("i", 1)[-1] == "image i"
    play.image("i")
    assert play.events[-1].startswith('Pulled: Container image "other"')


def test_7_a_plain_init_container_that_is_being_started_is_left_alone() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.image("i")
    assert image(play, "i") == []
    assert play.runs("i") == []
    assert play.exit("i", 0) == ["image c"]


def test_33_14_nothing_but_the_image_restarts() -> None:
    play = running("c")
    assert play.spec(containers=(Container(name="c", image="busybox", command=("x",)),)) == []
    pod = play.machine.pod
    assert play.tell(SpecChanged(pod=structs.replace(pod, metadata=structs.replace(pod.metadata, generation=9)))) == []
    assert play.machine.status().observed_generation == 9


def test_33_3_another_image_ends_a_back_off() -> None:
    play = running("c")
    for _ in range(2):
        play.exit("c", 1)
        if play.machine.next_deadline() is None:
            play.run("c")
    assert play.state_of("c") == "waiting CrashLoopBackOff"
    assert image(play, "c") == ["image c"]
    play.run("c")
    play.exit("c", 1)
    assert play.machine.next_deadline() == 10, "from zero"


def test_another_image_while_the_old_one_is_pulled() -> None:
    play = Play(make_pod("c")).begin()
    old = play.pending(EnsureImage)
    assert image(play, "c") == ["image c"]
    assert play.tell(ImageReady(id=old.id, container="c")) == []
    assert play.image("c") == ["start c/0"]
    assert play.events == ['Pulled: Container image "other" already present on machine and can be accessed by the pod']


def test_another_image_instead_of_one_that_cannot_be_pulled() -> None:
    play = Play(make_pod("c")).begin()
    play.image_failed("c")
    assert image(play, "c") == ["image c"]
    play.run("c")
    assert play.state_of("c") == "running"


def test_another_image_while_the_container_is_started() -> None:
    play = Play(make_pod("c", grace=7)).begin()
    play.image("c")
    assert image(play, "c") == []
    play.time = 1
    assert play.runs("c") == ["TERM c/0"]
    assert play.events[-1] == "Killing: Container c definition changed, will be restarted"
    assert play.machine.next_deadline() == 8
    assert play.exit("c", 0) == ["image c"]
    assert play.image("c") == ["start c/1"]


@pytest.mark.parametrize(("grace", "line"), [(9, "TERM c/0"), (0, "KILL c/0")])
def test_deletion_after_another_image_while_the_container_is_started(grace: int, line: str) -> None:
    play = Play(make_pod("c", grace=30)).begin()
    play.image("c")
    image(play, "c")
    play.delete(grace)
    play.time = 1
    assert play.runs("c") == [line]
    assert play.events[-1] == "Killing: Stopping container c"
    assert play.machine.next_deadline() == (9 if grace else None)
    assert play.exit("c", 0)[-1] == "stop sandbox 0"


def test_another_image_while_a_container_is_started_that_ends_or_fails() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.image("c")
    image(play, "c")
    play.exit("c", 0, attempt=0)
    assert play.runs("c") == ["image c"]
    failed = Play(make_pod("c")).begin()
    failed.image("c")
    image(failed, "c")
    assert failed.start_failed("c", "CreateContainerError") == []
    assert failed.machine.next_deadline() == 10


def test_another_image_while_the_container_is_being_stopped() -> None:
    play = running("c")
    play.delete()
    assert image(play, "c") == []
    assert play.exit("c", 0) == ["stop sandbox 0"]


# What else changes, and what cannot.


def test_16_a_deadline_that_is_set_later_counts_from_the_start() -> None:
    play = running("c")
    play.time = 5
    play.spec(active_deadline_seconds=8)
    assert play.machine.next_deadline() == 8
    assert play.until_deadline() == ["TERM c/0"]


@pytest.mark.parametrize("containers", [(), ("d",), ("c", "d")])
def test_regular_containers_do_not_come_and_go(containers: tuple[str, ...]) -> None:
    play = running("c")
    before = play.machine.pod
    with pytest.raises(IllegalEvent):
        play.spec(containers=tuple(Container(name=name, image="busybox") for name in containers))
    assert play.machine.pod is before


def test_ephemeral_containers_do_not_go() -> None:
    play = running("c")
    debug(play, "e")
    with pytest.raises(IllegalEvent):
        debug(play)


def test_another_pod_is_another_pod() -> None:
    play = running("c")
    pod = play.machine.pod
    with pytest.raises(IllegalEvent):
        play.tell(SpecChanged(pod=structs.replace(pod, metadata=structs.replace(pod.metadata, uid="u2"))))


def test_13_conditions_of_others_are_kept_in_every_state() -> None:
    play = Play(make_pod("c"))
    assert play.tell(ConditionSet(type="example.com/x", status="True", reason="Why", message="because")) == []
    play.begin()
    assert play.says("example.com/x") == "True Why because"
