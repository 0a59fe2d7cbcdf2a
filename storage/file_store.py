"""Files that callers uploaded to refer to later: a row in SQL, the bytes in the object store."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import DatabaseUnavailable, FileInUse, FileMissing
from storage.ids import new_id
from storage.job import TERMINAL, JobState
from storage.object_store import ObjectStore
from storage.tables import files, jobs
from storage.upload_store import close_upload


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded picture. `size` is bytes, `width` and `height` are pixels; `key` stays inside the service."""

    id: str
    tenant_id: str
    key: str
    sha256: str
    content_type: str
    size: int
    width: int
    height: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Files, newest first; `next_cursor` is None on the last page."""

    files: tuple[StoredFile, ...]
    next_cursor: str | None


class FileStore:
    """Uploads of one tenant at a time."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    def add(
        self,
        tenant_id: str,
        data: bytes,
        content_type: str,
        *,
        width: int,
        height: int,
        upload_id: str | None = None,
    ) -> StoredFile:
        """Stores the bytes, then the row that makes them known; removes the bytes again if there is surely no row.

        With `upload_id` the file is what that upload was opened for; raises FileMissing where it is open no longer.
        """
        file_id = upload_id or new_id("file")
        # A key of this attempt's own: two that complete an upload at once must not write over each other.
        key = f"inputs/{tenant_id}/{file_id}" + (f"-{secrets.token_hex(4)}" if upload_id else "")
        self._objects.put(key, data, content_type)
        values = {
            "id": file_id,
            "tenant_id": tenant_id,
            "key": key,
            "sha256": hashlib.sha256(data).hexdigest(),
            "content_type": content_type,
            "size": len(data),
            "width": width,
            "height": height,
        }
        try:
            return self._insert(values, upload_id)
        except DatabaseUnavailable:
            raise  # the row may be there all the same, and then it must find its bytes
        except BaseException:
            self._objects.delete(key)
            raise

    def _insert(self, values: dict[str, Any], upload_id: str | None) -> StoredFile:
        with self._database.transaction() as connection:
            if upload_id is not None and not close_upload(connection, upload_id, values["tenant_id"]):
                raise FileMissing(f"the upload {upload_id} is open no longer")
            row = connection.execute(sa.insert(files).values(**values, created_at=db_now()).returning(files)).one()
        return StoredFile(**row._mapping)

    def get(self, file_id: str, tenant_id: str) -> StoredFile:
        """The tenant's file; raises FileMissing, also for a file of somebody else."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(files).where(*_mine(file_id, tenant_id))).one_or_none()
        if row is None:
            raise _missing(file_id)
        return StoredFile(**row._mapping)

    def page(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> StoredPage:
        """Up to `limit` of the tenant's files, newest first, older than the file id `cursor`."""
        statement = sa.select(files).where(files.c.tenant_id == tenant_id)
        if cursor is not None:
            statement = statement.where(files.c.id < cursor)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(files.c.id.desc()).limit(limit + 1)).all()
        shown = tuple(StoredFile(**row._mapping) for row in rows[:limit])
        return StoredPage(shown, shown[-1].id if len(rows) > limit else None)

    def delete(self, file_id: str, tenant_id: str) -> None:
        """Removes the file. Raises FileMissing, and FileInUse while a job that has not ended needs it.

        A job that is being submitted at this moment may lose its picture and fails for it.
        """
        mine = _mine(file_id, tenant_id)
        with self._database.transaction() as connection:
            key = connection.scalar(sa.select(files.c.key).where(*mine))
            if key is None:
                raise _missing(file_id)
            if connection.execute(_users(tenant_id, key)).first() is not None:
                raise FileInUse(f"a job that has not ended needs {file_id}")
            connection.execute(sa.delete(files).where(*mine))
        # A death before this line leaves an object that no row names, which the keeper collects.
        self._objects.delete(key)


def _mine(file_id: str, tenant_id: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return files.c.id == file_id, files.c.tenant_id == tenant_id


def _missing(file_id: str) -> FileMissing:
    return FileMissing(f"there is no file {file_id}; upload it with POST /v1/files first")


def _users(tenant_id: str, key: str) -> sa.CompoundSelect[tuple[str]]:
    # One question for each state, by literals, so that the partial indexes keep the history out of it.
    needs = sa.and_(jobs.c.tenant_id == tenant_id, sa.or_(jobs.c.image_key == key, jobs.c.mask_key == key))
    states = (sa.literal_column(f"'{state}'", sa.String) for state in JobState if state not in TERMINAL)
    return sa.union_all(*(sa.select(jobs.c.id).where(jobs.c.state == state, needs) for state in states))
