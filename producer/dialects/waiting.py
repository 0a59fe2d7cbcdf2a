"""For dialects whose requests wait for the picture."""

from __future__ import annotations

from fastapi import Request

from producer.api.dependencies import waiting_of
from storage.job import Job
from storage.outlook import Foreseen

# Below the ten minutes for which a repeated request is known without a key, and for which the OpenAI client waits.
SYNC_SECONDS = 540.0


async def at_rest(request: Request, job: Job) -> Job:
    """The job once it has ended or is held, or as it stands after SYNC_SECONDS.

    A caller who hangs up does not cancel: clients repeat what timed out, and the repetition takes the job over.
    """
    return (await waiting_of(request).until_settled(request, Foreseen(job, None), SYNC_SECONDS)).job
