"""Reading how the fleet does, over all tenants. Every look goes into an index and counts up to a bound."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_age, db_now
from storage.fleet import Ended, Failure, Past, Queue, Waiting, Worker
from storage.job import JobState
from storage.job_reader import waiting_aliases
from storage.tables import jobs, tenants

# Of each model's queue, of what is held and of what runs, so many are counted: the page is read every few seconds.
MOST_WAITING = 10_000
MOST_ENDED = 20_000
MINUTES = 60
FAILURE_SECONDS = 86_400.0
MOST_CODES, SAMPLES = 20, 3
UNKNOWN = "(unknown)"


class FleetReader:
    """Reads for operators. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self) -> Queue:
        """What waits, runs and is held, by model, priority and tenant."""
        groups: list[Waiting] = []
        whole = True
        with self._database.reading() as connection:
            looks = [_queued(alias) for alias in waiting_aliases(connection)]
            for look in (*looks, _running_jobs(), _held()):
                found = [_waiting(row) for row in connection.execute(_grouped(look))]
                groups += found
                whole = whole and sum(group.count for group in found) < MOST_WAITING
        return Queue(tuple(groups), whole)

    def workers(self) -> list[Worker]:
        """Who holds leases, by name. A worker without a job writes nothing that could be read here."""
        held: dict[str, list[sa.Row[Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(_leases()):
                held[row.lease_owner].append(row)
        return [_worker(owner, rows) for owner, rows in sorted(held.items())]

    def past(self) -> Past:
        """What ended in the last hour, by the minute."""
        with self._database.reading() as connection:
            rows = connection.execute(_ended_by_minute()).all()
        ended = tuple(Ended(**{name: row._mapping[name] for name in Ended.__slots__}) for row in rows)
        reached = sum(one.count for one in ended) >= MOST_ENDED
        return Past(ended, max((one.minute for one in ended), default=0) + 1 if reached else MINUTES)

    def failures(self) -> list[Failure]:
        """The newest SAMPLES failed jobs of each code in the last day, the most frequent code first."""
        with self._database.reading() as connection:
            return [_failure(row) for row in connection.execute(_failed())]


def _queued(alias: str) -> sa.Select[Any]:
    # Literals instead of parameters, here and below, so that a prepared plan, too, may use the partial index.
    mine = sa.and_(jobs.c.state == sa.literal_column("'queued'"), jobs.c.model_alias == alias)
    return _counted(mine).order_by(jobs.c.fair_key, jobs.c.id)


def _running_jobs() -> sa.Select[Any]:
    return _counted(_RUNNING).order_by(jobs.c.lease_expires_at)


def _held() -> sa.Select[Any]:
    return _counted(jobs.c.state == sa.literal_column("'held'")).order_by(jobs.c.id)


_RUNNING = jobs.c.state == sa.literal_column("'running'")


def _counted(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    columns = (jobs.c.state, jobs.c.model_alias, jobs.c.priority, jobs.c.tenant_id, jobs.c.cost, jobs.c.created_at)
    return sa.select(*columns).where(which).limit(MOST_WAITING)


def _grouped(look: sa.Select[Any]) -> sa.Select[Any]:
    some = look.subquery("some")
    keys = (some.c.state, some.c.model_alias, some.c.priority, some.c.tenant_id)
    sums = (sa.func.count(), sa.func.sum(some.c.cost), sa.func.min(some.c.created_at))
    by_id = sa.select(*keys, *(one.label(name) for one, name in zip(sums, ("count", "cost", "first"), strict=True)))
    found = by_id.group_by(*keys).subquery("found")
    name = sa.func.coalesce(tenants.c.name, UNKNOWN).label("tenant")
    named = found.outerjoin(tenants, tenants.c.id == found.c.tenant_id)
    return sa.select(found, name, db_age(found.c.first).label("oldest")).select_from(named)


def _waiting(row: sa.Row[Any]) -> Waiting:
    # By name: a row is a tuple, too, and has a method called count.
    values = row._mapping
    return Waiting(
        values["state"],
        values["model_alias"],
        values["priority"],
        values["tenant"],
        values["count"],
        values["cost"],
        max(0.0, values["oldest"]),
    )


def _leases() -> sa.Select[Any]:
    left, age = (-db_age(jobs.c.lease_expires_at)).label("left"), db_age(jobs.c.started_at).label("age")
    shown = (jobs.c.lease_owner, jobs.c.model_alias, jobs.c.solo, jobs.c.cancel_requested, jobs.c.step, jobs.c.steps)
    return sa.select(*shown, left, age).where(_RUNNING).order_by(jobs.c.lease_expires_at).limit(MOST_WAITING)


def _worker(owner: str, rows: list[sa.Row[Any]]) -> Worker:
    return Worker(
        owner=owner,
        models=tuple(sorted({row.model_alias for row in rows})),
        jobs=len(rows),
        alone=sum(row.solo for row in rows),
        stopping=sum(row.cancel_requested for row in rows),
        step=sum(row.step for row in rows),
        steps=sum(row.steps for row in rows),
        lease_left=min(row.left for row in rows),
        oldest=max(row.age or 0.0 for row in rows),
    )


def _newest_ended(seconds: float, *columns: sa.ColumnElement[Any]) -> sa.Subquery:
    """The newest MOST_ENDED rows that ended within `seconds`; those that were erased meanwhile are not among them."""
    ended = (jobs.c.finished_at > db_now(-seconds), jobs.c.finished_at.is_not(None), jobs.c.erased_at.is_(None))
    newest = sa.select(jobs.c.state, jobs.c.finished_at, jobs.c.model_alias, jobs.c.tenant_id, *columns).where(*ended)
    return newest.order_by(jobs.c.finished_at.desc()).limit(MOST_ENDED).subquery("newest")


def _ended_by_minute() -> sa.Select[Any]:
    newest = _newest_ended(60.0 * MINUTES, jobs.c.cost)
    minute = sa.cast(db_age(newest.c.finished_at), sa.Integer) // 60
    keyed = sa.select(newest, minute.label("minute")).subquery("keyed")
    name = sa.func.coalesce(tenants.c.name, UNKNOWN)
    keys = (keyed.c.minute, keyed.c.state, keyed.c.model_alias.label("model"), name.label("tenant"))
    sums = (sa.func.count().label("count"), sa.func.sum(keyed.c.cost).label("cost"))
    named = keyed.outerjoin(tenants, tenants.c.id == keyed.c.tenant_id)
    return sa.select(*keys, *sums).select_from(named).group_by(keyed.c.minute, keyed.c.state, keyed.c.model_alias, name)


def _failed() -> sa.Select[Any]:
    code = jobs.c.error["code"].as_string().label("code")
    newest = _newest_ended(FAILURE_SECONDS, jobs.c.id, jobs.c.error, jobs.c.attempt, code)
    newer = newest.c.finished_at.desc()
    place = sa.func.row_number().over(partition_by=newest.c.code, order_by=newer).label("place")
    count = sa.func.count().over(partition_by=newest.c.code).label("count")
    failed = sa.select(newest, place, count).where(newest.c.state == JobState.FAILED).subquery("failed")
    name = sa.func.coalesce(tenants.c.name, UNKNOWN).label("tenant")
    named = failed.outerjoin(tenants, tenants.c.id == failed.c.tenant_id)
    shown = sa.select(failed, name).select_from(named).where(failed.c.place <= SAMPLES)
    ordered = shown.order_by(failed.c.count.desc(), failed.c.code, failed.c.place)
    return ordered.limit(MOST_CODES * SAMPLES)


def _failure(row: sa.Row[Any]) -> Failure:
    values = row._mapping
    error = values["error"] or {}
    return Failure(
        code=values["code"] or UNKNOWN,
        count=values["count"],
        job_id=values["id"],
        message=error.get("message", ""),
        retryable=bool(error.get("retryable")),
        model=values["model_alias"],
        tenant=values["tenant"],
        attempts=values["attempt"],
        at=values["finished_at"],
    )
