"""Places in the queue, estimates, and how far estimates were off."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from storage.database import Database, db_now
from storage.forecast_tables import forecasts
from storage.forecaster import SOON, Forecaster
from storage.job import Priority
from storage.outlook import Outlook
from storage.params import InpaintParams
from tests.jobs import Desk, change, result

OTHER = InpaintParams(prompt="a red circle", model="other").resolved(native_size=128, seed=7)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def outlook(database: Database) -> Outlook:
    """One that reads anew each time."""
    return Outlook(database, fresh_seconds=-1.0)


def painted(database: Database, desk: Desk, *, seconds: float) -> None:
    """A job of 60 UNet rows that ran for `seconds` and ended now."""
    desk.submit()
    job = desk.claim_one()
    assert desk.jobs.succeed(job, result(job))
    change(database, job.id, started_at=db_now(-seconds))


def test_a_page_of_jobs_is_one_query(database: Database, desk: Desk, outlook: Outlook) -> None:
    jobs = [desk.submit() for _ in range(5)]
    others = [desk.submit(params=OTHER) for _ in range(2)]
    done = desk.claim_one()
    seen: list[str] = []
    sa.event.listen(database._engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    found = outlook.of([*jobs, *others, done])
    assert [found[job.id].position for job in jobs[1:]] == [0, 1, 2, 3]
    assert [found[job.id].position for job in others] == [0, 1]
    assert done.id not in found
    assert len([one for one in seen if "count(*) OVER" in one]) == 1


def test_the_order_is_that_of_fair_shares(database: Database, desk: Desk, outlook: Outlook) -> None:
    bulk = desk.submit(priority=Priority.BULK)
    urgent = desk.submit(priority=Priority.INTERACTIVE)
    found = outlook.of([bulk, urgent])
    assert (found[urgent.id].position, found[bulk.id].position) == (0, 1)


def test_the_estimate_is_the_work_ahead_at_the_pace_of_late(database: Database, desk: Desk, outlook: Outlook) -> None:
    for _ in range(4):
        painted(database, desk, seconds=20.0)  # side by side: 240 rows in about 20 seconds
    jobs = [desk.submit(cost=600.0), desk.submit(cost=120.0), desk.submit()]
    found = [outlook.of(jobs)[job.id] for job in jobs]
    assert [one.position for one in found] == [0, 1, 2]
    assert found[0].eta_seconds == 0
    assert found[1].eta_seconds == pytest.approx(600 / 12, rel=0.1)
    assert found[2].eta_seconds == pytest.approx(720 / 12, rel=0.1)
    assert found[2].run_seconds == pytest.approx(20.0, rel=0.1)


def test_without_a_job_of_the_last_hour_nothing_is_foretold(database: Database, desk: Desk, outlook: Outlook) -> None:
    jobs = [desk.submit(), desk.submit()]
    found = outlook.of(jobs)
    assert (found[jobs[0].id].eta_seconds, found[jobs[1].id].eta_seconds) == (0, None)
    painted(database, desk, seconds=5.0)
    other = [desk.submit(params=OTHER), desk.submit(params=OTHER)]
    assert outlook.of(other)[other[1].id].eta_seconds is None, "the pace of one model says nothing of another"


def test_forecasts_are_noted_settled_and_told(database: Database, desk: Desk, outlook: Outlook) -> None:
    forecaster = Forecaster(database)
    painted(database, desk, seconds=6.0)  # 10 rows a second
    jobs = [desk.submit() for _ in range(SOON + 5)]
    assert forecaster.turn() == 0
    with database.reading() as connection:
        noted = {row.job_id: row.eta_seconds for row in connection.execute(sa.select(forecasts))}
    assert noted.keys() == {jobs[SOON].id, jobs[-1].id}
    assert noted[jobs[-1].id] == pytest.approx(6.0 * (SOON + 4), rel=0.1)
    assert outlook.of(jobs)[jobs[3].id].eta_error_seconds is None

    made = sa.select(forecasts.c.made_at)
    with database.reading() as connection:
        at = connection.execute(made).scalars().first()
    assert at is not None
    for job in (jobs[SOON], jobs[-1]):
        change(database, job.id, started_at=at + timedelta(seconds=1.5 * noted[job.id]))
    assert forecaster.turn() == 2
    told = outlook.of(jobs)[jobs[3].id]
    assert told.eta_seconds is not None
    assert told.eta_error_seconds == pytest.approx(told.eta_seconds / 2, abs=0.2)
    assert forecaster.turn() == 0


def test_forecasts_of_jobs_that_never_start_are_forgotten(database: Database, desk: Desk) -> None:
    painted(database, desk, seconds=6.0)
    jobs = [desk.submit() for _ in range(2)]
    Forecaster(database).turn()
    for job in jobs:
        desk.jobs.cancel(job.id, desk.tenant_id)
    Forecaster(database).turn()
    with database.reading() as connection:
        assert connection.execute(sa.select(forecasts)).all() == []
