"""Which objects the rows name: what has to be in the object store, as far as SQL knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from storage.audit_tables import audit_records
from storage.database import Database
from storage.job import Job, JobState
from storage.mark_tables import marks
from storage.rows import job_of
from storage.tables import files, jobs

PAGE = 500
# What a job that waited for a person made and that nobody may see any more is still named in its row.
_SHOW_NOTHING = {JobState.FAILED, JobState.BLOCKED, JobState.CANCELED, JobState.EXPIRED}


class Need(StrEnum):
    """What an object is needed for."""

    RUN = "run"
    """The input of a job that has not ended: without it the job fails."""
    SHOW = "show"
    """A result that callers or moderators may see."""
    AGAIN = "again"
    """The input of an ended job: only an appeal or a look at the case needs it."""
    FILE = "file"
    """An uploaded file."""
    MARK = "mark"
    """Stored credentials: without them a mark still tells where a picture is from, but not by whom it was signed."""


@dataclass(frozen=True, slots=True)
class Named:
    """An object that `owner`, a job or a file, names. `sha256` in hex is that of its bytes, where it is known."""

    key: str
    need: Need
    owner: str
    sha256: str | None = None


class Inventory:
    """Reads over all tenants, a page at a time. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(self) -> Iterator[list[Named]]:
        """Everything that rows name."""
        for rows in self._rows(jobs, jobs.c.id):
            yield [named for row in rows for named in _of_job(job_of(row))]
        for rows in self._rows(files, files.c.id):
            yield [Named(row.key, Need.FILE, row.id, row.sha256) for row in rows]
        for rows in self._rows(marks, marks.c.id):
            yield [Named(row.manifest_key, Need.MARK, row.job_id, row.manifest_sha256) for row in rows]

    def states(self) -> dict[str, int]:
        """How many jobs are in each state."""
        count = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        with self._database.reading() as connection:
            return {str(state): int(number) for state, number in connection.execute(count)}

    def erasures(self) -> list[str]:
        """Ids of the erasures that are on record."""
        subject = audit_records.c.subject
        made = sa.select(subject).where(subject.like("era\\_%", escape="\\")).distinct().order_by(subject)
        with self._database.reading() as connection:
            return list(connection.scalars(made))

    def _rows(self, table: sa.Table, key: sa.ColumnElement[str]) -> Iterator[list[sa.Row[Any]]]:
        after = ""
        while True:
            page = sa.select(table).where(key > after).order_by(key).limit(PAGE)
            with self._database.reading() as connection:
                rows = list(connection.execute(page))
            if not rows:
                return
            yield rows
            after = rows[-1].id


def _of_job(job: Job) -> Iterator[Named]:
    if job.has_inputs:
        need = Need.AGAIN if job.is_terminal else Need.RUN
        for key in (job.image_key, job.mask_key):
            # An uploaded file is erased by its own age, whatever jobs it served.
            if key is not None and not (job.is_terminal and key.rpartition("/")[2].startswith("file_")):
                yield Named(key, need, job.id)
    if job.has_results and job.state not in _SHOW_NOTHING:
        yield from (Named(image.key, Need.SHOW, job.id, image.sha256) for image in job.images)
