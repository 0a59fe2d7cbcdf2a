"""Adds up usage: hours that are over once, by the keeper; the rest whenever somebody asks.

A job counts in the hour of the event that ended it, of which there is exactly one, and events of a tenant are read by
an index in the order of their time. So an hour can be added up without going through the jobs table, and again without
harm.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now, insert_once
from storage.job import TERMINAL
from storage.tables import Moment, files, job_events, jobs, tenants
from storage.usage import Usage
from storage.usage_tables import usage_hours, usage_progress

# A transaction that ends a job takes far less from its event to its commit; then nothing is added to an hour any more.
SLACK_SECONDS = 600.0
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_ENDS = {f"job.{state}": str(state) for state in TERMINAL}


class UsageStore:
    """The usage of one tenant at a time. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tenants(self) -> list[str]:
        """The ids of all tenants."""
        with self._database.reading() as connection:
            return list(connection.scalars(sa.select(tenants.c.id)))

    def add_up(self, tenant_id: str) -> int:
        """Adds up the tenant's next hour in which jobs ended; 1, or 0 when every hour that is over is added up."""
        with self._database.transaction() as connection:
            until, closed = _locked_progress(connection, tenant_id)
            first = _first_end(connection, tenant_id, until)
            hour = closed if first is None else min(_hour(first), closed)
            is_over = hour < closed
            if is_over:
                own = {"tenant_id": tenant_id, "hour": hour}
                found = _ended(connection, tenant_id, hour, hour + HOUR)
                connection.execute(sa.insert(usage_hours), [own | one for one in found])
            mine = usage_progress.c.tenant_id == tenant_id
            done = hour + HOUR if is_over else max(until, closed)
            connection.execute(sa.update(usage_progress).where(mine).values(until=done))
        return int(is_over)

    def days(self, tenant_id: str, first: date, last: date) -> dict[date, Usage]:
        """The usage of each day from `first` to `last`, both included, in UTC."""
        found = {first + DAY * n: Usage() for n in range((last - first).days + 1)}
        with self._database.reading() as connection:
            mine = usage_progress.c.tenant_id == tenant_id
            until: datetime = connection.scalar(sa.select(usage_progress.c.until).where(mine)) or _start(first)
            for row in connection.execute(_added(tenant_id, _start(first), min(until, _start(last + DAY)))):
                found[row.hour.date()].add(row.state, row._asdict())
            for day, usage in found.items():
                begin, end = max(_start(day), until), _start(day + DAY)
                for one in _ended(connection, tenant_id, begin, end) if begin < end else ():
                    usage.add(one["state"], one)
        return found

    def stored_files(self, tenant_id: str) -> tuple[int, int]:
        """How many uploaded files the tenant has, and their bytes."""
        sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(files.c.size), 0))
        with self._database.reading() as connection:
            count, size = connection.execute(sums.where(files.c.tenant_id == tenant_id)).one()
        return int(count), int(size)


def _locked_progress(connection: sa.Connection, tenant_id: str) -> tuple[datetime, datetime]:
    """Up to when hours are added up, and up to when they are over; keepers take turns from here on."""
    oldest = sa.select(sa.func.min(job_events.c.at)).where(job_events.c.tenant_id == tenant_id)
    now = sa.select(sa.type_coerce(db_now(-SLACK_SECONDS), Moment))
    closed = _hour(connection.execute(now).scalar_one())
    begin = connection.scalar(sa.select(sa.type_coerce(oldest.scalar_subquery(), Moment)))
    values = {"tenant_id": tenant_id, "until": closed if begin is None else min(_hour(begin), closed)}
    insert_once(connection, usage_progress, values)
    mine = sa.select(usage_progress.c.until).where(usage_progress.c.tenant_id == tenant_id)
    until: datetime = connection.execute(mine.with_for_update()).scalar_one()
    return until, closed


def _first_end(connection: sa.Connection, tenant_id: str, since: datetime) -> datetime | None:
    mine = sa.and_(job_events.c.tenant_id == tenant_id, job_events.c.at >= since, job_events.c.type.in_(_ENDS))
    return connection.scalar(sa.select(job_events.c.at).where(mine).order_by(job_events.c.at).limit(1))


def _ended(connection: sa.Connection, tenant_id: str, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """What ended from `begin` to before `end`, by final state."""
    at = job_events.c.at
    mine = sa.and_(job_events.c.tenant_id == tenant_id, at >= begin, at < end, job_events.c.type.in_(_ENDS))
    rows = sa.select(job_events.c.type, *_sums()).join(jobs, jobs.c.id == job_events.c.job_id).where(mine)
    by_state: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(rows.group_by(job_events.c.type)):
        values = dict(row._mapping)
        by_state[_ENDS[values.pop("type")]] = values
    return [{"state": state, **values} for state, values in by_state.items()]


def _sums() -> list[sa.ColumnElement[Any]]:
    receipt = jobs.c.receipt
    succeeded = job_events.c.type == "job.succeeded"
    images = sa.case((succeeded, jobs.c.params["num_images"].as_integer()), else_=0)
    done = sa.func.coalesce(receipt["actual_steps"].as_float(), 0.0) / jobs.c.steps
    painted, stopped = receipt[("timings", "denoise")].as_float(), receipt["denoise_seconds"].as_float()
    return [
        sa.func.count().label("jobs"),
        sa.func.sum(images).label("images"),
        sa.func.sum(jobs.c.cost * done).label("unet_rows"),
        sa.func.sum(sa.func.coalesce(painted, stopped, 0.0)).label("gpu_seconds"),
    ]


def _added(tenant_id: str, begin: datetime, end: datetime) -> sa.Select[Any]:
    hour = usage_hours.c.hour
    return sa.select(usage_hours).where(usage_hours.c.tenant_id == tenant_id, hour >= begin, hour < end)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
