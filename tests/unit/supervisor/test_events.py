"""Counting, combining and limiting of events: kubelet-semantics 28."""

from nsrunner.lifecycle.commands import RecordEvent
from nsrunner.lifecycle.events import Now
from nsrunner.supervisor.events import REMEMBERED, KubeEvent, Recorder


def recorder() -> tuple[Recorder, list[KubeEvent]]:
    published: list[KubeEvent] = []

    def sink(event: KubeEvent) -> None:
        if event.published:
            published.append(event)

    return Recorder(namespace="default", pod="web", uid="u", sink=sink), published


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


# Combining: kubelet-semantics 28, and events_cache.go, which it names.


def test_28_nine_messages_go_on_to_be_counted_each_by_itself() -> None:
    record, published = recorder()
    for number in range(12):
        record.record(warning(f"attempt {number}"), at(number))
    for number in range(9):
        record.record(warning(f"attempt {number}"), at(20))
    assert [(event.message, event.count) for event in published[12:]] == [
        (f"attempt {number}", 2) for number in range(9)
    ]


def test_28_events_of_all_containers_are_combined_and_keep_the_first_ones_place() -> None:
    record, published = recorder()
    for number in range(11):
        record.record(warning(f"attempt {number}", path=f"spec.containers{{c{number}}}"), at(number))
    combined = published[-1]
    assert (combined.field_path, combined.count) == ("spec.containers{c9}", 2)
    assert combined.message == "(combined from similar events): attempt 10"
    assert (combined.name, combined.first, combined.last) == (published[-2].name, at(9).wall, at(10).wall)


def test_28_other_reasons_and_types_are_not_similar() -> None:
    record, published = recorder()
    for number in range(9):
        record.record(warning(f"attempt {number}"), at(0))
    record.record(warning("attempt 9", reason="Failed"), at(0))
    record.record(RecordEvent(type="Normal", reason="BackOff", message="attempt 9"), at(0))
    assert [event.message for event in published[9:]] == ["attempt 9", "attempt 9"]


def test_28_the_window_counts_from_the_newest_of_them_to_the_second() -> None:
    for quiet, message in ((600.0, "(combined from similar events): attempt 10"), (600.001, "attempt 10")):
        record, published = recorder()
        for number in range(10):
            record.record(warning(f"attempt {number}"), at(number * 590))
        record.record(warning("attempt 10"), at(9 * 590 + quiet))
        assert published[-1].message == message


def test_28_combining_that_begins_anew_goes_on_with_the_same_event() -> None:
    record, published = recorder()
    for start in (0, 5000):
        for number in range(10):
            record.record(warning(f"attempt {number}"), at(start))
    assert [event.count for event in published[-2:]] == [2, 2]
    assert published[-1].message == "(combined from similar events): attempt 9"


# The limit.


def test_28_the_limit_is_the_pods_not_the_reasons_or_the_containers() -> None:
    record, published = recorder()
    for number in range(30):
        record.record(warning("x", reason=f"R{number}", path=f"spec.containers{{c{number % 3}}}"), at(0))
    assert [event.reason for event in published] == [f"R{number}" for number in range(25)]


def test_28_what_was_never_published_is_not_remembered_but_counted() -> None:
    record, published = recorder()
    for number in range(25):
        record.record(warning("x", reason=f"R{number}"), at(0))
    assert record.record(warning("late"), at(1)) is None
    assert len(record.events) == 25
    event = record.record(warning("late"), at(400))
    assert event is not None
    assert (event.count, event.first, event.last) == (2, at(1).wall, at(400).wall)
    assert published[-1] == event and record.events[-1] == event


def test_those_who_look_on_are_told_of_what_is_held_back() -> None:
    told: list[KubeEvent] = []
    record = Recorder(namespace="default", pod="web", uid="u", sink=told.append)
    for second in range(27):
        record.record(warning("again"), at(second))
    assert [(event.count, event.published) for event in told[23:]] == [(24, True), (25, True), (26, False), (27, False)]
    assert all(event.published for event in record.events)
    again = record.record(warning("again"), at(400))
    assert again is not None and (again.count, again.published) == (28, True)


def test_28_events_show_what_was_published_last() -> None:
    record, published = recorder()
    for second in range(40):
        record.record(warning("again"), at(second))
    assert record.events == (published[-1],)
    assert (published[-1].count, published[-1].last) == (25, at(24).wall)


def test_28_the_bucket_holds_25_however_long_nothing_happens() -> None:
    record, published = recorder()
    record.record(warning("again"), at(0))
    for _ in range(40):
        record.record(warning("again"), at(1_000_000))
    assert len(published) == 1 + 25


def test_28_a_day_of_a_crash_loop() -> None:
    """One BackOff each five minutes: as fast as the bucket refills."""
    record, published = recorder()
    for number in range(288):
        record.record(warning("Back-off restarting failed container web"), at(number * 301))
    assert len(published) == 288
    assert (record.events[0].count, record.events[0].first) == (288, at(0).wall)


def test_what_has_not_happened_for_long_is_forgotten_first() -> None:
    record, _ = recorder()
    record.record(warning("often", reason="Often"), at(0))
    for number in range(REMEMBERED):
        second = number * 301.0
        record.record(warning("x", reason=f"R{number}"), at(second))
        if number % 1000 == 0:
            record.record(warning("often", reason="Often"), at(second))
    names = [event.reason for event in record.events]
    assert "Often" in names and "R0" not in names
    assert len(names) == REMEMBERED
