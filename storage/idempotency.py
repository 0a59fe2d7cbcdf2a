"""Idempotency keys of a group of submits: read at once, written at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from storage.copies import KEY_SECONDS
from storage.database import db_now
from storage.job import NewJob
from storage.tables import idempotency_keys, jobs


class Keyed(Protocol):
    """A request, as far as it is known again by its key."""

    @property
    def tenant_id(self) -> str:
        """Whose it is."""

    @property
    def idempotency_key(self) -> str | None:
        """The caller's own name for it."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of what it asks for."""


class Asked(NamedTuple):
    """A request that is no NewJob yet."""

    tenant_id: str
    idempotency_key: str | None
    fingerprint: str | None


class _Key(NamedTuple):
    """Keys are a tenant's own."""

    tenant_id: str
    key: str


class Keys:
    """The keys that a group brings. They are written in the transaction that stores it, its tenants' rows locked."""

    def __init__(self, connection: sa.Connection, news: Sequence[Keyed]) -> None:
        self._connection = connection
        self._fingerprints: dict[_Key, str] = {}
        self._originals: dict[_Key, sa.Row[Any]] = {}
        self._past: list[_Key] = []
        self._new: list[NewJob] = []
        asked = {key for new in news if (key := _key(new)) is not None}
        if asked:
            self._read(asked)

    def fingerprint(self, new: Keyed) -> str | None:
        """That of the request for which the key of `new` stands; None if it stands for none."""
        key = _key(new)
        return None if key is None else self._fingerprints.get(key)

    def original(self, new: Keyed) -> sa.Row[Any]:
        """The row of the job that the request under the key of `new` made."""
        return self._originals[_Key(new.tenant_id, new.idempotency_key or "")]

    def remember(self, new: NewJob) -> None:
        """From now on the key of `new`, if it has one, stands for it."""
        if (key := _key(new)) is not None:
            self._fingerprints[key] = new.fingerprint or ""
            self._new.append(new)

    def write(self) -> None:
        """Stores what was remembered."""
        if self._past:
            # The keeper removes keys that are past their day, but not to the second.
            self._connection.execute(sa.delete(idempotency_keys).where(_are(self._past)))
        if self._new:
            self._connection.execute(
                sa.insert(idempotency_keys).values(created_at=db_now()), list(map(_row, self._new))
            )

    def _read(self, asked: set[_Key]) -> None:
        in_time = (idempotency_keys.c.created_at > db_now(-KEY_SECONDS)).label("in_time")
        known = self._connection.execute(sa.select(idempotency_keys, in_time).where(_are(asked))).all()
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


def _key(new: Keyed) -> _Key | None:
    return None if new.idempotency_key is None else _Key(new.tenant_id, new.idempotency_key)


def _are(keys: Sequence[_Key] | set[_Key]) -> sa.ColumnElement[bool]:
    return sa.tuple_(idempotency_keys.c.tenant_id, idempotency_keys.c.key).in_(sorted(keys))


def _row(new: NewJob) -> dict[str, Any]:
    return {
        "tenant_id": new.tenant_id,
        "key": new.idempotency_key,
        "fingerprint": new.fingerprint,
        "job_id": new.id,
    }
