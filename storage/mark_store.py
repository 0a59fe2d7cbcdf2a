"""Marks as rows: written with the move that makes their pictures known, read by the detector."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from storage.also import Row
from storage.database import Database, db_now
from storage.ids import new_id
from storage.job import Job, JobResult
from storage.mark import KnownMark, MarkRecord
from storage.mark_tables import marks

# Ids are random and long; so many pictures with one id are no coincidence, and none of them is worth more work.
MOST_ALIKE = 16
_DAY = 86400.0


def mark_rows(job: Job, result: JobResult) -> tuple[Row, ...]:
    """The rows that record the marks of a result."""
    origin = {"tenant_id": job.tenant_id, "job_id": job.id, "model": result.model}
    return tuple(Row(marks, {"id": new_id("mrk"), **origin, **mark.values()}) for mark in result.marks)


class MarkStore:
    """Reads and forgets marks, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, mark_id: str, key_id: str | None = None) -> list[KnownMark]:
        """Every picture recorded with this mark, of that key or of any, newest first.

        Usually there is one; there is none where it was forgotten.
        """
        statement = sa.select(marks).where(marks.c.mark_id == mark_id)
        if key_id is not None:
            statement = statement.where(marks.c.key_id == key_id)
        statement = statement.order_by(marks.c.id.desc()).limit(MOST_ALIKE)
        with self._database.reading() as connection:
            return [_known(row) for row in connection.execute(statement)]

    def manifest_keys(self, *, older_than_days: float, limit: int) -> list[str]:
        """Manifests of up to `limit` marks that are older than that, oldest first."""
        old = marks.c.created_at < db_now(-older_than_days * _DAY)
        statement = sa.select(marks.c.manifest_key).where(old).order_by(marks.c.created_at).limit(limit)
        with self._database.reading() as connection:
            return list(connection.scalars(statement))

    def forget(self, manifest_keys: Collection[str]) -> None:
        """Removes the marks whose manifests are gone."""
        if not manifest_keys:
            return
        with self._database.transaction() as connection:
            connection.execute(sa.delete(marks).where(marks.c.manifest_key.in_(manifest_keys)))


def _known(row: sa.Row[Any]) -> KnownMark:
    values = {name: getattr(row, name) for name in MarkRecord.__slots__} | {"mask_box": tuple(row.mask_box)}
    return KnownMark(MarkRecord(**values), row.tenant_id, row.job_id, row.model, row.created_at)
