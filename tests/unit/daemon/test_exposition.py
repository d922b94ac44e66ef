"""Prometheus's text format."""

from __future__ import annotations

from nsrunner.daemon.exposition import Counter, Gauge, Histogram, render


def test_counters_gauges_and_histograms() -> None:
    plain, labelled = Counter("a_total", "A."), Counter("b_total", "B.", ("x", "y"))
    plain.add()
    labelled.add("1", 'say "hi"\\\n')
    labelled.add("2", "z", by=2.5)
    gauge = Gauge("c", "C.", lambda: {("n",): 3, ("m",): 0.5}, ("who",))
    seconds = Histogram("d_seconds", "D.", (0.1, 1))
    for value in (0.05, 0.1, 0.7, 9):
        seconds.observe(value)
    assert render([plain, labelled, gauge, seconds]) == (
        "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"
        "# HELP b_total B.\n# TYPE b_total counter\n"
        'b_total{x="1",y="say \\"hi\\"\\\\\\n"} 1\nb_total{x="2",y="z"} 2.5\n'
        '# HELP c C.\n# TYPE c gauge\nc{who="n"} 3\nc{who="m"} 0.5\n'
        "# HELP d_seconds D.\n# TYPE d_seconds histogram\n"
        'd_seconds_bucket{le="0.1"} 2\nd_seconds_bucket{le="1"} 3\nd_seconds_bucket{le="+Inf"} 4\n'
        "d_seconds_sum 9.85\nd_seconds_count 4\n"
    )


def test_series_of_what_is_gone_go() -> None:
    counter = Counter("a_total", "A.", ("pod", "uid"))
    counter.add("web", "1")
    counter.add("web", "2")
    counter.drop("uid", "1")
    assert [line for line in counter.lines() if not line.startswith("#")] == ['a_total{pod="web",uid="2"} 1']


def test_a_counter_without_labels_begins_at_nought() -> None:
    assert list(Counter("a_total", "A.").lines())[-1] == "a_total 0"
