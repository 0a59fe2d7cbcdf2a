"""The heartbeat against a real table of jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from storage.database import Database, db_now
from storage.job import Job, Order
from storage.job_reader import JobReader
from tests.jobs import Desk, change
from worker.heartbeat import Heartbeat
from worker.stop import StopReason


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def watched(desk: Desk) -> tuple[Heartbeat, Job, list[Order | None]]:
    desk.submit()
    job = desk.claim_one()
    heart, told = Heartbeat(desk.leases, "w1"), list[Order | None]()
    heart.watch(job, told.append)
    return heart, job, told


def test_a_beat_keeps_the_lease_and_stores_progress(desk: Desk, database: Database) -> None:
    heart, job, told = watched(desk)
    change(database, job.id, lease_expires_at=db_now(-1))
    heart.progress(job, 9)
    heart.beat()
    assert (desk.leases.reap(), told) == ([], [])
    assert JobReader(database).get(job.id, job.tenant_id).step == 9


def test_orders_reach_the_job_once(desk: Desk) -> None:
    heart, job, told = watched(desk)
    desk.jobs.cancel(job.id, job.tenant_id)
    heart.beat()
    heart.beat()
    assert told == [Order.CANCEL]


def test_a_lost_job_is_told_so(desk: Desk, database: Database) -> None:
    heart, job, told = watched(desk)
    change(database, job.id, lease_owner="somebody else")
    heart.beat()
    assert told == [None]
    assert StopReason.of(None) is StopReason.LOST


def test_a_forgotten_job_is_not_renewed(desk: Desk, database: Database) -> None:
    heart, job, told = watched(desk)
    heart.forget(job)
    change(database, job.id, lease_expires_at=db_now(-1))
    heart.beat()
    assert (desk.leases.reap(), told) == ([job.id], [])


def test_the_heart_outlives_a_database_that_is_away(desk: Desk, database: Database) -> None:
    heart = Heartbeat(desk.leases, "w1", beat_seconds=0.01)
    job = desk.submit()
    claimed = desk.claim_one()
    failed, told = threading.Event(), threading.Event()
    beat = desk.leases.beat

    def away(*_: object) -> dict[tuple[str, int], Order]:
        failed.set()
        raise OSError("the database is away")

    desk.leases.beat = away  # type: ignore[method-assign, assignment]
    heart.watch(claimed, lambda _: told.set())
    heart.start()
    assert failed.wait(5)
    desk.leases.beat = beat  # type: ignore[method-assign]
    desk.jobs.cancel(job.id, job.tenant_id)
    assert told.wait(5)
    heart.close()


def test_a_hung_process_renews_nothing_more(desk: Desk, database: Database) -> None:
    desk.submit()
    job, ended = desk.claim_one(), threading.Event()
    heart = Heartbeat(desk.leases, "w1", 0.01, is_hung=lambda: True, end=ended.set)
    heart.watch(job, lambda _: None)
    change(database, job.id, lease_expires_at=db_now(-1))
    heart.start()
    assert ended.wait(5)
    heart.close()
    assert desk.leases.reap() == [job.id]


def test_a_deadline_that_passes_by_the_databases_clock_is_told(desk: Desk, database: Database) -> None:
    heart, job, told = watched(desk)
    change(database, job.id, deadline_at=db_now(-0.001))
    heart.beat()
    assert told == [Order.EXPIRE]
