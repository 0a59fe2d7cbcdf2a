"""For dialects whose requests wait for the picture."""

from __future__ import annotations

from fastapi import Request

from producer.api.waiting import until_settled
from producer.services import Services
from storage.job import Job

# Below the ten minutes for which a repeated request is known without a key, and for which the OpenAI client waits.
SYNC_SECONDS = 540.0


async def at_rest(request: Request, services: Services, job: Job) -> Job:
    """The job once it has ended or is held, or as it stands after SYNC_SECONDS.

    A caller who hangs up does not cancel: clients repeat what timed out, and the repetition takes the job over.
    """
    return await until_settled(request, lambda: services.reader.get(job.id, job.tenant_id), SYNC_SECONDS)
