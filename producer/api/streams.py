"""The open event streams of one process: how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from producer.api.lookups import Lookups
from producer.live import Watch
from producer.pulse import Pulse
from producer.settings import ProducerSettings
from storage.errors import LimitReached
from storage.job import Job
from storage.job_reader import Story

COME_AGAIN_SECONDS = 5


class StreamsFull(Exception):
    """This process holds as many streams as it may."""


class Streams:
    """Made before the event loop runs; used on it."""

    def __init__(self, settings: ProducerSettings, lookups: Lookups, pulse: Pulse) -> None:
        self._most, self._most_a_tenant = settings.max_streams, settings.max_tenant_streams
        self._lookups = lookups
        self._pulse = pulse
        self._open: Counter[str] = Counter()
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
            with self._pulse.watching(job.id) as watch:
                yield watch
        finally:
            self._open[job.tenant_id] -= 1
            self._open += Counter()  # forgets tenants that have none

    async def look(self, job_id: str, tenant_id: str) -> Story:
        """Reads the job. Raises JobNotFound and DatabaseUnavailable."""
        return await self._lookups.story(job_id, tenant_id)

    async def end(self) -> None:
        """Ends every stream and wakes whoever waits."""
        self.ending = True
        await self._pulse.close()
