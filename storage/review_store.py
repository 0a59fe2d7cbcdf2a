"""Jobs that wait for a person's word, and what becomes of them after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from storage.also import Row, add_rows
from storage.database import Database, db_now
from storage.errors import JobNotFound
from storage.job import HeldAt, Job, JobState, refuse_unmarked
from storage.job_store import FINISH
from storage.moves import apply
from storage.rows import job_of
from storage.tables import jobs


class ReviewStore:
    """The moves of a moderator, over all tenants. Each is one UPDATE that matches one row or none.

    A move matches on (id, attempt, state = held): a word on a job that was canceled, expired or decided meanwhile, or
    that is held again for another reason, changes nothing. `also` are rows that are inserted in the same commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def held(self, *, limit: int, after: str = "") -> list[Job]:
        """Up to `limit` held jobs with ids beyond `after`, oldest first."""
        # A literal instead of a parameter, so that a prepared plan, too, may use the index of held jobs alone.
        held = sa.select(jobs).where(jobs.c.state == sa.literal_column("'held'"), jobs.c.id > after)
        with self._database.reading() as connection:
            return [job_of(row) for row in connection.execute(held.order_by(jobs.c.id).limit(limit))]

    def get(self, job_id: str) -> Job:
        """The job, whoever's it is and however it stands. Raises JobNotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(row)

    def approve(self, job: Job, *, safety: dict[str, Any], also: Sequence[Row] = ()) -> bool:
        """held(result) -> succeeded: what lies in quarantine is the result; held(request) -> queued.

        `safety` is the verdict with the waivers, so that the same findings do not hold the job again. Raises
        ValueError for a result that is not marked.
        """
        if job.held_at is HeldAt.RESULT:
            refuse_unmarked(job.images, job.safety)
            values: dict[str, Any] = {**FINISH, "state": JobState.SUCCEEDED, "safety": safety}
            return self._move(job, values, {"approved": True}, also)
        values = {"state": JobState.QUEUED, "held_at": None, "not_before": db_now(), "safety": safety}
        return self._move(job, values, {"reason": "approved"}, also)

    def reject(self, job: Job, *, safety: dict[str, Any], reason: str, also: Sequence[Row] = ()) -> bool:
        """held -> blocked. The row forgets its images, and the collector of orphans deletes them."""
        values: dict[str, Any] = {**FINISH, "state": JobState.BLOCKED, "safety": safety, "images": []}
        return self._move(job, values, {"reason": reason}, also)

    def _move(self, job: Job, values: dict[str, Any], data: dict[str, Any], also: Sequence[Row]) -> bool:
        mine = (jobs.c.id == job.id, jobs.c.attempt == job.attempt, jobs.c.held_at == job.held_at)
        held = sa.and_(*mine, jobs.c.state == JobState.HELD)
        with self._database.transaction() as connection:
            moved = bool(apply(connection, held, values, f"job.{values['state']}", data))
            add_rows(connection, also if moved else ())
        return moved
