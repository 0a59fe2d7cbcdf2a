"""Uploads under way: announced by a caller, whose bytes go to a place of their own until they have been checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.errors import FileMissing, LimitReached
from storage.ids import new_id
from storage.tables import uploads

# Each may fill a place in the object store before anybody looks at it.
MAX_OPEN = 1000
COME_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upload:
    """What was announced: `size` in bytes, SHA-256 in hex and media type where the caller told them. `id` is that of
    the file to come."""

    id: str
    tenant_id: str
    size: int
    sha256: str | None
    content_type: str | None
    created_at: datetime

    @property
    def key(self) -> str:
        """Where its bytes arrive. No job ever reads there: whoever has the link may still write."""
        return f"uploads/{self.tenant_id}/{self.id}"


class UploadStore:
    """Uploads of one tenant at a time. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, tenant_id: str, size: int, *, sha256: str | None, content_type: str | None) -> Upload:
        """A new upload. Raises LimitReached where the tenant has MAX_OPEN of them."""
        values = {
            "id": new_id("file"),
            "tenant_id": tenant_id,
            "size": size,
            "sha256": sha256,
            "content_type": content_type,
        }
        mine = sa.select(uploads.c.id).where(uploads.c.tenant_id == tenant_id).limit(MAX_OPEN).subquery()
        with self._database.transaction() as connection:
            if connection.scalar(sa.select(sa.func.count()).select_from(mine)) == MAX_OPEN:
                raise LimitReached(f"{MAX_OPEN} uploads that were not completed", COME_AGAIN_SECONDS)
            statement = sa.insert(uploads).values(**values, created_at=db_now()).returning(uploads)
            return Upload(**connection.execute(statement).one()._mapping)

    def get(self, file_id: str, tenant_id: str) -> Upload:
        """The tenant's upload that is to be this file; raises FileMissing, also once it is that file."""
        statement = sa.select(uploads).where(uploads.c.id == file_id, uploads.c.tenant_id == tenant_id)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise FileMissing(f"there is no upload {file_id}")
        return Upload(**row._mapping)

    def close(self, file_id: str, tenant_id: str) -> bool:
        """Gives the upload up; False where there is none."""
        with self._database.transaction() as connection:
            return close_upload(connection, file_id, tenant_id)

    def forget(self, *, older_than_seconds: float) -> int:
        """Gives up all that were not completed for so long, and says how many they were."""
        old = uploads.c.created_at < db_now(-older_than_seconds)
        with self._database.transaction() as connection:
            return connection.execute(sa.delete(uploads).where(old)).rowcount


def close_upload(connection: sa.Connection, file_id: str, tenant_id: str) -> bool:
    """Removes the row of an upload, in the caller's transaction; False where somebody else did."""
    mine = sa.and_(uploads.c.id == file_id, uploads.c.tenant_id == tenant_id)
    return connection.execute(sa.delete(uploads).where(mine)).rowcount == 1
