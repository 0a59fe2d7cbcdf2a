"""Looks at all watched jobs with one query, again and again, so that no waiter has to ask for itself.

While Redis is heard it says sooner what happens, and this is only for what it lost. While it is not, this is all there
is, and as quick as the number of waiters allows: looking takes a twentieth of the time at most.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from anyio import CapacityLimiter, to_thread

from producer.live import Ear, Watch
from storage.errors import DatabaseUnavailable
from storage.job import JobState
from storage.job_reader import Beat
from storage.live import Live

log = structlog.get_logger(__name__)

HEARING_SECONDS = 2.0
DEAF_SECONDS = 0.1
SHARE = 20.0
CHUNK = 500


class Pulse:
    """The watches of a process, told by Redis and by SQL alike. While nobody watches it does nothing.

    For one event loop. `read`: how jobs stand, by their ids; called in a thread, for CHUNK ids at a time.
    """

    def __init__(self, ear: Ear, read: Callable[[Iterable[str]], Mapping[str, Beat]]) -> None:
        self._ear = ear
        self._read = read
        self._task: asyncio.Task[None] | None = None
        self._limiter: CapacityLimiter | None = None

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watch]:
        """A watch over one job, for the duration of the block."""
        with self._ear.watching(job_id) as watch:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="pulse")
            yield watch

    async def close(self) -> None:
        """Wakes every watcher and ends."""
        await self._ear.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        ended, took = -math.inf, 0.0
        while self._ear.watches:
            # Asked each time, because Redis may fall silent meanwhile.
            least = HEARING_SECONDS if self._ear.hears else DEAF_SECONDS
            if now() - ended >= max(least, SHARE * took):
                began = now()
                await self._look(list(self._ear.watches))
                ended = now()
                took = ended - began
            await asyncio.sleep(DEAF_SECONDS)

    async def _look(self, ids: list[str]) -> None:
        self._limiter = self._limiter or CapacityLimiter(1)
        try:
            for start in range(0, len(ids), CHUNK):
                beats = await to_thread.run_sync(self._read, ids[start : start + CHUNK], limiter=self._limiter)
                for job_id, beat in beats.items():
                    for watch in self._ear.watches.get(job_id, ()):
                        _tell(watch, beat)
        except DatabaseUnavailable as problem:
            log.warning("pulse_not_felt", error=str(problem))


def _tell(watch: Watch, beat: Beat) -> None:
    if watch.seen is None:
        return  # it is about to look anyway
    if watch.seen != (beat.state, beat.attempt, beat.cancel_requested):
        watch.hear(None)
    elif beat.state is JobState.RUNNING:
        watch.hear(Live(beat.attempt, beat.step, beat.steps))
