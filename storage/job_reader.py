"""Reading jobs: one, a page, a history. Every read is bounded to one tenant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import JobNotFound
from storage.ids import id_at
from storage.job import Job, JobEvent, JobState
from storage.places import QUEUED
from storage.rows import event_of, job_of
from storage.tables import job_events, jobs

_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a listing shows; a field left None does not narrow it."""

    status: JobState | None = None
    batch: str | None = None
    user: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first; `next_cursor` is None on the last page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A job and its history, oldest first."""

    job: Job
    history: list[JobEvent]


@dataclass(frozen=True, slots=True)
class Beat:
    """How a job stands, in a few numbers."""

    state: JobState
    attempt: int
    cancel_requested: bool
    step: int
    steps: int


class JobReader:
    """Reads of the jobs table on behalf of one tenant at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str, tenant_id: str) -> Job:
        """The tenant's job; raises JobNotFound, also for a job of somebody else."""
        mine = sa.select(jobs).where(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id)
        with self._database.reading() as connection:
            row = connection.execute(mine).one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(row)

    def page(self, tenant_id: str, only: JobFilter, *, limit: int = 50, cursor: str | None = None) -> JobPage:
        """Up to `limit` of the tenant's jobs, newest first, older than the job id `cursor`."""
        statement = sa.select(jobs).where(jobs.c.tenant_id == tenant_id, *_conditions(only))
        if cursor is not None:
            statement = statement.where(jobs.c.id < cursor)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(jobs.c.id.desc()).limit(limit + 1)).all()
        shown = tuple(job_of(row) for row in rows[:limit])
        return JobPage(shown, shown[-1].id if len(rows) > limit else None)

    def labelled(self, tenant_id: str, label: str, *, after: str = "", limit: int) -> list[Job]:
        """Up to `limit` of the tenant's jobs with this label, oldest first, newer than the job id `after`."""
        mine = sa.and_(jobs.c.tenant_id == tenant_id, jobs.c.batch == label, jobs.c.id > after)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(jobs).where(mine).order_by(jobs.c.id).limit(limit)).all()
        return [job_of(row) for row in rows]

    def beats(self, ids: Iterable[str]) -> dict[str, Beat]:
        """How the jobs with these ids stand, whoever's they are."""
        with self._database.reading() as connection:
            found = connection.execute(_BEATS, {"ids": list(ids)}).all()
        return {row.id: Beat(JobState(row.state), *row[2:]) for row in found}

    def due(self) -> dict[str, str]:
        """For each model alias with a job that could start now, the id of such a job: what the keeper rings for.

        Two short looks into an index per alias, however many jobs are queued.
        """
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for alias in waiting_aliases(connection):
                job_id = connection.scalar(_due_job(alias))
                if job_id is not None:
                    found[alias] = job_id
        return found

    def events(self, job_id: str, tenant_id: str) -> list[JobEvent]:
        """The job's history, oldest first: by the database's clock, because ids are made by many machines."""
        mine = sa.and_(job_events.c.job_id == job_id, job_events.c.tenant_id == tenant_id)
        with self._database.reading() as connection:
            return [event_of(row) for row in connection.execute(_history(mine))]

    def stories(self, ids: Iterable[str]) -> dict[str, Story]:
        """The jobs with these ids and their histories, whoever's they are."""
        wanted = {"ids": list(ids)}
        with self._database.reading() as connection:
            stories = {row.id: Story(job_of(row), []) for row in connection.execute(_JOBS, wanted)}
            # Read after the jobs, so that no job is further than its history.
            for row in connection.execute(_HISTORIES, wanted):
                if row.job_id in stories:
                    stories[row.job_id].history.append(event_of(row))
        return stories


def _history(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(job_events).where(which).order_by(job_events.c.at, job_events.c.id)


# Built once: putting statements together costs more than running them.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_JOBS = sa.select(jobs).where(jobs.c.id.in_(_IDS))
_BEAT = (jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.cancel_requested, jobs.c.step, jobs.c.steps)
_BEATS = sa.select(*_BEAT).where(jobs.c.id.in_(_IDS))
_HISTORIES = _history(job_events.c.job_id.in_(_IDS))


def waiting_aliases(connection: sa.Connection) -> Iterator[str]:
    """Every model alias with a queued job: one short look into an index for each, however many jobs are queued."""
    alias = connection.scalar(_next_alias(""))
    while alias is not None:
        yield alias
        alias = connection.scalar(_next_alias(alias))


def _next_alias(after: str) -> sa.Select[str]:
    later = sa.select(jobs.c.model_alias).where(QUEUED, jobs.c.model_alias > after)
    return later.order_by(jobs.c.model_alias).limit(1)


def _due_job(alias: str) -> sa.Select[str]:
    in_time = sa.or_(jobs.c.deadline_at.is_(None), jobs.c.deadline_at > db_now())
    due = sa.select(jobs.c.id).where(QUEUED, jobs.c.model_alias == alias, jobs.c.not_before <= db_now(), in_time)
    return due.order_by(jobs.c.fair_key, jobs.c.id).limit(1)


def _conditions(only: JobFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if only.status is not None:
        # A literal, so that a prepared plan, too, may use the index of the states that few jobs end in.
        conditions.append(jobs.c.state == sa.literal_column(f"'{only.status.value}'"))
    if only.batch is not None:
        conditions.append(jobs.c.batch == only.batch)
    if only.user is not None:
        conditions.append(jobs.c.user == only.user)
    if only.created_after is not None:
        conditions += [jobs.c.created_at > only.created_after, jobs.c.id > _id_at(only.created_after, -_CLOCKS_DIFFER)]
    if only.created_before is not None:
        conditions += [jobs.c.created_at < only.created_before, jobs.c.id < _id_at(only.created_before, _CLOCKS_DIFFER)]
    return conditions


def _id_at(moment: datetime, offset: timedelta) -> str:
    """Bounds the walk along ids, which carry the time of the machine that made them; its clock may be wrong."""
    return id_at("job", moment.timestamp() + offset.total_seconds())
