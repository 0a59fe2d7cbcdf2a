"""Every move a job can make once it is stored, as named methods; storage/moves.py makes them safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from storage.also import Row
from storage.batch_tables import batches
from storage.database import Database, db_now
from storage.erasure import forget_prompts_on_record
from storage.errors import JobNotFound
from storage.job import HeldAt, Job, JobError, JobResult, JobState, refuse_unmarked
from storage.mark_store import mark_rows
from storage.moves import Move, Mover, apply
from storage.rows import job_of
from storage.tables import jobs

FINISH = {"finished_at": db_now(), "lease_owner": None, "lease_expires_at": None}
GIVE_BACK = {"lease_owner": None, "lease_expires_at": None, "step": 0}
MAX_SOLO_CRASHES = 3
WORKER_LOST = JobError(
    "worker_lost", "The worker died every time it ran this job; check its image and size.", retryable=False
)


@dataclass(frozen=True, slots=True)
class CanceledBatch:
    """What canceling a batch did: jobs that ended at once, and running ones that were told to stop."""

    canceled: int
    stopping: int


class JobStore:
    """The moves of API and workers. Methods that return bool say whether the move was still the caller's to make.

    `also` are rows that are inserted in the same commit as the move, or not at all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mover = Mover(database)

    def succeed(self, job: Job, result: JobResult, also: Sequence[Row] = ()) -> bool:
        """running -> succeeded, with the images now visible and their marks on record. Raises ValueError without."""
        refuse_unmarked(result.images, result.safety)
        also = (*mark_rows(job, result), *also)
        return self._move(job, JobState.SUCCEEDED, _result(result), also=also)

    def hold_result(self, job: Job, result: JobResult, also: Sequence[Row] = ()) -> bool:
        """running -> held: the images lie in quarantine until a person decides. Raises ValueError without marks."""
        refuse_unmarked(result.images, result.safety)
        values = {**_result(result), "held_at": HeldAt.RESULT}
        also = (*mark_rows(job, result), *also)
        return self._move(job, JobState.HELD, values, {"held_at": HeldAt.RESULT}, also)

    def hold_request(self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = ()) -> bool:
        """running -> held before any GPU work: a person decides whether it may run."""
        values = {"step": 0, "safety": safety, "held_at": HeldAt.REQUEST}
        return self._move(job, JobState.HELD, values, {"held_at": HeldAt.REQUEST}, also)

    def block(self, job: Job, result: JobResult, also: Sequence[Row] = ()) -> bool:
        """running -> blocked by a policy rule; the result carries no images, nothing was kept."""
        return self._move(job, JobState.BLOCKED, _result(result), also=also)

    def fail(self, job: Job, error: JobError) -> bool:
        """running -> failed, for good."""
        return self._move(job, JobState.FAILED, {"error": error.as_dict()}, {"code": error.code})

    def retry(self, job: Job, error: JobError, *, delay_seconds: float) -> bool:
        """running -> queued again after an error of ours, not before `delay_seconds` from now."""
        values = {"step": 0, "error_count": job.error_count + 1}
        data = {"reason": "retry", "code": error.code}
        move = Move.make(job, JobState.QUEUED, values, data)
        return self._mover.make(replace(move, delay_seconds=delay_seconds))

    def crash(self, job: Job) -> bool:
        """running -> queued to run alone, as after a death of its process; failed once that happened too often."""
        counted = {"crash_count": job.crash_count + 1}
        if job.solo and job.crash_count >= MAX_SOLO_CRASHES:
            values = {**counted, "error": WORKER_LOST.as_dict()}
            return self._move(job, JobState.FAILED, values, {"code": WORKER_LOST.code})
        return self._move(job, JobState.QUEUED, {**counted, "step": 0, "solo": True}, {"reason": "crash"})

    def release(self, job: Job) -> bool:
        """running -> queued without penalty, as when a worker drains."""
        return self._move(job, JobState.QUEUED, {"step": 0}, {"reason": "release"})

    def finish_cancel(self, job: Job, *, receipt: dict[str, Any]) -> bool:
        """running -> canceled, after the engine let go of the job."""
        return self._move(job, JobState.CANCELED, {"receipt": receipt})

    def finish_expired(self, job: Job, *, receipt: dict[str, Any]) -> bool:
        """running -> expired: the deadline passed while it ran."""
        return self._move(job, JobState.EXPIRED, {"receipt": receipt})

    def cancel(self, job_id: str, tenant_id: str) -> Job:
        """Cancels a waiting job at once and asks a running one to stop. Idempotent; an ended job stays as it is.

        Raises JobNotFound when the tenant has no such job.
        """
        mine = sa.and_(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id)
        with self._database.transaction() as connection:
            cancel_where(connection, mine)
            row = connection.execute(sa.select(jobs).where(mine)).one_or_none()
        return job_of(_known(row, job_id))

    def ask_to_erase(self, job_id: str, tenant_id: str) -> Job:
        """Notes that the job's owner wants its content erased, and cancels it unless it has ended. Idempotent.

        What it was asked for leaves the audit record at once; the rest goes when the job has ended. Raises JobNotFound.
        """
        mine = sa.and_(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id)
        with self._database.transaction() as connection:
            cancel_where(connection, mine)
            asked = sa.update(jobs).where(mine).values(erase_asked_at=sa.func.coalesce(jobs.c.erase_asked_at, db_now()))
            row = connection.execute(asked.returning(jobs)).one_or_none()
            if row is not None:
                forget_prompts_on_record(connection, sa.select(jobs.c.id).where(mine))
        return job_of(_known(row, job_id))

    def cancel_batch(self, batch: str, tenant_id: str) -> CanceledBatch:
        """The same for every job that carries the tenant's label `batch`; a batch that is being sent is closed."""
        mine = sa.and_(jobs.c.batch == batch, jobs.c.tenant_id == tenant_id)
        its_row = sa.and_(batches.c.id == batch, batches.c.tenant_id == tenant_id, batches.c.closed_at.is_(None))
        with self._database.transaction() as connection:
            connection.execute(sa.update(batches).where(its_row).values(closed_at=db_now()))
            return cancel_where(connection, mine)

    def _move(
        self,
        job: Job,
        to: JobState,
        values: dict[str, Any],
        data: dict[str, Any] | None = None,
        also: Sequence[Row] = (),
    ) -> bool:
        return self._mover.make(replace(Move.make(job, to, values, data), also=tuple(also)))


def _known(row: sa.Row[Any] | None, job_id: str) -> sa.Row[Any]:
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return row


def cancel_where(connection: sa.Connection, which: sa.ColumnElement[bool]) -> CanceledBatch:
    """Cancels what waits among `which` and asks what runs to stop, inside the caller's transaction."""
    waiting = jobs.c.state.in_([JobState.QUEUED, JobState.HELD])
    running = sa.and_(jobs.c.state == JobState.RUNNING, jobs.c.cancel_requested.is_(False))
    ended = apply(connection, sa.and_(which, waiting), {**FINISH, "state": JobState.CANCELED}, "job.canceled")
    asked = apply(connection, sa.and_(which, running), {"cancel_requested": True}, "job.cancel_requested")
    return CanceledBatch(len(ended), len(asked))


def _result(result: JobResult) -> dict[str, Any]:
    return {
        "images": [image.as_dict() for image in result.images],
        "receipt": result.receipt,
        "safety": result.safety,
        "model": result.model,
        # None at all of a job whose input was refused.
        "step": result.receipt.get("actual_steps", 0),
    }
