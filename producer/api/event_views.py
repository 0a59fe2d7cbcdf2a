"""Events as a stream shows them, in the form of text/event-stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from storage.job import JobEvent
from storage.live import Live


class EventView(BaseModel):
    """Something that happened to a job, or to a batch, and stands in the history."""

    id: str = Field(description="Also the `id:` of the message, for Last-Event-ID.")
    type: str = Field(description="`job.` or `batch.` and what happened.", examples=["job.started"])
    job: str | None = Field(description="Null of an event of a batch.")
    attempt: int
    at: datetime
    data: dict[str, Any] = Field(description="Details, such as `code` of an error or `reason` of another try.")


class ProgressView(BaseModel):
    """How far a running job is. Such messages have no id, may be missing, and are not repeated."""

    type: Literal["progress"] = "progress"
    job: str
    attempt: int
    step: int
    steps: int
    preview: str | None = Field(None, description="A small picture as a data: URI, where the operator allows it.")


def event_view(event: JobEvent) -> EventView:
    """The view of an event."""
    return EventView(
        id=event.id, type=event.type, job=event.job_id, attempt=event.attempt, at=event.at, data=event.data
    )


def event_lines(event: JobEvent) -> str:
    """The message of an event."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {event_view(event).model_dump_json()}\n\n"


def progress_lines(job_id: str, live: Live) -> str:
    """The message of a job's progress."""
    view = ProgressView(job=job_id, attempt=live.attempt, step=live.step, steps=live.steps, preview=live.preview)
    return f"event: progress\ndata: {view.model_dump_json(exclude_none=True)}\n\n"
