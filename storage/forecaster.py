"""Makes forecasts of a few queued jobs by the very arithmetic that callers are told, and settles those of before."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from storage.database import Database
from storage.forecasts import forget, note, settle
from storage.job import Job
from storage.job_reader import waiting_aliases
from storage.outlook import eta_of, recent_paces
from storage.places import QUEUED, places
from storage.rows import job_of
from storage.tables import jobs

# One that starts soon, so that there is an answer soon, and the last of the line, where an estimate is hardest.
SOON = 20


class Forecaster:
    """For the keeper. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def turn(self) -> int:
        """Settles what has started, and notes up to two forecasts for each model; how many were settled."""
        with self._database.transaction() as connection:
            settled = settle(connection)
            forget(connection)
            paces = recent_paces(connection)
            chosen = list(_chosen(connection))
            found = places(connection, chosen)
            for job in chosen:
                eta = eta_of(found[job.id], paces.get(job.params.model)) if job.id in found else None
                if eta is not None:
                    note(connection, job.id, job.params.model, eta)
        return settled


def _chosen(connection: sa.Connection) -> Iterator[Job]:
    for alias in waiting_aliases(connection):
        # One that was given back has started before, so that its next start would not be seen.
        line = sa.select(jobs).where(QUEUED, jobs.c.model_alias == alias, jobs.c.started_at.is_(None)).limit(1)
        soon = line.order_by(jobs.c.fair_key, jobs.c.id).offset(SOON)
        last = line.order_by(jobs.c.fair_key.desc(), jobs.c.id.desc())
        for statement in (soon, last):
            yield from map(job_of, connection.execute(statement))
