"""An hour of work that a service has behind it, written into its database: for the operator's page."""

from __future__ import annotations

import math

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import JobError
from storage.tables import jobs
from storage.tenant_store import TenantLimits
from storage.webhook_tables import webhook_attempts, webhook_deliveries, webhook_endpoints
from tests.contract.api.serving import Stack, claim, finish, photo


def an_hour(stack: Stack) -> None:
    """Jobs that ended in the last hour, some that failed, run and wait, and a webhook that nobody answers."""
    northwind, umbrella = stack.tenant("northwind"), stack.tenant("umbrella")
    stack.services.tenants.set_limits("northwind", TenantLimits(2.0, 500, 8, 20.0))
    umbrella.http.post("/v1/webhooks", json={"url": "https://hooks.umbrella.example/inpaintd"}).raise_for_status()
    done = northwind.accepted()
    finish(stack.services, done["id"], photo())
    lost = claim(stack.services, umbrella.accepted()["id"])
    stack.services.jobs.fail(lost, JobError("out_of_memory", "The picture does not fit the device.", retryable=True))
    with stack.services.database.transaction() as connection:
        for minute in range(60):
            count = round(7 + 5 * math.sin(minute / 6) + 3 * math.sin(minute))
            _again(connection, done["id"], 60.0 * minute + 20, count)
            _again(connection, lost.id, 60.0 * minute + 40, minute % 7 == 3)
    for priority in ("standard", "interactive", "bulk"):
        running = claim(stack.services, northwind.accepted(prompt=f"of {priority}")["id"])
        _step(stack.services.database, running.id, 11)
    for number in range(9):
        (northwind if number % 3 else umbrella).accepted(
            priority="bulk" if number % 2 else "standard", prompt=f"{number}"
        )
    _fail_webhook(stack.services.database)
    for tenant in (northwind, umbrella):
        tenant.http.close()


def _again(connection: sa.Connection, job_id: str, seconds: float, count: int) -> None:
    """Copies of an ended job that ended `seconds` ago."""
    names = [column.name for column in jobs.c if column.name not in ("id", "finished_at")]
    for _ in range(count):
        own = [sa.literal(new_id("job")), db_now(-seconds), *(jobs.c[name] for name in names)]
        copied = sa.select(*own).where(jobs.c.id == job_id)
        connection.execute(sa.insert(jobs).from_select(["id", "finished_at", *names], copied))


def _step(database: Database, job_id: str, step: int) -> None:
    with database.transaction() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(step=step))


def _fail_webhook(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(sa.update(webhook_endpoints).values(failures=6, opened_until=db_now(600.0)))
        for delivery_id in connection.scalars(sa.select(webhook_deliveries.c.id)).all():
            values = {"id": new_id("att"), "delivery_id": delivery_id, "status": 503, "answer": ""}
            connection.execute(sa.insert(webhook_attempts).values(**values, at=db_now(), milliseconds=7))
