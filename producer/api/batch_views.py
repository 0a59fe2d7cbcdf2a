"""A batch as callers see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from producer.api.problems import Problem
from producer.api.views import JobView
from storage.batch import Batch, BatchStatus, Tally
from storage.job import JobState


class Lines(BaseModel):
    """Lines of the body, as it was sent last: `read` is the sum of the others. A `replayed` line had its job before."""

    read: int
    accepted: int
    replayed: int
    refused: int


class JobCounts(BaseModel):
    """Jobs by status."""

    total: int
    queued: int
    running: int
    held: int
    succeeded: int
    failed: int
    blocked: int
    canceled: int
    expired: int


class BatchLinks(BaseModel):
    """Where to go from here."""

    self: str
    results: str
    cancel: str
    jobs: str


class BatchView(BaseModel):
    """A batch. Of a label, which groups jobs that were sent one by one, only the jobs are known; the rest is null."""

    id: str = Field(examples=["batch_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["batch"] = "batch"
    status: BatchStatus | None = Field(description="`finished` once every job has ended.")
    complete: bool | None = Field(description="Whether the body was read to its end.")
    created_at: datetime | None
    closed_at: datetime | None
    finished_at: datetime | None
    metadata: dict[str, Any]
    lines: Lines | None
    jobs: JobCounts
    progress: float = Field(description="Share of the jobs that have ended, 0 to 1.")
    links: BatchLinks


class LineJob(BaseModel):
    """As much of a job as the answer to its line tells; `batch` is another one where the job was there before."""

    id: str
    object: Literal["job"] = "job"
    status: JobState
    batch: str | None


class LineAnswer(BaseModel):
    """What became of a line: a `job` where `status` is 202, else an `error`. What is not said is left out."""

    line: int = Field(description="Its number in the body, from 1.")
    custom_id: str | None = None
    status: int = Field(description="What POST /v1/jobs would have answered with.")
    replayed: bool | None = Field(None, description="Whether an earlier copy of the line had made the job.")
    job: LineJob | None = None
    error: Problem | None = None
    retry_after: int | None = Field(None, description="Seconds after which it makes sense to send it again.")


class BatchSummary(BaseModel):
    """The last line of the answer to POST /v1/batches; `error` is the problem that ended it early."""

    batch: BatchView
    error: Problem | None


class BatchList(BaseModel):
    """A page of batches, newest first. Pass `next_cursor` as `cursor` for the next page; null: this is the last."""

    object: Literal["list"] = "list"
    data: list[BatchView]
    next_cursor: str | None


class ResultLine(BaseModel):
    """A line of a batch's results."""

    line: int | None = Field(description="Number of the line that asked for it; null of a job that was sent by itself.")
    custom_id: str | None
    job: JobView
    links: list[str | None] = Field(description="With `?links=true`: where each image can be fetched for a day.")


def batch_view(batch: Batch, tally: Tally) -> BatchView:
    """The view of a batch that was sent in one body."""
    lines = Lines(read=batch.lines, accepted=batch.accepted, replayed=batch.replayed, refused=batch.refused)
    return BatchView(
        id=batch.id,
        status=batch.status,
        complete=batch.complete,
        created_at=batch.created_at,
        closed_at=batch.closed_at,
        finished_at=batch.finished_at,
        metadata=batch.metadata,
        lines=lines,
        **_of_jobs(batch.id, tally),
    )


def label_view(label: str, tally: Tally) -> BatchView:
    """The view of jobs that merely carry the same label."""
    nothing = dict.fromkeys(("status", "complete", "created_at", "closed_at", "finished_at", "lines"))
    return BatchView(id=label, metadata={}, **nothing, **_of_jobs(label, tally))


def _of_jobs(label: str, tally: Tally) -> dict[str, Any]:
    counts = {state.value: tally.states.get(state, 0) for state in JobState}
    link = f"/v1/batches/{quote(label)}"
    links = BatchLinks(
        self=link, results=f"{link}/results", cancel=f"{link}/cancel", jobs=f"/v1/jobs?batch={quote(label, safe='')}"
    )
    progress = tally.ended / tally.total if tally.total else 1.0
    return {"jobs": JobCounts(total=tally.total, **counts), "progress": progress, "links": links}
