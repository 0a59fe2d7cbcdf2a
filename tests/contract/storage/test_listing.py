"""Listings of a tenant with many jobs: bounded walks along an index, and pages that stay put while jobs come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Database, migrate
from storage.ids import id_at, new_id
from storage.job import JobState
from storage.job_reader import JobFilter, JobReader
from storage.tables import jobs
from tests import servers
from tests.jobs import Desk, change

MANY = 4_000
NOW = datetime.now(UTC)
FILTERS = {
    "none": JobFilter(),
    "rare state": JobFilter(status=JobState.FAILED),
    "usual state": JobFilter(status=JobState.SUCCEEDED),
    "batch": JobFilter(batch="batch_7"),
    "no such batch": JobFilter(batch="batch_none"),
    "user": JobFilter(user="usr_7"),
    "no such user": JobFilter(user="usr_none"),
    "batch and state": JobFilter(batch="batch_7", status=JobState.SUCCEEDED),
    "after": JobFilter(created_after=NOW + timedelta(days=2)),
    "before": JobFilter(created_before=NOW - timedelta(days=2)),
}


def multiply(database: Database, job_id: str) -> None:
    """MANY copies of a job that succeeded; one in a thousand failed, a hundred are in each batch and of each user."""
    columns = ", ".join(f'"{c.name}"' for c in jobs.c if c.name not in ("id", "state", "batch", "user", "finished_at"))
    made = (
        f'INSERT INTO jobs (id, state, batch, "user", finished_at, {columns}) SELECT substr(id, 1, 20) || '
        "lpad(n::text, 10, '0'), CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'succeeded' END, 'batch_' || n / 100, "
        f"'usr_' || n / 100, now(), {columns} FROM jobs, generate_series(1, {MANY}) AS n WHERE id = :job"
    )
    with database.transaction() as connection:
        connection.execute(sa.text(made), {"job": job_id})
        connection.execute(sa.text("ANALYZE jobs"))


def rows_of(plan: dict[str, Any]) -> int:
    """Rows that a plan went through at its lowest level, those that a filter dropped included."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return max([own, *(rows_of(part) for part in plan.get("Plans", ()))])


@pytest.fixture(scope="module")
def crowded(postgres_server: str) -> Any:
    """A database in which one tenant has many jobs."""
    with servers.fresh_database(postgres_server, "listings") as url:
        migrate(url)
        database = Database(url)
        desk = Desk(database)
        multiply(database, desk.submit().id)
        yield database, desk.tenant_id
        database.close()


@pytest.mark.parametrize("name", FILTERS)
def test_a_page_goes_through_few_rows_whatever_is_asked_for(crowded: tuple[Database, str], name: str) -> None:
    database, tenant_id = crowded
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    sa.event.listen(database._engine, "before_cursor_execute", note)
    page = JobReader(database).page(tenant_id, FILTERS[name], limit=50)
    sa.event.remove(database._engine, "before_cursor_execute", note)
    (statement, parameters) = seen[0]
    with database.reading() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    assert rows_of(explained[0]["Plan"]) <= 200, explained
    assert bool(page.jobs) is (name not in ("no such batch", "no such user", "after", "before"))


def test_times_bound_a_listing_from_both_sides(database: Database) -> None:
    desk, reader = Desk(database), JobReader(database)
    made = [desk.submit().id for _ in range(3)]
    middle = reader.get(made[1], desk.tenant_id).created_at
    for job_id, seconds in zip(made, (-60, 0, 60), strict=True):
        change(database, job_id, created_at=middle + timedelta(seconds=seconds))

    def ids(**bounds: datetime) -> list[str]:
        return [job.id for job in reader.page(desk.tenant_id, JobFilter(**bounds)).jobs]

    assert ids(created_before=middle) == made[:1]
    assert ids(created_after=middle) == made[2:]
    assert ids(created_after=middle - timedelta(1e-3), created_before=middle + timedelta(1e-3)) == made[::-1]


def test_pages_stay_put_while_jobs_come_in(database: Database) -> None:
    desk, reader = Desk(database), JobReader(database)
    there = [desk.submit().id for _ in range(9)]
    seen: list[str] = []
    cursor = None
    while True:
        page = reader.page(desk.tenant_id, JobFilter(), limit=2, cursor=cursor)
        seen += [job.id for job in page.jobs]
        desk.submit()
        if (cursor := page.next_cursor) is None:
            break
    assert seen == there[::-1]


@given(st.floats(0, 4e9))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_id_of_a_time_bounds_every_id_made_from_then_on(epoch: float) -> None:
    assert id_at("job", epoch) <= id_at("job", epoch + 0.002)
    assert id_at("job", 0) < new_id("job") < id_at("job", 1e12)
    assert len(id_at("job", epoch)) == len(new_id("job"))
