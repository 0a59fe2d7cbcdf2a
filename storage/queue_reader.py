"""Figures for whoever watches a deployment: every look goes into a partial index and counts up to a bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from storage.database import FROZEN_SECONDS, Database, db_age
from storage.job_reader import waiting_aliases
from storage.outlook import recent_paces
from storage.pace import Pace
from storage.places import QUEUED
from storage.tables import jobs
from storage.webhook_rows import now_of

# Entries of an index that are counted of each model's queue, and rows of it that are read for their cost and age.
MOST_COUNTED, MOST_READ = 200_000, 2_000
# A commit shows up later than the time that it wrote; one that takes longer than this is ended by the database.
SETTLED_SECONDS = 2.0 * FROZEN_SECONDS
LONGEST_GAP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ModelQueue:
    """What waits, runs and is held of one model.

    `backlog_seconds` is how long the fleet, at its pace of the last hour, needs for what waits; where nothing
    succeeded in that hour, the age of the oldest that waits. Of more than MOST_COUNTED jobs only so many count, and
    `oldest_seconds` looks at the first MOST_READ in the order of claims.
    """

    model: str
    queued: int = 0
    running: int = 0
    held: int = 0
    oldest_seconds: float = 0.0
    backlog_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """How many jobs of a model ended in one state; `code` says why they failed."""

    model: str
    state: str
    code: str | None
    count: int


class QueueReader:
    """Reads the queues over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queues(self, models: Iterable[str]) -> list[ModelQueue]:
        """The queue of each of `models`, and of others that have jobs, by name."""
        with self._database.reading() as connection:
            waiting = {alias: connection.execute(_waiting(alias)).one() for alias in waiting_aliases(connection)}
            running, held = (_by_model(connection, state) for state in ("running", "held"))
            paces = recent_paces(connection) if waiting else {}
        names = sorted({*models, *waiting, *running, *held})
        return [
            _queue(name, waiting.get(name), running.get(name, 0), held.get(name, 0), paces.get(name)) for name in names
        ]

    def ended(self, since: datetime | None) -> tuple[datetime, list[EndedJobs]]:
        """What ended after `since` and up to the time that is returned, at which to go on.

        Nothing without `since`, and nothing that lies longer back than LONGEST_GAP_SECONDS.
        """
        with self._database.reading() as connection:
            until = now_of(connection) - timedelta(seconds=SETTLED_SECONDS)
            if since is None:
                return until, []
            since = max(since, until - timedelta(seconds=LONGEST_GAP_SECONDS))
            rows = connection.execute(_ended(since, until)).all()
        return until, [EndedJobs(row.model_alias, row.state, row.code, row.number) for row in rows]


def _waiting(alias: str) -> sa.Select[Any]:
    mine = sa.and_(QUEUED, jobs.c.model_alias == alias)
    counted = sa.select(sa.literal(1)).select_from(jobs).where(mine).limit(MOST_COUNTED).subquery("counted")
    first = sa.select(jobs.c.cost, jobs.c.created_at).where(mine).order_by(jobs.c.fair_key, jobs.c.id)
    read = first.limit(MOST_READ).subquery("read")
    number = sa.select(sa.func.count()).select_from(counted).scalar_subquery()
    return sa.select(
        number.label("number"),
        sa.func.avg(read.c.cost).label("cost"),
        db_age(sa.func.min(read.c.created_at)).label("oldest"),
    )


def _by_model(connection: sa.Connection, state: str) -> Mapping[str, int]:
    # A literal, so that a prepared plan, too, may use the index of these jobs alone.
    some = sa.select(jobs.c.model_alias).where(jobs.c.state == sa.literal_column(f"'{state}'")).limit(MOST_COUNTED)
    found = some.subquery("found")
    counted = sa.select(found.c.model_alias, sa.func.count().label("number")).group_by(found.c.model_alias)
    return {row.model_alias: row.number for row in connection.execute(counted)}


def _queue(model: str, waiting: sa.Row[Any] | None, running: int, held: int, pace: Pace | None) -> ModelQueue:
    if waiting is None or not waiting.number:
        return ModelQueue(model, running=running, held=held)
    oldest = max(0.0, waiting.oldest)
    backlog = oldest if pace is None else waiting.number * waiting.cost / pace.rows_per_second
    return ModelQueue(model, waiting.number, running, held, oldest, backlog)


def _ended(since: datetime, until: datetime) -> sa.Select[Any]:
    # The condition of ix_jobs_kept.
    kept = sa.and_(jobs.c.finished_at.is_not(None), jobs.c.erased_at.is_(None))
    code = jobs.c.error["code"].as_string().label("code")
    within = (jobs.c.finished_at > since, jobs.c.finished_at <= until)
    counted = sa.select(jobs.c.model_alias, jobs.c.state, code, sa.func.count().label("number"))
    return counted.where(kept, *within).group_by(jobs.c.model_alias, jobs.c.state, code)
