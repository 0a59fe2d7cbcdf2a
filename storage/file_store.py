"""Files that callers uploaded to refer to later: a row in SQL, the bytes in the object store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import DatabaseUnavailable, FileMissing
from storage.ids import new_id
from storage.object_store import ObjectStore
from storage.tables import files


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


class FileStore:
    """Uploads of one tenant at a time."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    def add(self, tenant_id: str, data: bytes, content_type: str, *, width: int, height: int) -> StoredFile:
        """Stores the bytes, then the row that makes them known; removes the bytes again if there is surely no row."""
        file_id = new_id("file")
        key = f"inputs/{tenant_id}/{file_id}"
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
            with self._database.transaction() as connection:
                statement = sa.insert(files).values(**values, created_at=db_now()).returning(files)
                row = connection.execute(statement).one()
        except DatabaseUnavailable:
            raise  # the row may be there all the same, and then it must find its bytes
        except BaseException:
            self._objects.delete(key)
            raise
        return StoredFile(**row._mapping)

    def get(self, file_id: str, tenant_id: str) -> StoredFile:
        """The tenant's file; raises FileMissing, also for a file of somebody else."""
        statement = sa.select(files).where(files.c.id == file_id, files.c.tenant_id == tenant_id)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise FileMissing(f"there is no file {file_id}; upload it with POST /v1/files first")
        return StoredFile(**row._mapping)
