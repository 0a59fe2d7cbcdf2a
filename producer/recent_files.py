"""Uploaded files that jobs named lately: their rows, and what was seen when they were decoded."""

from __future__ import annotations

from storage.file_store import StoredFile
from storage.picture_facts import PictureFacts
from storage.recent import Recent

MOST_FILES = 10_000
# How long a file that is erased may still be named. Its job then fails, as one does whose file is erased right after.
ROW_SECONDS = 10.0


class RecentFiles:
    """What a process remembers of files, so that a job that names one again needs neither SQL nor its bytes."""

    def __init__(self) -> None:
        self._rows: Recent[str, StoredFile] = Recent(MOST_FILES, ROW_SECONDS)
        # By file and by what it serves as, image or mask: files never change.
        self.facts: Recent[tuple[str, str], PictureFacts] = Recent(2 * MOST_FILES)

    def file(self, file_id: str, tenant_id: str) -> StoredFile | None:
        """The tenant's file, if it was looked up a moment ago."""
        row = self._rows.get(file_id)
        return row if row is not None and row.tenant_id == tenant_id else None

    def forget(self, file_id: str) -> None:
        """Says that a file is gone."""
        self._rows.drop(file_id)

    def keep(self, row: StoredFile) -> StoredFile:
        """Remembers a file, and returns it."""
        return self._rows.put(row.id, row)
