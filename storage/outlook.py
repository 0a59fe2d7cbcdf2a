"""When queued jobs will start, as far as that can be told, and how well it could be told lately."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.database import Database, db_now
from storage.forecasts import recent_errors
from storage.job import Job, JobState
from storage.pace import Pace, Run, pace_of
from storage.places import Place
from storage.queue_places import QueuePlaces
from storage.rows import job_of
from storage.tables import jobs

# How long a process goes on with what it has read; one reading costs a few hundred entries of an index.
FRESH_SECONDS = 5.0
WINDOW_SECONDS = 3600.0
SAMPLE = 400


@dataclass(frozen=True, slots=True)
class Expectation:
    """What awaits a queued job.

    `eta_seconds` is when it should start: the work before it over the pace of its model; None where that model
    finished nothing in the last hour. Four of five such estimates were off by `eta_error_seconds` or less lately;
    None while none was tried. `run_seconds` is how long it should run then.
    """

    position: int
    eta_seconds: float | None
    eta_error_seconds: float | None
    run_seconds: float | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A job and what awaits it; None unless it is queued."""

    job: Job
    ahead: Expectation | None


@dataclass(frozen=True, slots=True)
class _Reading:
    paces: Mapping[str, Pace]
    errors: Mapping[str, float]


class Outlook:
    """Looks ahead for queued jobs. For many threads; what is common to all jobs is read every few seconds."""

    def __init__(
        self, database: Database, fresh_seconds: float = FRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._read: tuple[float, _Reading] | None = None
        self._places = QueuePlaces()

    def of(self, some: Sequence[Job]) -> dict[str, Expectation]:
        """What awaits those of `some` that are queued, by id, in one query. Raises DatabaseUnavailable."""
        if not any(job.state is JobState.QUEUED for job in some):
            return {}
        with self._database.reading() as connection:
            return self.within(connection, some)

    def foreseen(self, ids: Sequence[str]) -> dict[str, Foreseen]:
        """The jobs with these ids, whoever's they are: the caller has to hold the tenant against them.

        Raises DatabaseUnavailable.
        """
        with self._database.reading() as connection:
            found = [job_of(row) for row in connection.execute(_JOBS, {"ids": list(ids)})]
            ahead = self.within(connection, found)
        return {job.id: Foreseen(job, ahead.get(job.id)) for job in found}

    def within(self, connection: sa.Connection, some: Sequence[Job]) -> dict[str, Expectation]:
        """The same, as the transaction of `connection` sees it."""
        found = self._places.of(connection, some)
        if not found:
            return {}
        reading = self._reading(connection)
        return {job.id: _expectation(job, found[job.id], reading) for job in some if job.id in found}

    def _reading(self, connection: sa.Connection) -> _Reading:
        # Two threads may read at once; they read the same.
        if self._read is None or self._clock() - self._read[0] > self._fresh_seconds:
            self._read = (self._clock(), _Reading(recent_paces(connection), recent_errors(connection)))
        return self._read[1]


_JOBS = sa.select(jobs).where(jobs.c.id.in_(sa.bindparam("ids", expanding=True)))


def recent_paces(connection: sa.Connection) -> dict[str, Pace]:
    """The pace of each model that is among the jobs which ended last."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for row in connection.execute(_last_ended()):
        if row.state == JobState.SUCCEEDED:
            runs[row.model_alias].append(Run(row.cost, row.started_at, row.finished_at))
    return {alias: pace for alias, some in runs.items() if (pace := pace_of(some)) is not None}


def eta_of(place: Place, pace: Pace | None) -> float | None:
    """Seconds until a job at `place` starts. Without work before it, it starts as soon as anybody is free."""
    if place.rows_ahead == 0:
        return 0.0
    return None if pace is None else place.rows_ahead / pace.rows_per_second


def _expectation(job: Job, place: Place, reading: _Reading) -> Expectation:
    pace = reading.paces.get(job.params.model)
    eta, share = eta_of(place, pace), reading.errors.get(job.params.model)
    error = None if eta is None or share is None else share * max(eta, 1.0)
    run = None if pace is None else job.params.unet_rows * pace.seconds_per_row
    return Expectation(place.position, _rounded(eta), _rounded(error), _rounded(run))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _last_ended() -> sa.Select[tuple[object, ...]]:
    columns = (jobs.c.model_alias, jobs.c.state, jobs.c.cost, jobs.c.started_at, jobs.c.finished_at)
    # Along ix_jobs_ended, from its end.
    ended = sa.and_(jobs.c.finished_at > db_now(-WINDOW_SECONDS), jobs.c.erased_at.is_(None))
    return sa.select(*columns).where(ended).order_by(jobs.c.finished_at.desc()).limit(SAMPLE)
