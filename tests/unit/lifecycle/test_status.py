"""Container statuses and the status around them (kubelet-semantics 11, 25)."""

from __future__ import annotations

import pytest
from msgspec import structs

from nsrunner.lifecycle import Settings
from nsrunner.lifecycle.commands import RunHook
from nsrunner.lifecycle.events import HookDone, SpecChanged
from nsrunner.lifecycle.policy import plan_of
from nsrunner.lifecycle.status import Statuses, cut, settle
from nsrunner.lifecycle.value import PodState
from nsrunner.model.quantity import Quantity
from nsrunner.model.types import (
    Container,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    Pod,
    ResourceRequirements,
    VolumeMount,
)
from unit.lifecycle.play import Play, make_pod


def test_11_before_anything_ran() -> None:
    play = Play(make_pod("c"))
    play.add()
    status = play.status_of("c")
    assert (play.state_of("c"), status.last_state, status.container_id) == ("waiting ContainerCreating", None, None)
    assert (status.ready, status.started, status.restart_count) == (False, False, 0)
    assert (status.image, status.image_id) == ("busybox", "")
    assert status.state is not None and status.state.waiting is not None and status.state.waiting.message is None


def test_11_statuses_are_sorted_by_name_but_init_containers_keep_their_order() -> None:
    status = Play(make_pod("b", "c", "a", init=["z", "y"])).machine.status()
    assert [container.name for container in status.container_statuses] == ["a", "b", "c"]
    assert [container.name for container in status.init_container_statuses] == ["z", "y"]


def test_11_a_running_container() -> None:
    play = Play(make_pod("c")).begin()
    play.time = 4.75
    play.run("c")
    status = play.status_of("c")
    assert status.state is not None and status.state.running is not None
    assert status.state.running.started_at == "2023-11-14T22:13:24Z"
    assert status.container_id == f"nsrunner://{3:064x}"
    assert (status.ready, status.started) == (True, True)


def test_11_a_dead_container() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.run("c")
    play.time = 9.9
    play.exit("c", 3, text="gone fishing")
    state = play.status_of("c").state
    assert state is not None and state.terminated is not None
    dead = state.terminated
    assert (dead.exit_code, dead.reason, dead.message, dead.signal) == (3, "Error", "gone fishing", None)
    assert (dead.started_at, dead.finished_at) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:29Z")
    assert dead.container_id == f"nsrunner://{3:064x}"
    assert (play.status_of("c").ready, play.status_of("c").started) == (False, False)


def test_11_whom_the_newest_instance_runs_as() -> None:
    def users(play: Play) -> tuple[int, int, tuple[int, ...]] | None:
        user = play.status_of("c").user
        return None if user is None or user.linux is None else structs.astuple(user.linux)

    play = Play(make_pod("c")).begin()
    assert users(play) is None
    play.run("c")
    assert users(play) == (1000, 0, (0, 7))
    play.exit("c", 1)
    assert users(play) == (1000, 0, (0, 7))
    play.run("c")
    assert users(play) == (1000, 1, (1, 7))


def test_11_whom_it_ran_as_is_known_of_an_instance_that_ended_before_its_start_was_answered() -> None:
    play = Play(make_pod("c", policy="Never")).begin()
    play.image("c")
    play.exit("c", 0, attempt=0)
    play.runs("c")
    user = play.status_of("c").user
    assert play.state_of("c").startswith("terminated") and user is not None and user.linux is not None
    assert (user.linux.uid, user.linux.gid, user.linux.supplemental_groups) == (1000, 0, (0, 7))


