"""Batches as the service shows them. The keys are the contract; a later service may add more."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from producer.client.types import JobView, Problem


class Lines(TypedDict):
    """Lines of a batch's body: `read` is the sum of the others."""

    read: int
    accepted: int
    replayed: int
    refused: int


class JobCounts(TypedDict):
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


class BatchView(TypedDict):
    """A batch, or the jobs that carry a label, of which only `jobs` and `progress` (0 to 1) are known."""

    id: str
    object: Literal["batch"]
    status: Literal["open", "closed", "finished"] | None
    complete: bool | None
    created_at: str | None
    closed_at: str | None
    finished_at: str | None
    metadata: dict[str, Any]
    lines: Lines | None
    jobs: JobCounts
    progress: float
    links: dict[str, str]


class BatchPage(TypedDict):
    """Batches, newest first; pass `next_cursor` for the next page."""

    object: Literal["list"]
    data: list[BatchView]
    next_cursor: str | None


class BatchAnswer(TypedDict, total=False):
    """What became of one line of a batch: a `job` (id, status, batch) or an `error`. The last has the `batch`."""

    line: int
    custom_id: str
    status: int
    replayed: bool
    job: dict[str, Any]
    error: Problem | None
    retry_after: int
    batch: BatchView


class ResultLine(TypedDict):
    """One job of a batch; `line` is null of a job that was sent by itself."""

    line: int | None
    custom_id: str | None
    job: JobView
    links: list[str | None]


class CanceledBatch(TypedDict):
    """Jobs of a batch that were canceled at once, and running ones that were told to stop."""

    id: str
    object: Literal["batch"]
    canceled: int
    stopping: int
