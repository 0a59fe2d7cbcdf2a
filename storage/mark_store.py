"""Marks: which picture carries which watermark id, and what is needed to tell it from a copy of the mark."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.mark_tables import marks

# Ids are random and long; so many pictures with one id are no coincidence, and none of them is worth more work.
MOST_ALIKE = 16
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """One marked picture. `width` and `height` are pixels, `mask_box` is (left, top, right, bottom) in them.

    `fingerprint` is safety.fingerprint.Fingerprint as a dictionary; `manifest_key` names the C2PA manifest store in
    the object store and never leaves the service.
    """

    mark_id: str
    key_id: str
    image_index: int
    width: int
    height: int
    mask_box: tuple[int, int, int, int]
    fingerprint: dict[str, Any]
    manifest_key: str
    manifest_sha256: str

    def values(self) -> dict[str, Any]:
        """Its columns."""
        return {name: getattr(self, name) for name in self.__slots__} | {"mask_box": list(self.mask_box)}


@dataclass(frozen=True, slots=True)
class KnownMark:
    """A recorded mark with where it came from; `model` is the `model` object of the job."""

    record: MarkRecord
    tenant_id: str
    job_id: str
    model: dict[str, Any]
    created_at: datetime


class MarkStore:
    """Reads and forgets marks, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, mark_id: str, key_id: str) -> list[KnownMark]:
        """Every picture recorded with this mark, newest first: usually one, none where it was forgotten."""
        same = sa.and_(marks.c.mark_id == mark_id, marks.c.key_id == key_id)
        statement = sa.select(marks).where(same).order_by(marks.c.id.desc()).limit(MOST_ALIKE)
        with self._database.reading() as connection:
            return [_known(row) for row in connection.execute(statement)]

    def manifest_keys(self, *, older_than_days: float, limit: int) -> list[str]:
        """Manifests of up to `limit` marks that are older than that, oldest first."""
        old = marks.c.created_at < db_now(-older_than_days * _DAY)
        statement = sa.select(marks.c.manifest_key).where(old).order_by(marks.c.created_at).limit(limit)
        with self._database.reading() as connection:
            return list(connection.scalars(statement))

    def known_manifests(self, keys: Collection[str]) -> set[str]:
        """Those of these keys of the object store that a mark names."""
        if not keys:
            return set()
        with self._database.reading() as connection:
            return set(connection.scalars(sa.select(marks.c.manifest_key).where(marks.c.manifest_key.in_(keys))))

    def forget(self, manifest_keys: Collection[str]) -> None:
        """Removes the marks whose manifests are gone."""
        if not manifest_keys:
            return
        with self._database.transaction() as connection:
            connection.execute(sa.delete(marks).where(marks.c.manifest_key.in_(manifest_keys)))


def _known(row: sa.Row[Any]) -> KnownMark:
    values = {name: getattr(row, name) for name in MarkRecord.__slots__} | {"mask_box": tuple(row.mask_box)}
    return KnownMark(MarkRecord(**values), row.tenant_id, row.job_id, row.model, row.created_at)
