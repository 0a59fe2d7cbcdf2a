"""What is news to a caller: every event once and in order, progress only forwards and only of a run it knows of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from producer.telling import Telling
from storage.job import JobEvent
from storage.live import Live

MOVES = ("job.queued", "job.started", "job.held", "job.cancel_requested")
ENDS = ("job.succeeded", "job.failed", "job.blocked", "job.canceled", "job.expired")


def history(*types: str) -> list[JobEvent]:
    """Events of these types. Their ids fall, as if each were made by a machine whose clock is later than the last's."""
    began, attempt, events = datetime(2026, 1, 1, tzinfo=UTC), 0, []
    for index, type in enumerate(types):
        attempt += type == "job.started"
        at = began + timedelta(seconds=index)
        events.append(JobEvent(f"evt_{99 - index}", "job_1", type, attempt, at, {}))
    return events


@given(st.lists(st.sampled_from(MOVES), max_size=12), st.sampled_from(ENDS), st.lists(st.integers(0, 13)))
def test_each_event_is_told_once_and_in_order_however_often_one_looks(
    moves: list[str], end: str, looks: list[int]
) -> None:
    whole = history(*moves, end)
    telling, told = Telling(None, []), []
    for seen in [*sorted(looks), len(whole)]:
        assert not telling.ended or seen >= len(whole)
        told += telling.events(whole[:seen])
    assert told == whole
    assert telling.ended


@given(st.integers(0, 5), st.integers(0, 5))
def test_a_caller_that_comes_again_gets_the_rest(known: int, happened: int) -> None:
    whole = history("job.queued", "job.started", "job.queued", "job.started", "job.cancel_requested", "job.canceled")
    last = whole[known].id
    then = whole[: max(known, happened) + 1]
    telling = Telling(last, then)
    assert telling.ended == (known == 5)
    assert telling.events(then) == then[known + 1 :]
    assert telling.events(whole) == whole[len(then) :]


def test_an_id_that_is_not_the_jobs_starts_from_the_beginning() -> None:
    whole = history("job.queued", "job.started")
    for foreign in (None, "", "evt_of_another_job"):
        assert Telling(foreign, whole).events(whole) == whole


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 9)), max_size=30))
def test_progress_never_goes_backwards(heard: list[tuple[int, int]]) -> None:
    telling = Telling(None, [])
    telling.events(history("job.queued", "job.started"))
    told = [place for place in heard if telling.progress(Live(*place, steps=9))]
    assert told == sorted(set(told))
    assert all(attempt == 1 for attempt, _ in told)


def test_progress_belongs_to_a_run_that_the_caller_knows_of() -> None:
    events = history("job.queued", "job.started", "job.queued", "job.started", "job.succeeded")
    telling = Telling(None, [])
    telling.events(events[:1])
    assert telling.is_early(Live(1, 3, 9))
    assert not telling.progress(Live(1, 3, 9)), "not before the job started"
    telling.events(events[:2])
    assert telling.progress(Live(1, 3, 9))
    telling.events(events[:3])
    assert not telling.progress(Live(1, 4, 9)), "the job waits again"
    telling.events(events[:4])
    assert not telling.progress(Live(1, 5, 9)), "a worker that lost the job says so late"
    assert telling.progress(Live(2, 0, 9)), "the second run begins anew"
    telling.events(events)
    assert not telling.progress(Live(2, 9, 9))


def test_a_preview_is_news_although_its_step_is_not() -> None:
    telling = Telling(None, [])
    telling.events(history("job.queued", "job.started"))
    assert telling.progress(Live(1, 3, 9))
    assert not telling.progress(Live(1, 3, 9))
    assert telling.progress(Live(1, 3, 9, "data:image/png;base64,"))
