"""What one transaction does with a group of submits: recognise copies, hold against limits, give tags, insert."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from storage.also import add_rows
from storage.copies import Keys, Trace, original_of
from storage.errors import CoolingDown, IdempotencyConflict, QueueFull, TenantNotFound, TenantSuspended
from storage.events import Event, add_events
from storage.job import Job, JobState, NewJob
from storage.measure_store import suspension
from storage.new_rows import row_of, stored
from storage.record_set import insert_all
from storage.rows import job_of
from storage.strike import Gate, Strike
from storage.strike_store import earned, recent_strikes, struck_users
from storage.tables import jobs, tenants
from storage.tags import draw_tags
from storage.webhook_rows import now_of

QUEUE_FULL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that stands for a request; `replayed` when an earlier copy of the request had made it."""

    job: Job
    replayed: bool = False


Answer = Submitted | Exception


class _Copy(NamedTuple):
    """By what a request is known again within one transaction; without a key, only one that says it is a retry is."""

    tenant_id: str
    key: str | None
    fingerprint: str


def _found(row: sa.Row[Any], new: NewJob) -> Submitted:
    # Its own row is found when an earlier try of this very submit landed after all; that is no copy.
    return Submitted(job_of(row), replayed=row.id != new.id)


def stored_job(answer: Answer) -> Submitted:
    """The answer, or the exception that stands in its place is raised."""
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
        self._now = now_of(connection)
        self._room = {row.id: self._room_of(row) for row in self._tenants.values()}
        self._keys = Keys(connection, news)
        self._twins: dict[_Copy, NewJob] = {}
        self._fresh: list[NewJob] = []
        self._strikes: dict[tuple[str, str], list[Strike]] = {}
        self._earned: dict[tuple[str, str | None], list[Strike]] = defaultdict(list)
        self._struck: dict[str, set[str]] = {}

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
                self._take(new)
        for job in self._insert(self._fresh):
            answers[job.id] = Submitted(job)
        for copy, original in copies.items():
            answers[copy] = replace(stored_job(answers[original]), replayed=True)
        return [answers[new.id] for new in self._news]

    def _twin_of(self, new: NewJob) -> NewJob | None:
        """The same request among those that this very transaction stores."""
        if new.fingerprint is None:
            return None
        copy = _Copy(new.tenant_id, new.idempotency_key, new.fingerprint)
        twin = self._twins.get(copy)
        return twin if new.idempotency_key is not None or new.is_retry else None

    def _copy_of(self, new: NewJob) -> Answer | None:
        try:
            row = self._original_of(new)
        except IdempotencyConflict as conflict:
            return conflict
        return None if row is None else _found(row, new)

    def _original_of(self, new: NewJob) -> sa.Row[Any] | None:
        if new.idempotency_key is not None:
            return self._keys.original(new)
        return original_of(self._connection, Trace(new.tenant_id, new.fingerprint, None, new.is_retry))

    def _take(self, new: NewJob) -> None:
        self._fresh.append(new)
        self._keys.remember(new)
        for strike in map(earned, new.also):
            if strike is not None:
                self._earned[strike.tenant_id, strike.user].append(strike)
        if new.fingerprint is not None:
            self._twins.setdefault(_Copy(new.tenant_id, new.idempotency_key, new.fingerprint), new)

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
            self._strikes[caller] = self._read_strikes(new.gate, *caller)
        # Those of this very transaction, which no query sees yet, come on top.
        seconds = new.gate.seconds_to_wait([*self._earned[caller], *self._strikes[caller]])
        return CoolingDown("requests of this end-user were refused too often", seconds) if seconds > 0 else None

    def _read_strikes(self, gate: Gate, tenant_id: str, user: str) -> list[Strike]:
        if tenant_id not in self._struck:
            users = {new.user for new in self._news if new.tenant_id == tenant_id and new.user is not None}
            self._struck[tenant_id] = struck_users(self._connection, tenant_id, users, gate.window_seconds)
        if user not in self._struck[tenant_id]:
            return []
        return recent_strikes(self._connection, tenant_id, user, gate.window_seconds, gate.limit)

    def _room_of(self, tenant: sa.Row[Any]) -> int | None:
        if tenant.max_queued is None:
            return None
        queued = sa.and_(jobs.c.tenant_id == tenant.id, jobs.c.state == JobState.QUEUED)
        # No more rows are looked at than the limit allows.
        looked_at = sa.select(jobs.c.id).where(queued).limit(tenant.max_queued).subquery()
        count = self._connection.scalar(sa.select(sa.func.count()).select_from(looked_at))
        return int(tenant.max_queued) - (count or 0)

    def _insert(self, fresh: Sequence[NewJob]) -> list[Job]:
        if not fresh:
            return []
        weights = {tenant_id: tenant.weight for tenant_id, tenant in self._tenants.items()}
        tags = draw_tags(self._connection, fresh, weights)
        insert_all(self._connection, jobs, [row_of(new, tags[new.id], self._now) for new in fresh])
        self._keys.write()
        add_events(self._connection, [_event(new) for new in fresh])
        add_rows(self._connection, (row for new in fresh for row in new.also))
        return [stored(new, self._now) for new in fresh]


def _event(new: NewJob) -> Event:
    return Event(new.id, new.tenant_id, 0, f"job.{new.state}", {"held_at": new.held_at} if new.held_at else {})
