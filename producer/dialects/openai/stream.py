"""An edit that is streamed: previews as partial images, then the pictures or why there are none."""

from __future__ import annotations

from fastapi.concurrency import run_in_threadpool

from producer.dialects.openai.errors import trouble_body
from producer.dialects.openai.views import completed_events, error_event, partial_event
from producer.dialects.trouble import trouble_of
from producer.errors import Refusal
from producer.services import Services
from storage.job import Job, JobEvent, JobState
from storage.live import Live


class EditWording:
    """The words of one stream, of which `partial_images` are previews at most."""

    opening = ""

    def __init__(self, services: Services, partial_images: int) -> None:
        self._services = services
        self._most = partial_images
        self._sent = 0

    def event(self, event: JobEvent) -> str:  # noqa: ARG002
        """Nothing: the client knows of pictures only."""
        return ""

    def progress(self, job_id: str, live: Live) -> str:  # noqa: ARG002
        """The preview, if there is one and it is still wanted."""
        if live.preview is None or self._sent >= self._most:
            return ""
        self._sent += 1
        return partial_event(live.preview, self._sent - 1)

    def is_over(self, job: Job) -> bool:
        """A job that a person has to look at is not waited for."""
        return job.state is JobState.HELD

    async def end(self, job: Job) -> list[str]:
        """The pictures, or the error."""
        trouble = trouble_of(job)
        if trouble is not None:
            return [error_event(trouble_body(trouble))]
        try:
            return await run_in_threadpool(completed_events, self._services, job)
        except Refusal as refusal:
            return [error_event({"error": {"message": refusal.detail, "type": "server_error", "code": refusal.code}})]
