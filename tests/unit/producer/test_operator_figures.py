"""The arithmetic of the operator's page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producer.console.operator_figures import TALLEST, TOP, chart, ended_in, waits
from storage.fleet import Ended, Past, Queue, Waiting

ENDED = st.builds(
    Ended,
    minute=st.integers(0, 59),
    state=st.sampled_from(["succeeded", "failed", "blocked", "canceled", "expired"]),
    model=st.just("default"),
    tenant=st.sampled_from(["acme", "umbrella"]),
    count=st.integers(1, 5000),
    cost=st.just(60.0),
)


@given(st.lists(ENDED, max_size=40))
def test_the_bars_of_the_chart_hold_every_job_and_stay_inside(ended: list[Ended]) -> None:
    drawn = chart(Past(tuple(ended), 60))
    assert sum(bar.count for bar in drawn.bars) == sum(one.count for one in ended)
    assert all(bar.y >= TOP - 0.5 and bar.y + bar.height <= TOP + TALLEST + 0.5 for bar in drawn.bars)
    assert all(abs(bar.height - TALLEST * bar.count / drawn.top) < 0.01 for bar in drawn.bars)
    assert len({(bar.x, bar.kind) for bar in drawn.bars}) == len(drawn.bars)
    assert drawn.top % 2 == 0


@given(st.lists(ENDED, max_size=40), st.integers(1, 60))
def test_a_span_counts_what_lies_in_it(ended: list[Ended], minutes: int) -> None:
    counted = ended_in(Past(tuple(ended), 60), minutes)
    assert sum(counted.values()) == sum(one.count for one in ended if one.minute < minutes)


def test_the_backlog_is_what_waits_at_the_pace_of_what_succeeded_lately() -> None:
    past = Past(
        (Ended(3, "succeeded", "default", "acme", 20, 1200.0), Ended(30, "succeeded", "xl", "acme", 1, 60.0)), 60
    )
    queue = Queue(
        (
            Waiting("queued", "default", "bulk", "acme", 5, 300.0, 9.0),
            Waiting("queued", "xl", "bulk", "acme", 1, 60.0, 4.0),
        ),
        True,
    )
    by_model = {line.name: line for line in waits(queue, past).models}
    assert by_model["default"].backlog == 300.0 / (1200.0 / 600.0)
    assert by_model["xl"].backlog is None, "nothing of it succeeded lately"
    assert waits(queue, past).total.backlog is None
    only = Queue(queue.groups[:1], True)
    assert waits(only, past).total.backlog == 150.0


def test_the_oldest_is_the_oldest_that_is_queued() -> None:
    groups = (Waiting("queued", "m", "bulk", "a", 1, 1.0, 5.0), Waiting("running", "m", "bulk", "a", 1, 1.0, 500.0))
    total = waits(Queue(groups, True), Past((), 60)).total
    assert (total.queued, total.running, total.oldest) == (1, 1, 5.0)


def test_the_longest_queues_of_tenants_come_first() -> None:
    groups = tuple(
        Waiting("queued", "m", "bulk", name, count, 1.0, 1.0) for name, count in (("a", 1), ("b", 9), ("c", 4))
    )
    assert [line.name for line in waits(Queue(groups, True), Past((), 60), most_tenants=2).tenants] == ["b", "c"]
