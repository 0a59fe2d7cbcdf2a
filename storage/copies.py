"""Copies of a request: by which earlier job the same request is answered when it comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from storage.database import db_now
from storage.errors import IdempotencyConflict
from storage.job import NewJob
from storage.record_set import insert_all
from storage.tables import idempotency_keys, jobs

# A client that repeats itself without a key does so within seconds or minutes.
RETRY_WINDOW_SECONDS = 600.0
# How long an idempotency key stands for its request.
KEY_SECONDS = 24 * 3600.0


class Keyed(Protocol):
    """A request as far as it is known again by its idempotency key: a Trace or a NewJob."""

    @property
    def tenant_id(self) -> str:
        """Whose it is."""

    @property
    def idempotency_key(self) -> str | None:
        """The caller's own name for it."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of what it asks for."""


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
        return Keys(connection, [trace]).original(trace)
    if not trace.may_be_copy:
        return None
    same = sa.and_(jobs.c.tenant_id == trace.tenant_id, jobs.c.fingerprint == trace.fingerprint)
    recent = sa.select(jobs).where(same, jobs.c.created_at > db_now(-RETRY_WINDOW_SECONDS))
    return connection.execute(recent.order_by(jobs.c.id.desc()).limit(1)).one_or_none()


class _Key(NamedTuple):
    """Keys are a tenant's own."""

    tenant_id: str
    key: str


class Keys:
    """The idempotency keys that a group of requests brings, read at once.

    They are written in the transaction that stores the group, which has locked its tenants' rows.
    """

    def __init__(self, connection: sa.Connection, group: Sequence[Keyed]) -> None:
        self._connection = connection
        self._fingerprints: dict[_Key, str | None] = {}
        self._originals: dict[_Key, sa.Row[Any]] = {}
        self._past: list[_Key] = []
        self._new: list[NewJob] = []
        asked = {key for one in group if (key := _key(one)) is not None}
        if asked:
            self._read(asked)

    def original(self, one: Keyed) -> sa.Row[Any] | None:
        """The row of the job that stands for the request, None if its key is new.

        Raises IdempotencyConflict where the key stands for another request, of this group or before it.
        """
        key = _key(one)
        if key is None or key not in self._fingerprints:
            return None
        if self._fingerprints[key] != one.fingerprint:
            raise IdempotencyConflict(f"the idempotency key {key.key!r} was used for another request")
        return self._originals.get(key)

    def remember(self, new: NewJob) -> None:
        """From now on the key of `new`, if it has one, stands for it."""
        if (key := _key(new)) is not None:
            self._fingerprints[key] = new.fingerprint
            self._new.append(new)

    def write(self) -> None:
        """Stores what was remembered."""
        if self._past:
            # The keeper removes keys that are past their day, but not to the second.
            self._connection.execute(sa.delete(idempotency_keys).where(_are(self._past)))
        insert_all(self._connection, idempotency_keys, [_row(new) for new in self._new], after=("created_at",))

    def _read(self, asked: set[_Key]) -> None:
        in_time = (idempotency_keys.c.created_at > db_now(-KEY_SECONDS)).label("in_time")
        columns = (idempotency_keys.c[name] for name in ("tenant_id", "key", "fingerprint", "job_id"))
        known = self._connection.execute(sa.select(*columns, in_time).where(_are(asked))).all()
        rows = {row.id: row for row in self._jobs([one.job_id for one in known if one.in_time])}
        for one in known:
            key = _Key(one.tenant_id, one.key)
            if one.in_time:
                self._fingerprints[key] = one.fingerprint
                self._originals[key] = rows[one.job_id]
            else:
                self._past.append(key)

    def _jobs(self, ids: Sequence[str]) -> Sequence[sa.Row[Any]]:
        return self._connection.execute(sa.select(jobs).where(jobs.c.id.in_(ids))).all() if ids else []


def _key(one: Keyed) -> _Key | None:
    return None if one.idempotency_key is None else _Key(one.tenant_id, one.idempotency_key)


def _are(keys: Sequence[_Key] | set[_Key]) -> sa.ColumnElement[bool]:
    return sa.tuple_(idempotency_keys.c.tenant_id, idempotency_keys.c.key).in_(sorted(keys))


def _row(new: NewJob) -> dict[str, Any]:
    return {
        "tenant_id": new.tenant_id,
        "key": new.idempotency_key,
        "fingerprint": new.fingerprint,
        "job_id": new.id,
        "created_at": 0.0,
    }
