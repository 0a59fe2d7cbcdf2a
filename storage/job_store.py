"""Every move a job can make. Each is one guarded UPDATE and one event row in one transaction.

A worker's moves match on (id, attempt, state = running): `attempt` is the fencing token, so a paused worker that
wakes up after its lease was given away matches no row and learns that the job is no longer its own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import JobNotFound
from storage.fairness import fair_key
from storage.ids import new_id
from storage.job import TRANSITIONS, HeldAt, Job, JobError, JobResult, JobState, NewJob
from storage.rows import job_of
from storage.tables import job_events, jobs, tenants

FINISH = {"finished_at": db_now(), "lease_owner": None, "lease_expires_at": None}
GIVE_BACK = {"lease_owner": None, "lease_expires_at": None, "step": 0}


class JobStore:
    """The moves of API and workers. Methods that return bool say whether the move was still the caller's to make."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, new: NewJob) -> Job:
        """Stores an accepted request; once this returns, the job cannot be lost."""
        with self._database.transaction() as connection:
            row = connection.execute(sa.insert(jobs).values(_new_row(connection, new)).returning(jobs)).one()
            add_event(connection, row, _event_type(new.state), {"held_at": new.held_at} if new.held_at else {})
        return job_of(row)

    def succeed(self, job: Job, result: JobResult) -> bool:
        """running -> succeeded, with the images now visible."""
        return self._move(job, JobState.SUCCEEDED, {**_result(result), **FINISH})

    def hold_result(self, job: Job, result: JobResult) -> bool:
        """running -> held: the images lie in quarantine until a person decides."""
        values = {**GIVE_BACK, **_result(result), "held_at": HeldAt.RESULT}
        return self._move(job, JobState.HELD, values, {"held_at": HeldAt.RESULT})

    def hold_request(self, job: Job, *, safety: dict[str, Any]) -> bool:
        """running -> held before any GPU work: a person decides whether it may run."""
        values = {**GIVE_BACK, "safety": safety, "held_at": HeldAt.REQUEST}
        return self._move(job, JobState.HELD, values, {"held_at": HeldAt.REQUEST})

    def block(self, job: Job, result: JobResult) -> bool:
        """running -> blocked by a policy rule; the result carries no images, nothing was kept."""
        return self._move(job, JobState.BLOCKED, {**_result(result), **FINISH})

    def fail(self, job: Job, error: JobError) -> bool:
        """running -> failed, for good."""
        return self._move(job, JobState.FAILED, {**FINISH, "error": error.as_dict()}, {"code": error.code})

    def retry(self, job: Job, error: JobError, *, delay_seconds: float) -> bool:
        """running -> queued again after an error of ours, not before `delay_seconds` from now."""
        values = {**GIVE_BACK, "error_count": jobs.c.error_count + 1, "not_before": db_now(delay_seconds)}
        return self._move(job, JobState.QUEUED, values, {"reason": "retry", "code": error.code})

    def release(self, job: Job) -> bool:
        """running -> queued without penalty, as when a worker drains."""
        return self._move(job, JobState.QUEUED, GIVE_BACK, {"reason": "release"})

    def finish_cancel(self, job: Job, *, receipt: dict[str, Any]) -> bool:
        """running -> canceled, after the engine let go of the job."""
        return self._move(job, JobState.CANCELED, {**FINISH, "receipt": receipt})

    def finish_expired(self, job: Job, *, receipt: dict[str, Any]) -> bool:
        """running -> expired: the deadline passed while it ran."""
        return self._move(job, JobState.EXPIRED, {**FINISH, "receipt": receipt})

    def cancel(self, job_id: str, tenant_id: str) -> Job:
        """Cancels a waiting job at once and asks a running one to stop. Idempotent; an ended job stays as it is.

        Raises JobNotFound when the tenant has no such job.
        """
        mine = sa.and_(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id)
        waiting = jobs.c.state.in_([JobState.QUEUED, JobState.HELD])
        running = sa.and_(jobs.c.state == JobState.RUNNING, jobs.c.cancel_requested.is_(False))
        with self._database.transaction() as connection:
            apply(connection, sa.and_(mine, waiting), {**FINISH, "state": JobState.CANCELED}, "job.canceled")
            apply(connection, sa.and_(mine, running), {"cancel_requested": True}, "job.cancel_requested")
            row = connection.execute(sa.select(jobs).where(mine)).one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(row)

    def _move(self, job: Job, to: JobState, values: dict[str, Any], data: dict[str, Any] | None = None) -> bool:
        if to not in TRANSITIONS[JobState.RUNNING]:
            raise ValueError(f"no move leads from running to {to}")
        guard = sa.and_(jobs.c.id == job.id, jobs.c.attempt == job.attempt, jobs.c.state == JobState.RUNNING)
        with self._database.transaction() as connection:
            return bool(apply(connection, guard, {**values, "state": to}, _event_type(to), data))


