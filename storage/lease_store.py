"""Who works on what, and until when: claims, beats, reaping and deadlines, all by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.job import Job, JobError, JobState, Order
from storage.job_store import FINISH, GIVE_BACK, add_event, apply
from storage.rows import job_of
from storage.tables import jobs

LEASE_SECONDS = 45.0
MAX_SOLO_CRASHES = 3


class LeaseStore:
    """Leases on running jobs. A lease that is not renewed ends, and the job goes back to the queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, owner: str, *, models: Sequence[str], limit: int = 1, lease_seconds: float = LEASE_SECONDS
    ) -> list[Job]:
        """Takes up to `limit` due jobs of these model aliases, fairest first; no two callers get the same job."""
        with self._database.transaction() as connection:
            statement = (
                sa.update(jobs)
                .where(jobs.c.id.in_(self._due(models, limit)))
                .values(
                    state=JobState.RUNNING,
                    attempt=jobs.c.attempt + 1,
                    lease_owner=owner,
                    lease_expires_at=db_now(lease_seconds),
                    started_at=sa.func.coalesce(jobs.c.started_at, db_now()),
                    step=0,
                )
                .returning(jobs)
            )
            rows = sorted(connection.execute(statement).all(), key=lambda row: (row.fair_key, row.id))
            for row in rows:
                add_event(connection, row, "job.started", {})
        return [job_of(row) for row in rows]

    def _due(self, models: Sequence[str], limit: int) -> sa.Select[tuple[str]]:
        due = sa.and_(
            jobs.c.state == JobState.QUEUED, jobs.c.not_before <= db_now(), jobs.c.model_alias.in_(list(models))
        )
        chosen = (
            sa.select(jobs.c.id)
            .where(due, sa.or_(jobs.c.deadline_at.is_(None), jobs.c.deadline_at > db_now()))
            .order_by(jobs.c.fair_key, jobs.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        # Materialized, or PostgreSQL may run the inner query again and take more rows than the limit.
        chosen = chosen.prefix_with("MATERIALIZED", dialect="postgresql")
        return sa.select(chosen.c.id)

    def beat(
        self, owner: str, steps: Mapping[tuple[str, int], int], lease_seconds: float = LEASE_SECONDS
    ) -> dict[tuple[str, int], Order]:
        """Renews leases and stores progress: `steps` maps (job id, attempt) to denoising steps done.

        Returns what to do with each job; one that is missing from the answer was lost and must be dropped.
        """
        if not steps:
            return {}
        held = sa.tuple_(jobs.c.id, jobs.c.attempt).in_(list(steps))
        done = sa.case(*[(jobs.c.id == job_id, step) for (job_id, _), step in steps.items()], else_=jobs.c.step)
        statement = (
            sa.update(jobs)
            .where(held, jobs.c.state == JobState.RUNNING, jobs.c.lease_owner == owner)
            .values(lease_expires_at=db_now(lease_seconds), step=done)
            .returning(
                jobs.c.id, jobs.c.attempt, jobs.c.cancel_requested, (jobs.c.deadline_at < db_now()).label("late")
            )
        )
        with self._database.transaction() as connection:
            rows = connection.execute(statement).all()
        return {(row.id, row.attempt): _order(row.cancel_requested, row.late) for row in rows}

    def reap(self) -> list[str]:
        """Takes back every job whose lease ended and returns their ids; repeated solo crashes fail for good."""
        ended = sa.and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_expires_at < db_now())
        # Only a crash while the job ran alone proves anything against it; the first crash makes it run alone.
        spent = sa.and_(jobs.c.solo, jobs.c.crash_count >= MAX_SOLO_CRASHES)
        lost = JobError("worker_lost", "The worker died every time it ran this job; check its image and size.", False)
        failed = {**FINISH, "state": JobState.FAILED, "error": lost.as_dict(), "crash_count": jobs.c.crash_count + 1}
        again = {**GIVE_BACK, "state": JobState.QUEUED, "solo": True, "crash_count": jobs.c.crash_count + 1}
        with self._database.transaction() as connection:
            canceled = sa.and_(ended, jobs.c.cancel_requested)
            ids = apply(connection, canceled, {**FINISH, "state": JobState.CANCELED}, "job.canceled")
            ids += apply(connection, sa.and_(ended, spent), failed, "job.failed", {"code": lost.code})
            ids += apply(connection, ended, again, "job.queued", {"reason": "lease_ended"})
        return ids

    def expire(self) -> list[str]:
        """Ends every waiting job whose deadline has passed and returns their ids."""
        waiting = jobs.c.state.in_([JobState.QUEUED, JobState.HELD])
        with self._database.transaction() as connection:
            late = sa.and_(waiting, jobs.c.deadline_at < db_now())
            return apply(connection, late, {**FINISH, "state": JobState.EXPIRED}, "job.expired")


def _order(cancel_requested: bool, late: bool | None) -> Order:
    if cancel_requested:
        return Order.CANCEL
    return Order.EXPIRE if late else Order.GO_ON
