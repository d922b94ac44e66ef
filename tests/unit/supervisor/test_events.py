"""Counting, combining and limiting of events: kubelet-semantics 28."""

from nsrunner.lifecycle.commands import RecordEvent
from nsrunner.lifecycle.events import Now
from nsrunner.supervisor.events import KubeEvent, Recorder


def recorder() -> tuple[Recorder, list[KubeEvent]]:
    published: list[KubeEvent] = []
    return Recorder(namespace="default", pod="web", uid="u", sink=published.append), published


def warning(message: str, *, reason: str = "BackOff", path: str = "spec.containers{web}") -> RecordEvent:
    return RecordEvent(type="Warning", reason=reason, message=message, field_path=path)


def at(seconds: float) -> Now:
    return Now(mono=seconds, wall=1_700_000_000 + seconds)


def test_an_identical_event_is_counted_under_its_first_name() -> None:
    record, published = recorder()
    first = record.record(warning("again"), at(0))
    second = record.record(warning("again"), at(5))
    assert first is not None and second is not None
    assert (second.name, second.count, second.first, second.last) == (first.name, 2, first.first, 1_700_000_005)
    assert published == [first, second]
    assert record.events == (second,)


def test_another_message_reason_or_container_is_another_event() -> None:
    record, published = recorder()
    for command in (
        warning("a"),
        warning("b"),
        warning("a", reason="Failed"),
        warning("a", path="spec.containers{db}"),
    ):
        record.record(command, at(0))
    assert [event.count for event in published] == [1, 1, 1, 1]
    assert len({event.name for event in published}) == 4


def test_the_tenth_similar_event_and_all_that_follow_are_combined() -> None:
    record, published = recorder()
    for number in range(12):
        record.record(warning(f"attempt {number}"), at(number))
    assert [event.message for event in published[8:]] == [
        "attempt 8",
        "(combined from similar events): attempt 9",
        "(combined from similar events): attempt 10",
        "(combined from similar events): attempt 11",
    ]
    assert [event.count for event in published[8:]] == [1, 1, 2, 3]


def test_ten_quiet_minutes_end_the_combining() -> None:
    record, published = recorder()
    for number in range(10):
        record.record(warning(f"attempt {number}"), at(number))
    record.record(warning("attempt 10"), at(9 + 600.5))
    assert published[-1].message == "attempt 10"


def test_a_burst_is_limited_and_one_comes_back_every_five_minutes() -> None:
    record, published = recorder()
    for _ in range(30):
        record.record(warning("again"), at(0))
    assert len(published) == 25
    assert record.record(warning("again"), at(299)) is None
    allowed = record.record(warning("again"), at(301))
    assert allowed is not None and allowed.count == 32  # those that were held back are counted


def test_the_object_as_the_api_shows_it() -> None:
    record, _ = recorder()
    event = record.record(warning("again"), at(0))
    assert event is not None
    shown = event.to_dict("node")
    assert shown["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web",
        "namespace": "default",
        "uid": "u",
        "fieldPath": "spec.containers{web}",
    }
    assert shown["firstTimestamp"] == "2023-11-14T22:13:20Z"
    assert shown["source"] == {"component": "kubelet", "host": "node"}
    assert event.container == "web"


def test_an_event_about_the_pod_has_no_field_path() -> None:
    record, _ = recorder()
    event = record.record(warning("x", path=""), at(0))
    assert event is not None
    assert "fieldPath" not in event.to_dict()["involvedObject"]
    assert event.container == ""
