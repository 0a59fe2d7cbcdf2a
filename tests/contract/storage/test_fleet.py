"""What operators read of the fleet, on SQLite and PostgreSQL alike, and that it is read from indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from storage.database import Database, db_now
from storage.fleet import Overdue
from storage.fleet_reader import FleetReader
from storage.ids import new_id
from storage.job import HeldAt, JobError, JobState, Priority
from storage.measure_store import MeasureKind, measure_row
from storage.queue_reader import QueueReader
from storage.tables import jobs
from storage.tenant_store import TenantLimits, TenantStore
from storage.upkeep_reader import UpkeepReader
from storage.webhook_store import WebhookStore
from storage.webhook_tables import webhook_attempts, webhook_deliveries, webhook_endpoints
from tests.jobs import Desk, change, result


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def fleet(database: Database) -> FleetReader:
    return FleetReader(database)


@pytest.fixture
def upkeep(database: Database) -> UpkeepReader:
    return UpkeepReader(database)


def test_what_waits_is_counted_by_state_model_priority_and_tenant(
    desk: Desk, fleet: FleetReader, database: Database
) -> None:
    other = Desk(database, "umbrella")
    running = desk.submit()
    desk.claim_one()
    first = desk.submit()
    desk.submit()
    desk.submit(priority=Priority.BULK)
    other.submit(state=JobState.HELD, held_at=HeldAt.REQUEST)
    change(database, first.id, created_at=db_now(-90.0))
    queue = fleet.queue()
    counted = {(g.state, g.model, g.priority, g.tenant): g.count for g in queue.groups}
    assert counted == {
        ("queued", "default", "standard", "acme"): 2,
        ("queued", "default", "bulk", "acme"): 1,
        ("running", "default", "standard", "acme"): 1,
        ("held", "default", "standard", "umbrella"): 1,
    }
    assert queue.whole
    standard = next(group for group in queue.groups if group.count == 2)
    assert standard.cost == 2 * running.params.unet_rows
    assert 89 < standard.oldest < 120


def test_who_holds_leases_is_known_by_them(desk: Desk, fleet: FleetReader) -> None:
    desk.submit()
    desk.submit()
    taken = desk.claim("gpu-1:7:aa", limit=2)
    desk.submit()
    desk.claim_one("gpu-2:9:bb")
    desk.leases.beat("gpu-1:7:aa", {(job.id, job.attempt): 6 for job in taken})
    desk.jobs.cancel(taken[0].id, desk.tenant_id)
    one, two = fleet.workers()
    assert (one.owner, one.jobs, one.step, one.steps, one.stopping) == ("gpu-1:7:aa", 2, 12, 60, 1)
    assert 40 < one.lease_left <= 45
    assert (two.owner, two.jobs, two.models, two.step) == ("gpu-2:9:bb", 1, ("default",), 0)


def test_what_ended_is_counted_by_the_minute(desk: Desk, fleet: FleetReader, database: Database) -> None:
    for _ in range(2):
        desk.submit()
        job = desk.claim_one()
        assert desk.jobs.succeed(job, result(job))
    for seconds in (130.0, 4000.0):
        _copy(database, job.id, seconds)
    desk.jobs.cancel(desk.submit().id, desk.tenant_id)
    past = fleet.past()
    counted = {(one.minute, one.state): one.count for one in past.ended}
    assert counted == {(0, "succeeded"): 2, (2, "succeeded"): 1, (0, "canceled"): 1}
    assert past.minutes == 60
    assert {one.tenant for one in past.ended} == {"acme"}


def test_failures_are_grouped_by_code_with_the_newest_as_samples(
    desk: Desk, fleet: FleetReader, database: Database
) -> None:
    first = _failed(desk, "out_of_memory")
    made = [first, *(_copy(database, first, 10.0 * age) for age in range(1, 5)), _failed(desk, "image_corrupt")]
    found = fleet.failures()
    assert [(one.code, one.count, one.job_id) for one in found] == [
        ("out_of_memory", 5, made[0]),
        ("out_of_memory", 5, made[1]),
        ("out_of_memory", 5, made[2]),
        ("image_corrupt", 1, made[5]),
    ]
    assert found[0].message == "It went wrong."
    assert found[0].tenant == "acme"


def test_a_tenants_limits_and_measures_stand_beside_it(desk: Desk, upkeep: UpkeepReader, database: Database) -> None:
    Desk(database, "umbrella")
    TenantStore(database).set_limits("acme", TenantLimits(2.0, 10, 3, 0.5))
    rows = [measure_row(desk.tenant_id, kind, text="So.", by="eve") for kind in MeasureKind]
    with database.transaction() as connection:
        for row in rows:
            connection.execute(sa.insert(row.table).values(row.values))
    acme, umbrella = upkeep.tenants(["umbrella"])
    assert (acme.name, acme.weight, acme.max_queued, acme.max_running) == ("acme", 2.0, 10, 3)
    assert (acme.requests_per_second, acme.suspended, acme.warnings) == (0.5, True, 1)
    assert (umbrella.name, umbrella.suspended, umbrella.warnings) == ("umbrella", False, 0)


def test_a_failing_endpoint_shows_what_waits_and_what_it_said_last(
    desk: Desk, upkeep: UpkeepReader, database: Database
) -> None:
    store = WebhookStore(database)
    store.create(desk.tenant_id, "https://well.example/", ["job.failed"])
    ill = store.create(desk.tenant_id, "https://ill.example/", ["job.failed"])
    _failed(desk, "out_of_memory")
    with database.transaction() as connection:
        mine = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == ill.id)
        connection.execute(mine.values(failures=7, opened_until=db_now(60.0)))
        delivery = sa.select(webhook_deliveries.c.id).where(webhook_deliveries.c.endpoint_id == ill.id)
        values = {"id": new_id("att"), "delivery_id": connection.scalar(delivery), "status": 502, "answer": ""}
        connection.execute(sa.insert(webhook_attempts).values(**values, at=db_now(), milliseconds=4))
    (found,) = upkeep.failing_endpoints()
    assert (found.url, found.tenant, found.failures, found.waiting) == ("https://ill.example/", "acme", 7, 1)
    assert (found.last_status, found.last_error) == (502, None)
    assert found.opened_until is not None


def test_what_a_keeper_should_have_done_is_told(desk: Desk, upkeep: UpkeepReader, database: Database) -> None:
    desk.submit()
    lost = desk.claim_one()
    late = desk.submit(deadline_seconds=5.0)
    assert upkeep.overdue() == []
    change(database, lost.id, lease_expires_at=db_now(-30.0))
    change(database, late.id, deadline_at=db_now(-20.0))
    reap, expire = upkeep.overdue()
    assert (reap.duty, reap.count, expire.duty, expire.count) == ("reap", 1, "expire", 1)
    assert isinstance(reap, Overdue)
    assert 29 < reap.seconds < 60


def test_nothing_that_operators_read_goes_through_the_table_of_jobs(postgres_url: str) -> None:
    database = Database(postgres_url)
    desk = Desk(database)
    _history(database)
    desk.submit()
    desk.claim_one()
    _failed(desk, "out_of_memory")
    desk.submit(deadline_seconds=60.0)
    desk.submit(state=JobState.HELD, held_at=HeldAt.REQUEST)
    with _plans(database) as plans:
        fleet, upkeep, figures = FleetReader(database), UpkeepReader(database), QueueReader(database)
        of_minute = partial(figures.ended, datetime.now(UTC) - timedelta(minutes=1))
        scraped = (partial(figures.queues, ["default"]), of_minute)
        for read in (fleet.queue, fleet.workers, fleet.past, fleet.failures, upkeep.overdue, *scraped):
            before = len(plans)
            read()
            assert len(plans) > before
        upkeep.tenants(["acme"])
        upkeep.failing_endpoints()
    database.close()
    assert not [plan for plan in plans if "Seq Scan on jobs" in plan]
    # Each of these holds only rows of one state, or is entered at a moment: none is gone through from end to end.
    used = {name for plan in plans for name in re.findall(r"(?:using|Index Scan on) (\w+_jobs\w*)", plan)}
    assert {"ix_jobs_ended", "ix_jobs_queued", "ix_jobs_held", "ix_jobs_deadline"} <= used
    assert used <= {*_SMALL, "ix_jobs_ended"}
    assert all(re.search(r"Index Cond: \(+finished_at >", plan) for plan in plans if "ix_jobs_ended" in plan)


_SMALL = {
    f"ix_jobs_{name}" for name in ("queued", "running", "held", "deadline", "tenant_queued", "tenant_running", "solo")
}


@contextmanager
def _plans(database: Database) -> Iterator[list[str]]:
    """The plan of every SELECT in the block, as PostgreSQL would carry it out."""
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            plans.append("\n".join(row[0] for row in raw.execute(f"EXPLAIN {statement}", parameters)))

    sa.event.listen(database._engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        sa.event.remove(database._engine, "before_cursor_execute", explain)


def _history(database: Database, count: int = 20_000) -> None:
    """Ended jobs, ten minutes apart, and as many queued ones; the planner is told of them."""
    desk = Desk(database)
    queued, ended = desk.submit(), desk.submit()
    desk.jobs.cancel(ended.id, desk.tenant_id)
    _multiply(database, queued.id, count, {"fair_key": "n"})
    _multiply(database, ended.id, count, {"finished_at": "statement_timestamp() - make_interval(mins => 10 * n)"})
    with database.transaction() as connection:
        connection.exec_driver_sql("ANALYZE jobs")


def _multiply(database: Database, job_id: str, count: int, values: dict[str, str]) -> None:
    new = {"id": "id || n", **values}
    names = ", ".join(f'"{column.name}"' for column in jobs.c if column.name not in new)
    copy = f"INSERT INTO jobs ({', '.join(new)}, {names}) SELECT {', '.join(new.values())}, {names} FROM jobs"
    with database.transaction() as connection:
        connection.exec_driver_sql(f"{copy}, generate_series(1, {count}) AS n WHERE id = '{job_id}'")


def _failed(desk: Desk, code: str) -> str:
    desk.submit()
    job = desk.claim_one()
    assert desk.jobs.fail(job, JobError(code, "It went wrong."))
    return job.id


def _copy(database: Database, job_id: str, seconds: float) -> str:
    """The id of a job like an ended one, which ended `seconds` ago: what has ended cannot be moved."""
    copy_id = new_id("job")
    columns = [sa.literal(copy_id) if c.name == "id" else c for c in jobs.c if c.name != "finished_at"]
    names = [column.name for column in jobs.c if column.name != "finished_at"]
    copied = sa.select(*columns, db_now(-seconds)).where(jobs.c.id == job_id)
    with database.transaction() as connection:
        connection.execute(sa.insert(jobs).from_select([*names, "finished_at"], copied))
    return copy_id
