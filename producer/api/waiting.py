"""Long polling without a thread for each waiter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from storage.job import Job, JobState

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.25


async def until_settled(request: Request, read: Callable[[], Job], seconds: float) -> Job:
    """The job once it has ended or is held for a person, or as it stands after `seconds` or a hang-up."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + seconds, FIRST_PAUSE
    job = await run_in_threadpool(read)
    while not _is_settled(job) and loop.time() < until and not await request.is_disconnected():
        await asyncio.sleep(min(pause, max(0.0, until - loop.time())))
        pause = min(pause * 1.5, LONGEST_PAUSE)
        job = await run_in_threadpool(read)
    return job


def _is_settled(job: Job) -> bool:
    return job.is_terminal or job.state is JobState.HELD
