"""Usage is the same whether it was added up or not, and counts every job that ended once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.job import JobError
from storage.tables import job_events
from storage.usage import Usage
from storage.usage_store import UsageStore
from storage.usage_tables import usage_hours
from tests.jobs import Desk, new_job, result

RECEIPT = {"actual_steps": 30, "timings": {"denoise": 2.5}}


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def usage(database: Database) -> UsageStore:
    return UsageStore(database)


def succeed(desk: Desk) -> str:
    """A job of 60 UNet rows that took 2.5 seconds."""
    desk.submit()
    job = desk.claim_one()
    made = result(job)
    assert desk.jobs.succeed(job, type(made)(made.images, RECEIPT, made.safety, made.model))
    return job.id


def happened(database: Database, job_id: str, at: datetime) -> None:
    """Moves a job's events to another time."""
    with database.transaction() as connection:
        connection.execute(sa.update(job_events).where(job_events.c.job_id == job_id).values(at=at))


def today(usage: UsageStore, desk: Desk) -> Usage:
    day = datetime.now(UTC).date()
    return usage.days(desk.tenant_id, day - timedelta(1), day)[day]


def test_what_ended_is_counted_by_its_state_and_what_it_took(desk: Desk, usage: UsageStore) -> None:
    succeed(desk)
    desk.submit()
    assert desk.jobs.fail(desk.claim_one(), JobError("internal", "x"))
    desk.submit()
    stopped = desk.claim_one()
    desk.jobs.finish_cancel(stopped, receipt={"actual_steps": 15, "denoise_seconds": 1.0})
    desk.jobs.cancel(desk.submit().id, desk.tenant_id)
    desk.submit()
    found = today(usage, desk)
    assert found.jobs == {"succeeded": 1, "failed": 1, "canceled": 2}
    assert (found.images, found.unet_rows, found.gpu_seconds) == (1, 60 + 30, 3.5)


def test_a_tenant_sees_its_own_only(database: Database, desk: Desk, usage: UsageStore) -> None:
    succeed(desk)
    assert today(usage, Desk(database, "other")) == Usage()


def test_added_up_it_is_the_same(database: Database, desk: Desk, usage: UsageStore) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    moments = [noon, noon + timedelta(minutes=59), noon + timedelta(hours=1), noon + timedelta(hours=30)]
    for moment in moments:
        happened(database, succeed(desk), moment)
    happened(database, desk.submit().id, noon - timedelta(days=9))
    succeed(desk)
    span = (noon.date() - timedelta(1), datetime.now(UTC).date())
    before = usage.days(desk.tenant_id, *span)
    assert sum(one.jobs.get("succeeded", 0) for one in before.values()) == 5

    hours = 0
    while usage.add_up(desk.tenant_id):
        hours += 1
    assert hours == 3, "hours without a job cost nothing"
    assert usage.days(desk.tenant_id, *span) == before
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.sum(usage_hours.c.jobs))) == 4, "the hour that goes on is left open"
    assert usage.add_up(desk.tenant_id) == 0


def test_what_is_added_up_is_not_gone_through_again(database: Database, desk: Desk, usage: UsageStore) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    happened(database, succeed(desk), past)
    while usage.add_up(desk.tenant_id):
        pass
    with database.transaction() as connection:
        connection.execute(sa.update(usage_hours).values(images=77))
    assert usage.days(desk.tenant_id, past.date(), past.date())[past.date()].images == 77


def test_a_tenant_without_jobs_has_nothing_to_add_up(desk: Desk, usage: UsageStore) -> None:
    assert usage.add_up(desk.tenant_id) == 0
    assert usage.days(desk.tenant_id, date(2026, 1, 1), date(2026, 1, 2)) == {
        date(2026, 1, 1): Usage(), date(2026, 1, 2): Usage()
    }  # fmt: skip
    assert new_job(desk.tenant_id).tenant_id in usage.tenants()