def apply(
    connection: sa.Connection,
    guard: sa.ColumnElement[bool],
    values: dict[str, Any],
    event: str,
    data: dict[str, Any] | None = None,
) -> list[str]:
    """Runs one guarded UPDATE, writes an event for each row it matched, and returns their ids."""
    statement = sa.update(jobs).where(guard).values(values)
    rows = connection.execute(statement.returning(jobs.c.id, jobs.c.tenant_id, jobs.c.attempt)).all()
    for row in rows:
        add_event(connection, row, event, data or {})
    return [row.id for row in rows]


def add_event(connection: sa.Connection, row: Any, event: str, data: dict[str, Any]) -> None:
    """Appends to the history of the job in `row` (needs id, tenant_id, attempt)."""
    connection.execute(
        sa.insert(job_events).values(
            id=new_id("evt"),
            job_id=row.id,
            tenant_id=row.tenant_id,
            type=event,
            attempt=row.attempt,
            data=data,
            at=db_now(),
        )
    )


def _event_type(state: JobState) -> str:
    return f"job.{state}"


def _result(result: JobResult) -> dict[str, Any]:
    return {
        "images": [image.as_dict() for image in result.images],
        "receipt": result.receipt,
        "safety": result.safety,
        "model": result.model,
        "step": jobs.c.steps,
    }


def _new_row(connection: sa.Connection, new: NewJob) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": new_id("job"),
        "tenant_id": new.tenant_id,
        "state": new.state,
        "held_at": new.held_at,
        "priority": new.priority,
        "cost": new.cost,
        "fair_key": _next_fair_key(connection, new),
        "model_alias": new.params.model,
        "model": new.model,
        "not_before": db_now(),
        "deadline_at": None if new.deadline_seconds is None else db_now(new.deadline_seconds),
        "steps": new.params.actual_steps,
        "params": new.params.model_dump(mode="json"),
        "image_key": new.image_key,
        "mask_key": new.mask_key,
        "safety": new.safety,
        "receipt": {},
        "images": [],
        "user": new.user,
        "metadata": new.metadata,
        "batch": new.batch,
        "created_at": db_now(),
    }
    return {**values, "finished_at": db_now()} if new.state is JobState.BLOCKED else values


def _next_fair_key(connection: sa.Connection, new: NewJob) -> float:
    # Locking the tenant's row makes its submits take turns, so that no two get the same tag.
    mine = sa.select(tenants).where(tenants.c.id == new.tenant_id).with_for_update()
    tenant = connection.execute(mine).one()
    virtual_time = connection.scalar(sa.select(sa.func.max(jobs.c.fair_key)).where(jobs.c.attempt > 0))
    key = fair_key(
        virtual_time=virtual_time or 0.0,
        last_key=tenant.last_key,
        cost=new.cost,
        tenant_weight=tenant.weight,
        priority_weight=new.priority.weight,
    )
    connection.execute(sa.update(tenants).where(tenants.c.id == new.tenant_id).values(last_key=key))
    return key
