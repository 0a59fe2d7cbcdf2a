"""Jobs that wait for a person's word, and what becomes of them after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.case import Case, CaseKind, CaseState, Ruling
from storage.case_store import PENDING, settle
from storage.case_tables import cases
from storage.database import Database, db_now
from storage.errors import CaseLost, JobNotFound
from storage.events import Event, add_events
from storage.intake import Intake, Submitted
from storage.job import HeldAt, Job, JobState, NewJob, refuse_unmarked
from storage.job_store import FINISH, cancel_where
from storage.moves import apply
from storage.rows import job_of
from storage.strike_store import lift_of_job
from storage.tables import jobs


@dataclass(frozen=True, slots=True)
class Settling:
    """The case that a move decides, and how. It is settled in the commit of the move, or neither happens."""

    case: Case
    ruling: Ruling


class ReviewStore:
    """The moves of a moderator, over all tenants. Each is one UPDATE that matches one row or none.

    A move matches on (id, attempt, state = held): a word on a job that was canceled, expired or decided meanwhile, or
    that is held again for another reason, changes nothing. `also` are rows that are inserted in the same commit, and
    a case that is decided by it is settled there: raises CaseLost, with nothing done, where it is not the caller's.
    Without one, as from the command line, the job's case is closed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def held(self, *, limit: int, after: str = "") -> list[Job]:
        """Up to `limit` held jobs with ids beyond `after`, oldest first."""
        # A literal instead of a parameter, so that a prepared plan, too, may use the index of held jobs alone.
        held = sa.select(jobs).where(jobs.c.state == sa.literal_column("'held'"), jobs.c.id > after)
        with self._database.reading() as connection:
            return [job_of(row) for row in connection.execute(held.order_by(jobs.c.id).limit(limit))]

    def get(self, job_id: str) -> Job:
        """The job, whoever's it is and however it stands. Raises JobNotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(row)

    def approve(
        self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = (), settling: Settling | None = None
    ) -> bool:
        """held(result) -> succeeded: what lies in quarantine is the result; held(request) -> queued.

        `safety` is the verdict with the waivers, so that the same findings do not hold the job again. Raises
        ValueError for a result that is not marked.
        """
        if job.held_at is HeldAt.RESULT:
            refuse_unmarked(job.images, job.safety)
            values: dict[str, Any] = {**FINISH, "state": JobState.SUCCEEDED, "safety": safety}
            return self._move(job, values, {"approved": True}, also, settling)
        values = {"state": JobState.QUEUED, "held_at": None, "not_before": db_now(), "safety": safety}
        return self._move(job, values, {"reason": "approved"}, also, settling)

    def reject(
        self,
        job: Job,
        *,
        safety: dict[str, Any],
        reason: str,
        also: Sequence[Row] = (),
        settling: Settling | None = None,
    ) -> bool:
        """held -> blocked. The row forgets its images, and the collector of orphans deletes them."""
        values: dict[str, Any] = {**FINISH, "state": JobState.BLOCKED, "safety": safety, "images": []}
        return self._move(job, values, {"reason": reason}, also, settling)

    def withdraw(
        self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = (), settling: Settling | None = None
    ) -> bool:
        """The images of a succeeded job can no longer be fetched; its state, which is final, stays. Safe to repeat."""
        standing = (jobs.c.id == job.id, jobs.c.state == JobState.SUCCEEDED, jobs.c.withdrawn_at.is_(None))
        with self._database.transaction() as connection:
            values = {"withdrawn_at": db_now(), "safety": safety}
            moved = bool(apply(connection, sa.and_(*standing), values, "job.withdrawn"))
            if moved:
                _settle(connection, settling)
                add_rows(connection, also)
        return moved

    def stop(self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = ()) -> None:
        """Cancels a job that has not ended, as its caller could, and says why; an ended one stays as it is."""
        with self._database.transaction() as connection:
            canceled = cancel_where(connection, jobs.c.id == job.id)
            if canceled.canceled or canceled.stopping:
                connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(safety=safety))
                add_rows(connection, also)

    def reinstate(
        self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = (), settling: Settling | None = None
    ) -> bool:
        """Takes a withdrawal back."""
        gone = (jobs.c.id == job.id, jobs.c.state == JobState.SUCCEEDED, jobs.c.withdrawn_at.is_not(None))
        with self._database.transaction() as connection:
            values = {"withdrawn_at": None, "safety": safety}
            moved = bool(apply(connection, sa.and_(*gone), values, "job.reinstated"))
            if moved:
                _settle(connection, settling)
                add_rows(connection, also)
        return moved

    def restate(
        self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = (), settling: Settling | None = None
    ) -> None:
        """Changes what is said of an ended job, and nothing else."""
        with self._database.transaction() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(safety=safety))
            _settle(connection, settling)
            add_rows(connection, also)

    def replace(
        self,
        job: Job,
        new: NewJob,
        *,
        safety: dict[str, Any],
        also: Sequence[Row] = (),
        settling: Settling | None = None,
    ) -> Job:
        """An overturned refusal: `new` carries the refused job on, since what has ended never changes.

        `safety` is what the refused job says from now on. One refusal is overturned once: a second call returns the
        job that the first one made. The strike that the refusal earned is taken back. Raises what a submit raises.
        """
        with self._database.transaction() as connection:
            known = connection.execute(sa.select(jobs).where(jobs.c.replaces == job.id)).one_or_none()
            if known is not None:
                return job_of(known)
            (answer,) = Intake(connection, [new]).answers()
            if not isinstance(answer, Submitted):
                raise answer
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(safety=safety))
            told = sa.select(jobs.c.webhook_id).where(jobs.c.id == job.id).scalar_subquery()
            connection.execute(sa.update(jobs).where(jobs.c.id == answer.job.id).values(webhook_id=told))
            lift_of_job(connection, job, f"The refusal was overturned: {answer.job.id}.")
            data = {"replacement": answer.job.id}
            add_events(connection, [Event(job.id, job.tenant_id, job.attempt, "job.overturned", data)])
            _settle(connection, settling, replacement=answer.job.id)
            add_rows(connection, also)
        return answer.job

    def close_idle(self, limit: int = 500) -> int:
        """Closes cases about jobs that are held no longer, canceled or expired meanwhile; how many there were."""
        held = sa.select(jobs.c.id).where(jobs.c.id == cases.c.job_id, jobs.c.state == sa.literal_column("'held'"))
        real = sa.and_(cases.c.kind == CaseKind.HELD, cases.c.copy_of.is_(None))
        idle = sa.select(cases.c.id).where(PENDING, real, ~held.exists()).limit(limit)
        closing = sa.update(cases).where(cases.c.id.in_(idle), PENDING)
        with self._database.transaction() as connection:
            return connection.execute(closing.values(state=CaseState.CLOSED, lease_by=None, lease_until=None)).rowcount

    def _move(
        self, job: Job, values: dict[str, Any], data: dict[str, Any], also: Sequence[Row], settling: Settling | None
    ) -> bool:
        mine = (jobs.c.id == job.id, jobs.c.attempt == job.attempt, jobs.c.held_at == job.held_at)
        held = sa.and_(*mine, jobs.c.state == JobState.HELD)
        with self._database.transaction() as connection:
            moved = bool(apply(connection, held, values, f"job.{values['state']}", data))
            if moved:
                _settle(connection, settling)
                add_rows(connection, also)
                theirs = sa.and_(cases.c.job_id == job.id, cases.c.kind == CaseKind.HELD, PENDING)
                connection.execute(sa.update(cases).where(theirs).values(state=CaseState.CLOSED))
        return moved


def _settle(connection: sa.Connection, settling: Settling | None, replacement: str | None = None) -> None:
    if settling is not None and not settle(connection, settling.case, settling.ruling, replacement=replacement):
        raise CaseLost(f"the case {settling.case.id} is no longer yours: take it again")
