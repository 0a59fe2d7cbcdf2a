"""What one transaction does with a group of submits: recognise copies, hold against limits, give tags, insert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from storage.also import add_rows
from storage.copies import KEY_SECONDS, Trace, original_of
from storage.database import db_now
from storage.errors import CoolingDown, IdempotencyConflict, QueueFull, TenantNotFound, TenantSuspended
from storage.events import Event, add_events
from storage.job import Job, JobState, NewJob
from storage.measure_store import suspension
from storage.rows import job_of
from storage.strike import Strike
from storage.strike_store import earned, recent_strikes
from storage.tables import idempotency_keys, jobs, tenants
from storage.tags import draw_tags

QUEUE_FULL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that stands for a request; `replayed` when an earlier copy of the request had made it."""

    job: Job
    replayed: bool = False


Answer = Submitted | Exception


def _found(row: sa.Row[Any], new: NewJob) -> Submitted:
    # Its own row is found when an earlier try of this very submit landed after all; that is no copy.
    return Submitted(job_of(row), replayed=row.id != new.id)


def _stored_job(answer: Answer) -> Submitted:
    if isinstance(answer, Exception):
        raise answer
    return answer


class Intake:
    """The work on a group of submits inside a transaction that the caller opened."""

    def __init__(self, connection: sa.Connection, news: Sequence[NewJob]) -> None:
        self._connection = connection
        self._news = news
        # Locked, so that submits of one tenant take turns: copies and limits are seen exactly, tags never repeat.
        mine = tenants.c.id.in_({new.tenant_id for new in news})
        locked = (
            sa.select(tenants, suspension().label("suspended"))
            .where(mine)
            .order_by(tenants.c.id)
            .with_for_update(key_share=True)
        )
        self._tenants = {row.id: row for row in connection.execute(locked)}
        self._room = {row.id: self._room_of(row) for row in self._tenants.values()}
        self._fresh: list[NewJob] = []
        self._strikes: dict[tuple[str, str], list[Strike]] = {}

    def answers(self) -> list[Answer]:
        """What became of each request, in order."""
        answers: dict[str, Answer] = {}
        copies: dict[str, str] = {}
        for new in self._news:
            if (twin := self._twin_of(new)) is not None:
                copies[new.id] = twin.id
            elif (found := self._copy_of(new) or self._refusal(new)) is not None:
                answers[new.id] = found
            else:
                self._fresh.append(new)
                self._remember_key(new)
        for row in self._insert(self._fresh):
            answers[row.id] = Submitted(job_of(row))
        for copy, original in copies.items():
            answers[copy] = replace(_stored_job(answers[original]), replayed=True)
        return [answers[new.id] for new in self._news]

    def _twin_of(self, new: NewJob) -> NewJob | None:
        """The same request among those that this very transaction stores."""
        for other in self._fresh:
            alike = (other.tenant_id, other.idempotency_key, other.fingerprint) == (
                new.tenant_id,
                new.idempotency_key,
                new.fingerprint,
            )
            if alike and new.fingerprint is not None and (new.idempotency_key is not None or new.is_retry):
                return other
        return None

    def _copy_of(self, new: NewJob) -> Answer | None:
        trace = Trace(new.tenant_id, new.fingerprint, new.idempotency_key, new.is_retry)
        try:
            row = original_of(self._connection, trace)
        except IdempotencyConflict as conflict:
            return conflict
        return None if row is None else _found(row, new)

    def _remember_key(self, new: NewJob) -> None:
        if new.idempotency_key is None:
            return
        values = {"tenant_id": new.tenant_id, "key": new.idempotency_key, "fingerprint": new.fingerprint}
        # The keeper removes keys that are past their day, but not to the second.
        past = sa.delete(idempotency_keys).where(
            idempotency_keys.c.tenant_id == new.tenant_id, idempotency_keys.c.key == new.idempotency_key
        )
        self._connection.execute(past.where(idempotency_keys.c.created_at <= db_now(-KEY_SECONDS)))
        made = sa.insert(idempotency_keys).values(**values, job_id=new.id, created_at=db_now())
        self._connection.execute(made)

    def _refusal(self, new: NewJob) -> Exception | None:
        if new.tenant_id not in self._tenants:
            return TenantNotFound(f"there is no tenant {new.tenant_id}")
        if (told := self._tenants[new.tenant_id].suspended) is not None:
            return TenantSuspended(told)
        if (cooling := self._cooling(new)) is not None:
            return cooling
        room = self._room.get(new.tenant_id)
        if room is None or new.state is not JobState.QUEUED:
            return None
        if room <= 0:
            limit = self._tenants[new.tenant_id].max_queued
            return QueueFull(f"{limit} jobs are queued already, as many as this tenant may have", QUEUE_FULL_SECONDS)
        self._room[new.tenant_id] = room - 1
        return None

    def _cooling(self, new: NewJob) -> CoolingDown | None:
        if new.gate is None or new.user is None:
            return None
        caller = (new.tenant_id, new.user)
        if caller not in self._strikes:
            read = recent_strikes(self._connection, *caller, new.gate.window_seconds, new.gate.limit)
            self._strikes[caller] = read
        # Those of this very transaction, which no query sees yet, come on top.
        fresh = (strike for other in self._fresh for strike in map(earned, other.also) if strike is not None)
        theirs = [strike for strike in fresh if (strike.tenant_id, strike.user) == caller]
        seconds = new.gate.seconds_to_wait([*theirs, *self._strikes[caller]])
        return CoolingDown("requests of this end-user were refused too often", seconds) if seconds > 0 else None

    def _room_of(self, tenant: sa.Row[Any]) -> int | None:
        if tenant.max_queued is None:
            return None
        queued = sa.and_(jobs.c.tenant_id == tenant.id, jobs.c.state == JobState.QUEUED)
        # No more rows are looked at than the limit allows.
        looked_at = sa.select(jobs.c.id).where(queued).limit(tenant.max_queued).subquery()
        count = self._connection.scalar(sa.select(sa.func.count()).select_from(looked_at))
        return int(tenant.max_queued) - (count or 0)

    def _insert(self, fresh: Sequence[NewJob]) -> Sequence[sa.Row[Any]]:
        if not fresh:
            return []
        weights = {tenant_id: tenant.weight for tenant_id, tenant in self._tenants.items()}
        keys = draw_tags(self._connection, fresh, weights)
        rows: list[sa.Row[Any]] = []
        for ended in (False, True):
            times = {"not_before": db_now(), "created_at": db_now()} | ({"finished_at": db_now()} if ended else {})
            some = [_row(new, keys[new.id]) for new in fresh if (new.state is JobState.BLOCKED) == ended]
            if some:
                statement = _insert_statement(times)
                rows += self._connection.execute(statement.returning(jobs), some).all()
        events = [_event(new) for new in fresh]
        add_events(self._connection, events)
        add_rows(self._connection, (row for new in fresh for row in new.also))
        return rows


def _insert_statement(times: dict[str, Any]) -> sa.Insert:
    # The deadline is a number of seconds in the parameters and a moment by the database's clock in the row.
    deadline = sa.cast(sa.bindparam("deadline_seconds"), sa.Float)
    return sa.insert(jobs).values(**times, deadline_at=sa.case((deadline.is_(None), None), else_=db_now(deadline)))


def _event(new: NewJob) -> Event:
    return Event(new.id, new.tenant_id, 0, f"job.{new.state}", {"held_at": new.held_at} if new.held_at else {})


def _row(new: NewJob, key: float) -> dict[str, Any]:
    return {
        "id": new.id,
        "tenant_id": new.tenant_id,
        "state": new.state,
        "held_at": new.held_at,
        "priority": new.priority,
        "cost": new.cost,
        "fair_key": key,
        "model_alias": new.params.model,
        "model": new.model,
        "deadline_seconds": new.deadline_seconds,
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
        "webhook_id": new.webhook_id,
        "fingerprint": new.fingerprint,
        "imprint": new.imprint,
        "replaces": new.replaces,
    }
