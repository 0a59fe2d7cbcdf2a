"""Copies of a request: by which earlier job the same request is answered when it comes again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.database import db_now
from storage.errors import IdempotencyConflict
from storage.tables import idempotency_keys, jobs

# A client that repeats itself without a key does so within seconds or minutes.
RETRY_WINDOW_SECONDS = 600.0
# How long an idempotency key stands for its request.
KEY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Trace:
    """What a request is known by when it comes again: see the fields of the same names in storage.job.NewJob."""

    tenant_id: str
    fingerprint: str | None
    idempotency_key: str | None
    is_retry: bool

    @property
    def may_be_copy(self) -> bool:
        """False where nobody would look for an earlier one."""
        return self.fingerprint is not None and (self.idempotency_key is not None or self.is_retry)


def original_of(connection: sa.Connection, trace: Trace) -> sa.Row[Any] | None:
    """The row of the job that stands for the request, None if it is new. Raises IdempotencyConflict."""
    if trace.idempotency_key is not None:
        return _of_key(connection, trace)
    if not trace.may_be_copy:
        return None
    same = sa.and_(jobs.c.tenant_id == trace.tenant_id, jobs.c.fingerprint == trace.fingerprint)
    recent = sa.select(jobs).where(same, jobs.c.created_at > db_now(-RETRY_WINDOW_SECONDS))
    return connection.execute(recent.order_by(jobs.c.id.desc()).limit(1)).one_or_none()


def _of_key(connection: sa.Connection, trace: Trace) -> sa.Row[Any] | None:
    table = idempotency_keys
    mine = sa.select(table).where(table.c.tenant_id == trace.tenant_id, table.c.key == trace.idempotency_key)
    known = connection.execute(mine.where(table.c.created_at > db_now(-KEY_SECONDS))).one_or_none()
    if known is None:
        return None
    if known.fingerprint != trace.fingerprint:
        raise IdempotencyConflict(f"the idempotency key {trace.idempotency_key!r} was used for another request")
    return connection.execute(sa.select(jobs).where(jobs.c.id == known.job_id)).one()
