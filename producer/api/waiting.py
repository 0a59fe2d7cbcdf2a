"""Long polling without a thread and without a query for each waiter."""

from __future__ import annotations

import asyncio

from fastapi import Request

from producer.api.limits import let_go
from producer.api.lookups import Lookups
from producer.live import Watch
from producer.pulse import Pulse
from storage.job import Job, JobState
from storage.outlook import Foreseen

# Whatever is said or not, a waiter looks for itself this often.
LOOK_SECONDS = 15.0


class Waiting:
    """Made before the event loop runs; used on it."""

    def __init__(self, lookups: Lookups, pulse: Pulse) -> None:
        self._lookups = lookups
        self._pulse = pulse

    async def until_settled(self, request: Request, found: Foreseen, seconds: float) -> Foreseen:
        """The job once it has ended or is held for a person, or as it stands after `seconds` or a hang-up.

        Raises JobNotFound and DatabaseUnavailable.
        """
        now = asyncio.get_running_loop().time
        until = now() + seconds
        if seconds <= 0 or _is_settled(found.job):
            return found
        let_go(request.scope)
        with self._pulse.watching(found.job.id) as watch:
            gone = asyncio.create_task(_hang_up(request, watch))
            try:
                while not _is_settled(found.job) and now() < until and not gone.done():
                    watch.saw(found.job)
                    await _until_told(watch, min(until, now() + LOOK_SECONDS), gone)
                    found = await self._lookups.job(found.job.id, found.job.tenant_id)
                return found
            finally:
                gone.cancel()


async def _until_told(watch: Watch, until: float, gone: asyncio.Task[None]) -> None:
    """Returns when the job may have moved on, the caller has gone, or it is `until` by the loop's clock."""
    now, look = asyncio.get_running_loop().time, False
    while not look and not gone.done() and now() < until:
        await watch.wait(until - now())
        _, look = watch.take()


async def _hang_up(request: Request, watch: Watch) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    watch.hear(None)


def _is_settled(job: Job) -> bool:
    return job.is_terminal or job.state is JobState.HELD
