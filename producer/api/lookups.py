"""How requests look into SQL: those that come at the same time share a query. One for each process."""

from __future__ import annotations

from producer.together import Together
from storage.errors import JobNotFound
from storage.job_reader import JobReader, Story
from storage.outlook import Foreseen, Outlook


class Lookups:
    """Made before the event loop runs; used on it. Every method also raises DatabaseUnavailable."""

    def __init__(self, reader: JobReader, outlook: Outlook) -> None:
        self._foreseen = Together(outlook.foreseen)
        self._stories = Together(reader.stories)

    async def job(self, job_id: str, tenant_id: str) -> Foreseen:
        """The tenant's job and what awaits it. Raises JobNotFound, also for a job of somebody else."""
        found = await self._foreseen(job_id)
        if found is None or found.job.tenant_id != tenant_id:
            raise JobNotFound(f"there is no job {job_id}")
        return found

    async def story(self, job_id: str, tenant_id: str) -> Story:
        """The tenant's job and its history. Raises JobNotFound, also for a job of somebody else."""
        found = await self._stories(job_id)
        if found is None or found.job.tenant_id != tenant_id:
            raise JobNotFound(f"there is no job {job_id}")
        return found
