"""How a stream of a job is worded: the loop that follows a job is the same for everybody who speaks of it."""

from __future__ import annotations

from typing import Protocol

from producer.api.event_views import event_lines, progress_lines
from storage.job import Job, JobEvent
from storage.live import Live


class Wording(Protocol):
    """Messages in the form of text/event-stream; an empty one is not sent."""

    opening: str
    """What is sent before anything is known."""

    def event(self, event: JobEvent) -> str:
        """The message of something that happened."""

    def progress(self, job_id: str, live: Live) -> str:
        """The message of how far the job is."""

    def is_over(self, job: Job) -> bool:
        """True if the stream ends with this state although the job has not ended."""

    async def end(self, job: Job) -> list[str]:
        """The last messages, sent after all others."""


class Native:
    """As GET /v1/jobs/{id}/events words it."""

    opening = "retry: 2000\n\n"

    def event(self, event: JobEvent) -> str:
        """Every event, under its own name."""
        return event_lines(event)

    def progress(self, job_id: str, live: Live) -> str:
        """Steps and preview."""
        return progress_lines(job_id, live)

    def is_over(self, job: Job) -> bool:  # noqa: ARG002
        """Never: who watches a job sees it to its end."""
        return False

    async def end(self, job: Job) -> list[str]:  # noqa: ARG002
        """Nothing: the last event has said it."""
        return []


NATIVE = Native()
