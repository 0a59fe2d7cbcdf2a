"""The open event streams of one process: how many there may be, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from producer.live import Ear, Watch
from producer.services import Services
from storage.errors import LimitReached
from storage.job import Job, JobEvent, JobState
from storage.live import Live

# Streams must not take the threads away from other requests when the database is slow.
LOOKERS = 4
COME_AGAIN_SECONDS = 5


class StreamsFull(Exception):
    """This process holds as many streams as it may."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as SQL has it, with its whole history, oldest first."""

    job: Job
    history: list[JobEvent]

    @property
    def live(self) -> Live | None:
        """Its progress as of the last beat; None unless it runs."""
        runs = self.job.state is JobState.RUNNING
        return Live(self.job.attempt, self.job.step, self.job.steps) if runs else None


class Streams:
    """Made before the event loop runs; used on it."""

    def __init__(self, services: Services) -> None:
        self._reader = services.reader
        self._most, self._most_a_tenant = services.settings.max_streams, services.settings.max_tenant_streams
        self._ear = Ear(services.redis_url)
        self._open: Counter[str] = Counter()
        self._lookers: CapacityLimiter | None = None
        self.ending = False
        """True when the process is about to end: every stream ends, and its caller finds another process."""

    @contextmanager
    def opened(self, job: Job) -> Iterator[Watch]:
        """A stream of `job`, for the duration of the block. Raises StreamsFull and LimitReached."""
        if self._open[job.tenant_id] >= self._most_a_tenant:
            raise LimitReached(f"{self._most_a_tenant} open streams", COME_AGAIN_SECONDS)
        if self._open.total() >= self._most:
            raise StreamsFull
        self._open[job.tenant_id] += 1
        try:
            with self._ear.watching(job.id) as watch:
                yield watch
        finally:
            self._open[job.tenant_id] -= 1
            self._open += Counter()  # forgets tenants that have none

    async def look(self, job_id: str, tenant_id: str) -> Snapshot:
        """Reads the job. Raises JobNotFound and DatabaseUnavailable."""

        def read() -> Snapshot:
            job = self._reader.get(job_id, tenant_id)
            return Snapshot(job, self._reader.events(job_id, tenant_id))

        self._lookers = self._lookers or CapacityLimiter(LOOKERS)
        return await to_thread.run_sync(read, limiter=self._lookers)

    async def end(self) -> None:
        """Ends every stream and lets the connection to Redis go."""
        self.ending = True
        await self._ear.close()
