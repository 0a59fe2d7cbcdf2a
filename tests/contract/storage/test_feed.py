"""The feed of events misses nothing and repeats nothing, whatever transactions are open beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from storage import ids
from storage.database import Database
from storage.errors import EventNotFound
from storage.events import Event, add_events
from storage.feed import Feed
from storage.job import JobEvent
from tests.jobs import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def feed(database: Database) -> Feed:
    """Without the lag, so that nothing but the look at open transactions protects a reader."""
    return Feed(database, lag_seconds=-1.0)


def walk(feed: Feed, tenant_id: str, limit: int, after: str | None = None) -> Iterator[JobEvent]:
    """Every event from `after` on, page by page."""
    while True:
        page = feed.page(tenant_id, after=after, limit=limit)
        yield from page.events
        if not page.has_more:
            return
        after = page.last


def test_pages_show_every_event_of_the_tenant_once_in_order(database: Database, desk: Desk, feed: Feed) -> None:
    jobs = [desk.submit() for _ in range(3)]
    Desk(database, "somebody else").submit()
    desk.jobs.cancel(jobs[1].id, desk.tenant_id)
    seen = list(walk(feed, desk.tenant_id, limit=2))
    assert [event.type for event in seen] == ["job.queued"] * 3 + ["job.canceled"]
    assert [event.job_id for event in seen] == [*(job.id for job in jobs), jobs[1].id]
    assert list(walk(feed, desk.tenant_id, 2, after=seen[1].id)) == seen[2:]


def test_an_event_that_is_committed_late_is_not_overtaken(postgres_url: str) -> None:
    """Its time and its id come before those of events that are committed sooner."""
    database = Database(postgres_url)
    desk, feed = Desk(database), Feed(database, lag_seconds=-1.0)
    job = desk.submit()
    with database.transaction() as slow:
        # However slow the machine that runs this test.
        slow.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        add_events(slow, [Event(job.id, desk.tenant_id, 0, "job.slow", {})])
        desk.jobs.cancel(job.id, desk.tenant_id)
        early = feed.page(desk.tenant_id)
        assert [event.type for event in early.events] == ["job.queued"]
    late = feed.page(desk.tenant_id, after=early.last)
    assert [event.type for event in late.events] == ["job.slow", "job.canceled"]
    database.close()


def test_a_writer_is_waited_for_in_sqlite(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    desk, feed = Desk(database), Feed(database, lag_seconds=-1.0)
    job, found = desk.submit(), list[JobEvent]()
    reader = threading.Thread(target=lambda: found.extend(feed.page(desk.tenant_id).events))
    with database.transaction() as slow:
        add_events(slow, [Event(job.id, desk.tenant_id, 0, "job.slow", {})])
        reader.start()
        assert not found
    reader.join()
    assert [event.type for event in found] == ["job.queued", "job.slow"]
    database.close()


def test_an_id_made_by_a_clock_that_is_late_is_not_missed(
    desk: Desk, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.submit()
    read = feed.page(desk.tenant_id).last
    hour_ago = time.time_ns() - 3600 * 10**9
    with monkeypatch.context() as late:
        late.setattr(ids, "_last", 0)
        late.setattr(ids.time, "time_ns", lambda: hour_ago)
        desk.jobs.cancel(job.id, desk.tenant_id)
    (event,) = feed.page(desk.tenant_id, after=read).events
    assert event.type == "job.canceled"
    assert read is not None
    assert event.id < read


def test_a_reader_beside_many_writers_sees_all_of_them(postgres_url: str) -> None:
    """Eight writers, and a reader that goes on from wherever it was: at the end it has seen exactly what there is."""
    database = Database(postgres_url)
    desk, feed = Desk(database), Feed(database, lag_seconds=0.0)
    stop = threading.Event()

    def write() -> None:
        for _ in range(15):
            desk.jobs.cancel(desk.submit().id, desk.tenant_id)

    writers = [threading.Thread(target=write) for _ in range(8)]
    seen: list[str] = []

    def read() -> None:
        last: str | None = None
        while True:
            ending = stop.is_set()
            page = feed.page(desk.tenant_id, after=last, limit=7)
            seen.extend(event.id for event in page.events)
            last = page.last or last
            if ending and not page.has_more:
                return

    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    there = [event.id for event in walk(Feed(database, -1.0), desk.tenant_id, 1000)]
    assert len(there) == 240
    assert seen == there
    database.close()


def test_what_is_younger_than_the_lag_waits(database: Database, desk: Desk) -> None:
    desk.submit()
    assert Feed(database, lag_seconds=60.0).page(desk.tenant_id).events == ()


def test_a_filter_moves_on_over_what_it_leaves_out(desk: Desk, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.feed.LOOKED_THROUGH", 4)
    for _ in range(6):
        desk.submit()
    desk.jobs.cancel(desk.submit().id, desk.tenant_id)
    first = feed.page(desk.tenant_id, types=["job.canceled"])
    assert (first.events, first.has_more) == ((), True)
    second = feed.page(desk.tenant_id, types=["job.canceled"], after=first.last)
    assert ([event.type for event in second.events], second.has_more) == (["job.canceled"], False)


def test_it_can_begin_at_a_time(desk: Desk, feed: Feed) -> None:
    desk.submit()
    assert feed.page(desk.tenant_id, since=datetime.now(UTC) + timedelta(hours=1)).events == ()
    assert len(feed.page(desk.tenant_id, since=datetime.now(UTC) - timedelta(hours=1)).events) == 1


def test_an_event_of_somebody_else_is_no_place_to_begin(database: Database, desk: Desk, feed: Feed) -> None:
    other = Desk(database, "somebody else")
    other.submit()
    (theirs,) = feed.page(other.tenant_id).events
    with pytest.raises(EventNotFound):
        feed.page(desk.tenant_id, after=theirs.id)


def test_a_page_is_read_along_the_index(postgres_url: str) -> None:
    database = Database(postgres_url)
    desk = Desk(database)
    job = desk.submit()
    with database.transaction() as connection:
        add_events(connection, [Event(job.id, desk.tenant_id, 0, "job.queued", {}) for _ in range(2000)])
        connection.execute(sa.text("ANALYZE job_events"))
        plan = "\n".join(
            connection.scalars(
                sa.text(
                    "EXPLAIN SELECT * FROM job_events WHERE tenant_id = :t AND at < now() AND (at, id) > (now(), 'e') "
                    "ORDER BY at, id LIMIT 100"
                ),
                {"t": desk.tenant_id},
            )
        )
    assert "ix_job_events_feed" in plan
    assert "Sort" not in plan
    database.close()