def test_25_messages_share_12_kib() -> None:
    pod = make_pod("c", "d", "e", init=["i"], policy="Never")
    ephemeral = (EphemeralContainer(name="debug", image="busybox"),)
    play = Play(structs.replace(pod, spec=structs.replace(pod.spec, ephemeral_containers=ephemeral))).begin()
    play.run("debug")
    play.run("i")
    play.exit("i", 0, text="a" * 4096)
    state = play.status_of("i").state
    assert state is not None and state.terminated is not None
    assert state.terminated.message == "a" * (12288 // 5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_25_up_to_three_containers_are_not_cut(count: int) -> None:
    play = Play(make_pod(*"abc"[:count])).begin()
    play.run("a")
    play.exit("a", 1, text="x" * 4096)
    state = play.status_of("a").state
    assert state is not None and state.terminated is not None
    assert state.terminated.message == "x" * 4096


def test_25_a_cut_keeps_the_first_bytes_and_no_half_character() -> None:
    assert cut("abcdef", 4) == "abcd"
    assert cut("aéé", 4) == "aé"
    assert cut("", 4) == ""


def test_11_what_the_spec_says_of_mounts_and_resources() -> None:
    resources = ResourceRequirements(requests={"cpu": Quantity("1")}, limits={"cpu": Quantity("2")})
    mounts = (
        VolumeMount(name="a", mount_path="/a"),
        VolumeMount(name="b", mount_path="/b", read_only=True, recursive_read_only="Disabled"),
        VolumeMount(name="c", mount_path="/c", read_only=True, recursive_read_only="IfPossible"),
        VolumeMount(name="d", mount_path="/d", read_only=True),
    )
    play = Play(make_pod(Container(name="c", image="busybox", resources=resources, volume_mounts=mounts)))
    status = play.status_of("c")
    assert status.resources == resources
    assert status.allocated_resources == resources.requests
    assert [(mount.name, mount.mount_path, mount.read_only) for mount in status.volume_mounts] == [
        ("a", "/a", False),
        ("b", "/b", True),
        ("c", "/c", True),
        ("d", "/d", True),
    ]
    assert [mount.recursive_read_only for mount in status.volume_mounts] == [None, "Disabled", "Enabled", "Enabled"]


def test_11_addresses_of_a_pod_of_its_own() -> None:
    play = Play(make_pod("c"), Settings(host_ips=("10.0.0.9", "fd00::9")))
    play.add()
    status = play.machine.status()
    assert (status.host_ip, [ip.ip for ip in status.host_ips]) == ("10.0.0.9", ["10.0.0.9", "fd00::9"])
    assert (status.pod_ip, status.pod_ips) == (None, ())
    play.sandbox("192.0.2.7")
    assert play.machine.status().pod_ip == "192.0.2.7"
    play.run("c")
    play.delete()
    play.exit("c", 0)
    play.sandbox_stopped()
    assert play.machine.status().pod_ip == "192.0.2.7"


def test_11_addresses_of_a_pod_on_the_hosts_network() -> None:
    play = Play(make_pod("c", host_network=True), Settings(host_ips=("10.0.0.9", "fd00::9"))).begin()
    status = play.machine.status()
    assert (status.pod_ip, [ip.ip for ip in status.pod_ips]) == ("10.0.0.9", ["10.0.0.9", "fd00::9"])


def test_13_start_time_generation_and_class() -> None:
    play = Play(make_pod("c"))
    play.time = 2
    play.add()
    play.time = 9
    play.sandbox()
    status = play.machine.status()
    assert status.start_time == "2023-11-14T22:13:22Z"
    assert (status.observed_generation, status.qos_class, status.phase) == (3, "BestEffort", "Pending")
    assert (status.reason, status.message, status.host_ip) == (None, None, None)


# Section 10.3: what a finished pod says of containers that never ran.


def test_10_3_init_containers_that_never_began_stay_as_they_are() -> None:
    play = Play(make_pod("c", init=["i", "j"])).begin()
    play.run("i")
    play.delete()
    play.exit("i", 143)
    play.sandbox_stopped()
    assert play.state_of("i") == "terminated 143 Error"
    assert (play.state_of("j"), play.state_of("c")) == ("waiting PodInitializing", "waiting PodInitializing")
    assert play.phase == "Failed"


def test_10_3_an_initialized_pod_whose_containers_never_began() -> None:
    play = Play(make_pod("c", init=["i"])).begin()
    play.run("i")
    play.exit("i", 0)
    play.delete()
    play.sandbox_stopped()
    assert (play.state_of("i"), play.state_of("c")) == (
        "terminated 0 Completed",
        "terminated 137 ContainerStatusUnknown",
    )
    state = play.status_of("c").state
    assert state is not None and state.terminated is not None
    assert state.terminated.message == "The container could not be located when the pod was terminated"
    assert (play.status_of("c").ready, play.status_of("c").started) == (False, False)


def test_10_3_what_is_written_off_is_neither_ready_nor_started() -> None:
    play = Play(make_pod("c")).begin()
    play.delete()
    play.sandbox_stopped()
    status = play.status_of("c")
    assert (play.state_of("c"), status.ready, status.started) == ("terminated 137 ContainerStatusUnknown", False, False)


def test_10_3_a_static_pod_is_not_forced_to_an_end() -> None:
    play = Play(make_pod("c", annotations={"kubernetes.io/config.source": "file"})).begin()
    play.run("c")
    play.delete()
    play.exit("c", 143)
    play.sandbox_stopped()
    assert (play.phase, play.machine.finished) == ("Running", True)


def test_11_a_restart_that_does_not_come_to_running_shows_the_last_end() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    play.exit("c", 5)
    play.image("c")
    play.start_failed("c", "CreateContainerError", "busy")
    status = play.status_of("c")
    assert (play.state_of("c"), play.last_state_of("c")) == ("waiting CreateContainerError", "5 Error")
    assert (status.restart_count, play.phase) == (0, "Running")


# Sidecars, ephemeral containers, hooks.


def sidecar(name: str) -> Container:
    return Container(name=name, image="busybox", restart_policy="Always")


def test_14_5_a_plain_init_container_is_ready_when_it_has_succeeded_a_sidecar_while_it_runs() -> None:
    play = Play(make_pod("c", init=["i", sidecar("s"), "j"])).begin()
    play.run("i")
    assert (play.status_of("i").ready, play.status_of("i").started) == (False, True)
    play.exit("i", 0)
    assert (play.status_of("i").ready, play.status_of("i").started) == (True, False)
    play.run("s")
    assert (play.status_of("s").ready, play.status_of("s").started) == (True, True)
    play.exit("s", 0)
    assert (play.status_of("s").ready, play.status_of("s").started) == (False, False)


def with_debug(play: Play, *names: str) -> None:
    """Add ephemeral containers."""
    pod = play.machine.pod
    added = tuple(EphemeralContainer(name=name, image="busybox") for name in names)
    play.tell(SpecChanged(pod=structs.replace(pod, spec=structs.replace(pod.spec, ephemeral_containers=added))))


def test_24_ephemeral_containers_have_statuses_of_their_own_sorted_by_name() -> None:
    play = Play(make_pod("c")).begin()
    play.run("c")
    assert play.machine.status().ephemeral_container_statuses == ()
    with_debug(play, "z", "d")
    status = play.machine.status()
    assert [container.name for container in status.ephemeral_container_statuses] == ["d", "z"]
    assert [container.name for container in status.container_statuses] == ["c"]
    assert (play.says("Ready"), play.phase) == ("True", "Running")
    play.run("z")
    debug = play.machine.status().ephemeral_container_statuses[1]
    assert debug.state is not None and debug.state.running is not None
    assert (debug.ready, debug.started, debug.restart_count) == (False, None, 0)
    play.exit("z", 1)
    debug = play.machine.status().ephemeral_container_statuses[1]
    assert debug.state is not None and debug.state.terminated is not None, "24: never restarted"
    assert (play.says("Ready"), play.phase) == ("True", "Running")


def test_24_before_it_runs_an_ephemeral_container_waits_as_all_do() -> None:
    for init, reason in (([], "ContainerCreating"), (["i"], "PodInitializing")):
        play = Play(make_pod("c", init=init)).begin()
        with_debug(play, "d")
        state = play.machine.status().ephemeral_container_statuses[0].state
        assert state is not None and state.waiting is not None and state.waiting.reason == reason


def hooked(play_pod: Pod) -> Play:
    play = Play(play_pod).begin()
    play.image("c")
    assert play.runs("c") == ["PostStart c/0"]
    return play


def post_start(policy: str = "Always") -> Pod:
    hook = LifecycleHandler(exec=ExecAction(command=("x",)))
    return make_pod(Container(name="c", image="busybox", lifecycle=Lifecycle(post_start=hook)), policy=policy)


def hook_done(play: Play, error: str = "") -> list[str]:
    command = play.pending(RunHook)
    return play.tell(HookDone(id=command.id, container="c", attempt=command.attempt, hook=command.hook, error=error))


def test_15_a_container_waits_to_the_world_until_its_post_start_hook_is_done() -> None:
    play = hooked(post_start())
    assert (play.state_of("c"), play.status_of("c").ready, play.status_of("c").started) == (
        "waiting ContainerCreating",
        False,
        False,
    )
    assert (play.phase, play.says("Ready").split()[0]) == ("Pending", "False")
    hook_done(play)
    assert (play.state_of("c"), play.status_of("c").ready, play.phase) == ("running", True, "Running")


def test_15_a_failed_post_start_hook_is_why_it_waits_while_it_is_killed() -> None:
    play = hooked(post_start())
    assert hook_done(play, "Exec lifecycle hook ([x]) failed") == ["TERM c/0"]
    waiting = play.status_of("c").state
    assert waiting is not None and waiting.waiting is not None
    assert (waiting.waiting.reason, waiting.waiting.message) == (
        "PostStartHookError",
        "Exec lifecycle hook ([x]) failed",
    )
    assert not play.status_of("c").ready
    play.exit("c", 143)
    assert play.state_of("c") == "waiting PostStartHookError"
    assert play.last_state_of("c") == "143 Error"


def test_the_stop_signal_that_the_spec_names_is_shown() -> None:
    c = Container(name="c", image="busybox", lifecycle=Lifecycle(stop_signal="SIGUSR1"))
    play = Play(make_pod(c, "d"))
    assert (play.status_of("c").stop_signal, play.status_of("d").stop_signal) == ("SIGUSR1", None)


# Section 10.3 with sidecars.


def test_10_3_a_pod_that_ends_with_only_a_sidecar_started_was_not_initialized() -> None:
    play = Play(make_pod("c", init=[sidecar("s")])).begin()
    play.run("s")
    play.delete()
    play.exit("s", 0)
    play.sandbox_stopped()
    assert (play.state_of("s"), play.state_of("c")) == ("terminated 0 Completed", "waiting PodInitializing")


def test_10_3_a_regular_container_that_ran_shows_that_sidecars_let_it() -> None:
    play = Play(make_pod("c", "d", init=[sidecar("s")], policy="Never")).begin()
    play.run("s")
    play.run("c")
    play.delete()
    play.exit("c", 0)
    play.exit("s", 0)
    play.sandbox_stopped()
    assert (play.state_of("c"), play.state_of("d")) == (
        "terminated 0 Completed",
        "terminated 137 ContainerStatusUnknown",
    )


def test_a_status_is_made_again_when_its_container_s_value_is_another() -> None:
    play = Play(make_pod("a", "b")).begin()
    play.run("a")
    value = play.machine.value
    statuses = Statuses(play.machine.pod, plan_of(play.machine.pod))
    before = statuses.of(value)
    changed = structs.replace(value.containers["b"], reason="Odd")
    after = statuses.of(structs.replace(value, containers={**value.containers, "b": changed}))
    assert after["a"] is before["a"]
    assert after["b"] != before["b"]
    assert statuses.of(value) == before


def test_a_value_settles_as_before_until_something_shown_is_another() -> None:
    play = Play(make_pod("a")).begin()
    play.run("a")
    settled = play.machine.value
    statuses = Statuses(play.machine.pod, plan_of(play.machine.pod))
    alike = structs.replace(settled, queue=("x",), next_id=99)
    assert settle(statuses, alike, 1e9, settled=settled) is alike
    stopped = structs.replace(settled.containers["a"], current=None)
    for other in (
        structs.replace(settled, state=PodState.STOPPED, reason="Evicted"),
        structs.replace(settled, state=PodState.RENEWING),
        structs.replace(settled, containers={"a": stopped}),
    ):
        assert settle(statuses, other, 1e9, settled=settled) != other
        assert settle(statuses, other, 1e9, settled=settled) == settle(statuses, other, 1e9)
