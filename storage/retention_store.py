"""What may be erased, and what is still known: the rows behind the objects. All ages by the database's clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.job import JobState
from storage.mark_tables import marks
from storage.tables import Moment, files, idempotency_keys, jobs, uploads
from storage.upload_store import Upload
from storage.webhook_tables import webhook_attempts, webhook_deliveries

_DAY = 86400.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class EndedJob:
    """An ended job with the keys of all objects that are its own: inputs that were sent with it, and its images."""

    id: str
    keys: list[str]


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file that no unfinished job refers to."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of old files. `last` is where the next page begins, None when there is none."""

    unused: list[UploadedFile]
    last: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands, as far as its objects are concerned."""

    state: JobState
    attempt: int
    image_keys: frozenset[str]
    erased: bool


class RetentionStore:
    """Reads and marks of the keeper's erasing duties, over all tenants. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            now: datetime = connection.execute(sa.select(sa.type_coerce(db_now(), Moment))).scalar_one()
        return now

    def ended(self, *, older_than_days: float, limit: int) -> list[EndedJob]:
        """Up to `limit` jobs that ended longer ago than that and were not erased yet, oldest first."""
        old = sa.and_(jobs.c.finished_at < db_now(-older_than_days * _DAY), jobs.c.erased_at.is_(None))
        statement = sa.select(jobs).where(old).order_by(jobs.c.finished_at).limit(limit)
        with self._database.reading() as connection:
            return [EndedJob(row.id, _own_keys(row)) for row in connection.execute(statement)]

    def mark_erased(self, job_ids: Collection[str]) -> None:
        """Notes that the objects of these jobs are gone, and removes what was sent about them by webhook."""
        if not job_ids:
            return
        erased = sa.update(jobs).where(jobs.c.id.in_(job_ids), jobs.c.erased_at.is_(None)).values(erased_at=db_now())
        theirs = webhook_deliveries.c.job_id.in_(job_ids)
        sent = sa.select(webhook_deliveries.c.id).where(theirs)
        with self._database.transaction() as connection:
            connection.execute(sa.delete(webhook_attempts).where(webhook_attempts.c.delivery_id.in_(sent)))
            connection.execute(sa.delete(webhook_deliveries).where(theirs))
            connection.execute(erased)

    def files(self, *, older_than_days: float, after: str, limit: int) -> FilePage:
        """The next `limit` files by id after `after`: those older than that which no unfinished job refers to.

        Ids sort by age, so that pages end at the first file that is too young, however many come behind it.
        """
        old = (files.c.created_at < db_now(-older_than_days * _DAY)).label("old")
        page = sa.select(files.c.id, files.c.key, old).where(files.c.id > after).order_by(files.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(page).all()
            used = _used(connection, [row.key for row in rows if row.old])
        unused = [UploadedFile(row.id, row.key) for row in rows if row.old and row.key not in used]
        goes_on = len(rows) == limit and bool(rows[-1].old)
        return FilePage(unused, rows[-1].id if goes_on else None)

    def forget_files(self, file_ids: Collection[str]) -> None:
        """Removes the rows of files whose bytes are gone."""
        if not file_ids:
            return
        with self._database.transaction() as connection:
            connection.execute(sa.delete(files).where(files.c.id.in_(file_ids)))

    def forget_idempotency_keys(self, *, older_than_hours: float, limit: int) -> int:
        """Removes up to `limit` idempotency keys older than that, and returns how many."""
        key = sa.tuple_(idempotency_keys.c.tenant_id, idempotency_keys.c.key)
        old = idempotency_keys.c.created_at < db_now(-older_than_hours * _HOUR)
        chosen = sa.select(idempotency_keys.c.tenant_id, idempotency_keys.c.key).where(old).limit(limit)
        with self._database.transaction() as connection:
            return connection.execute(sa.delete(idempotency_keys).where(key.in_(chosen))).rowcount

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        """How the jobs among these ids stand; one that is not in the answer is unknown."""
        if not job_ids:
            return {}
        columns = (jobs.c.id, jobs.c.state, jobs.c.attempt, jobs.c.images, jobs.c.erased_at)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*columns).where(jobs.c.id.in_(job_ids))).all()
        return {row.id: _standing(row) for row in rows}

    def known_files(self, file_ids: Collection[str]) -> set[str]:
        """The keys of the uploaded files that have these ids, and of the uploads that are to be these files."""
        if not file_ids:
            return set()
        with self._database.reading() as connection:
            stored = set(connection.scalars(sa.select(files.c.key).where(files.c.id.in_(file_ids))))
            coming = connection.execute(sa.select(uploads).where(uploads.c.id.in_(file_ids))).all()
        return stored | {Upload(**row._mapping).key for row in coming}

    def known_manifests(self, keys: Collection[str]) -> set[str]:
        """Those of these keys of stored credentials that a mark names."""
        if not keys:
            return set()
        with self._database.reading() as connection:
            return set(connection.scalars(sa.select(marks.c.manifest_key).where(marks.c.manifest_key.in_(keys))))


def _standing(row: sa.Row[*tuple[Any, ...]]) -> Standing:
    keys = frozenset(image["key"] for image in row.images)
    return Standing(JobState(row.state), row.attempt, keys, erased=row.erased_at is not None)


def _own_keys(row: sa.Row[*tuple[Any, ...]]) -> list[str]:
    inputs = [key for key in (row.image_key, row.mask_key) if key is not None]
    # An uploaded file may serve many jobs; it goes by its own age.
    own = [key for key in inputs if not key.rpartition("/")[2].startswith("file_")]
    return own + [image["key"] for image in row.images]


def _used(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    if not keys:
        return set()
    unfinished = sa.select(jobs.c.image_key, jobs.c.mask_key).where(
        jobs.c.finished_at.is_(None), sa.or_(jobs.c.image_key.in_(keys), jobs.c.mask_key.in_(keys))
    )
    return {key for row in connection.execute(unfinished) for key in row if key is not None}
