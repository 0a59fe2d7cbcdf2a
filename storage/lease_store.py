"""Who works on what, and until when: claims, beats, reaping and deadlines, all by the database's clock."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.events import Event, add_events
from storage.formats import READS
from storage.job import Job, JobState, Order
from storage.job_store import FINISH, GIVE_BACK, MAX_SOLO_CRASHES, WORKER_LOST
from storage.moves import apply, in_order
from storage.rows import job_of
from storage.tables import jobs, tenants

LEASE_SECONDS = 45.0
# A job that must run alone waits so long for a process without work; then processes stop taking others for its sake.
SOLO_PATIENCE_SECONDS = 10.0


class LeaseStore:
    """Leases on running jobs. A lease that is not renewed ends, and the job goes back to the queue."""

    def __init__(self, database: Database, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self.lease_seconds = lease_seconds

    def claim(self, owner: str, *, models: Sequence[str], limit: int = 1, alone: bool = True) -> list[Job]:
        """Takes up to `limit` due jobs of these model aliases; no two callers get the same job.

        The models are asked in the order given, and each gives its fairest jobs first: tags of different models,
        whose virtual times have nothing to do with each other, are not compared.
        `alone` says that the caller runs nothing now. Only then may it get a job that has to run alone (`solo`),
        and that one comes by itself. Rows of a format that this version cannot read stay for a newer one.
        """
        with self._database.transaction() as connection:
            claims = _Claims(connection, owner, models, self.lease_seconds)
            taken = claims.take(1, may_solo=True) if alone else []
            if len(taken) < limit and not (alone and (not taken or taken[0].solo)):
                taken += claims.take(limit - len(taken), may_solo=False)
            add_events(connection, [Event(job.id, job.tenant_id, job.attempt, "job.started", {}) for job in taken])
        return taken

    def beat(self, owner: str, steps: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], Order]:
        """Renews leases and stores progress: `steps` maps (job id, attempt) to denoising steps done.

        Returns what to do with each job; one that is missing from the answer was lost and must be dropped.
        """
        if not steps:
            return {}
        mine = sa.tuple_(jobs.c.id, jobs.c.attempt).in_(list(steps))
        held = sa.and_(mine, jobs.c.state == JobState.RUNNING, jobs.c.lease_owner == owner)
        done = sa.case(*[(jobs.c.id == job_id, step) for (job_id, _), step in steps.items()], else_=jobs.c.step)
        statement = (
            sa.update(jobs)
            .where(in_order(held))
            .values(lease_expires_at=db_now(self.lease_seconds), step=done)
            .returning(
                jobs.c.id, jobs.c.attempt, jobs.c.cancel_requested, (jobs.c.deadline_at < db_now()).label("late")
            )
        )
        with self._database.transaction() as connection:
            rows = connection.execute(statement).all()
        return {(row.id, row.attempt): _order(row.cancel_requested, row.late) for row in rows}

    def give_up(self, owner: str) -> None:
        """Ends every lease of `owner` now, so that the next reaping takes its jobs back."""
        held = sa.and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_owner == owner)
        with self._database.transaction() as connection:
            connection.execute(sa.update(jobs).where(in_order(held)).values(lease_expires_at=db_now(-1.0)))

    def reap(self) -> list[str]:
        """Takes back every job whose lease ended and returns their ids; repeated solo crashes fail for good."""
        ended = sa.and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_expires_at < db_now())
        # Only a crash while the job ran alone proves anything against it; the first crash makes it run alone.
        spent = sa.and_(jobs.c.solo, jobs.c.crash_count >= MAX_SOLO_CRASHES)
        counted = {"crash_count": jobs.c.crash_count + 1}
        failed = {**FINISH, **counted, "state": JobState.FAILED, "error": WORKER_LOST.as_dict()}
        again = {**GIVE_BACK, **counted, "state": JobState.QUEUED, "solo": True, "not_before": db_now()}
        with self._database.transaction() as connection:
            canceled = sa.and_(ended, jobs.c.cancel_requested)
            ids = apply(connection, canceled, {**FINISH, "state": JobState.CANCELED}, "job.canceled")
            ids += apply(connection, sa.and_(ended, spent), failed, "job.failed", {"code": WORKER_LOST.code})
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


class _Claims:
    """The claims of one transaction. Tenants with a limit are locked, so that no two claims pass it together."""

    def __init__(self, connection: sa.Connection, owner: str, models: Sequence[str], lease_seconds: float) -> None:
        self._connection = connection
        self._own = {"owner": owner, "lease": lease_seconds}
        self._models = list(models)
        self._room: dict[str, int] | None = None

    def take(self, limit: int, *, may_solo: bool) -> list[Job]:
        """Due jobs, now running under a lease: the fairest of the first model, then of the next, up to `limit`."""
        taken: list[Job] = []
        for model in self._models:
            if len(taken) < limit:
                taken += self._take_of(model, limit - len(taken), may_solo=may_solo)
        return taken

    def _take_of(self, model: str, limit: int, *, may_solo: bool) -> list[Job]:
        wanted = {"wanted": limit, "due_model": model, "lonely_models": self._models}
        # One statement, which takes nothing where some tenant has a limit; most deployments set none.
        rows = self._connection.execute(_claim_due(may_solo=may_solo), wanted | self._own).all()
        if not rows and (room := self._rooms()):
            full = [tenant_id for tenant_id, free in room.items() if free <= 0]
            due = _due(may_solo=may_solo, some_full=bool(full))
            chosen = self._within_limits(self._connection.execute(due, wanted | {"full": full}), room)
            rows = self._connection.execute(_claim(), {"chosen": chosen} | self._own).all()
        return [job_of(row) for row in sorted(rows, key=lambda row: (row.fair_key, row.id))]

    def _rooms(self) -> dict[str, int]:
        if self._room is None:
            locked = self._connection.execute(_limited().with_for_update(key_share=True)).all()
            self._room = {row.id: row.max_running - self._running(row.id) for row in locked}
        return self._room

    def _within_limits(self, due: Iterable[sa.Row[Any]], room: dict[str, int]) -> list[str]:
        chosen: list[str] = []
        for row in due:
            if row.tenant_id not in room:
                chosen.append(row.id)
            elif room[row.tenant_id] > 0:
                chosen.append(row.id)
                room[row.tenant_id] -= 1
        return chosen

    def _running(self, tenant_id: str) -> int:
        mine = sa.and_(jobs.c.tenant_id == tenant_id, jobs.c.state == JobState.RUNNING)
        return self._connection.scalar(sa.select(sa.func.count()).select_from(jobs).where(mine)) or 0


# What a Job is made of, and nothing that only the queue needs: a claim returns many rows.
_UNREAD = {"cost", "model_alias", "not_before", "lease_owner", "lease_expires_at", "fingerprint", "webhook_id"}
_UNREAD |= {"prompts_erased_at", "format"}
_CLAIMED = [column for column in jobs.c if column.name not in _UNREAD]

# Statements are built once: putting one together costs more than running it.


@functools.cache
def _limited() -> sa.Select[Any]:
    limited = sa.select(tenants.c.id, tenants.c.max_running).where(tenants.c.max_running.is_not(None))
    return limited.order_by(tenants.c.id)


@functools.cache
def _due(*, may_solo: bool, some_full: bool) -> sa.Select[tuple[str, str]]:
    waiting = sa.and_(
        jobs.c.state == JobState.QUEUED,
        jobs.c.not_before <= db_now(),
        jobs.c.model_alias == sa.bindparam("due_model"),
        jobs.c.format <= READS,
    )
    in_time = sa.or_(jobs.c.deadline_at.is_(None), jobs.c.deadline_at > db_now())
    statement = sa.select(jobs.c.id, jobs.c.tenant_id).where(waiting, in_time)
    if some_full:
        statement = statement.where(jobs.c.tenant_id.not_in(_several("full")))
    if not may_solo:
        statement = statement.where(jobs.c.solo.is_(False), ~_solo_is_overdue())
    ordered = statement.order_by(jobs.c.fair_key, jobs.c.id).limit(sa.bindparam("wanted", type_=sa.Integer))
    return ordered.with_for_update(skip_locked=True, of=jobs)


def _solo_is_overdue() -> sa.ColumnElement[bool]:
    other = jobs.alias("lonely")
    mine = sa.and_(other.c.model_alias.in_(_several("lonely_models")), other.c.state == JobState.QUEUED, other.c.solo)
    # One that no process of this version may take is no reason to wait.
    return (
        sa.select(other.c.id)
        .where(mine, other.c.format <= READS, other.c.not_before < db_now(-SOLO_PATIENCE_SECONDS))
        .exists()
    )


@functools.cache
def _claim_due(*, may_solo: bool) -> sa.sql.dml.ReturningUpdate[Any]:
    """Chooses and takes with one statement."""
    # Run again for each row, the inner query would take more rows than the limit. PostgreSQL does not do that to a
    # query that locks rows, but only this word promises it.
    due = _due(may_solo=may_solo, some_full=False).where(~_limited().exists())
    chosen = due.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    return _claim_where(jobs.c.id.in_(sa.select(chosen.c.id)))


@functools.cache
def _claim() -> sa.sql.dml.ReturningUpdate[Any]:
    """Takes jobs that were chosen, and locked, before."""
    return _claim_where(jobs.c.id.in_(_several("chosen")))


def _claim_where(which: sa.ColumnElement[bool]) -> sa.sql.dml.ReturningUpdate[Any]:
    values = {
        "state": JobState.RUNNING,
        "attempt": jobs.c.attempt + 1,
        "lease_owner": sa.bindparam("owner"),
        "lease_expires_at": db_now(sa.bindparam("lease", type_=sa.Float)),
        "started_at": sa.func.coalesce(jobs.c.started_at, db_now()),
        "step": 0,
    }
    return sa.update(jobs).where(which).values(values).returning(*_CLAIMED)


def _several(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)
