"""A job as every package speaks of it: its states, the moves between them, and what a reader sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from storage.mark import MarkRecord
from storage.params import InpaintParams
from storage.strike import Gate

if TYPE_CHECKING:  # the client knows jobs too, and no SQL
    from storage.also import Row


class JobState(StrEnum):
    """Where a job stands. The last five are terminal: a row in one of them never changes state again."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    EXPIRED = "expired"


class HeldAt(StrEnum):
    """What waits for a person: the request (nothing was rendered) or the result (it lies in quarantine)."""

    REQUEST = "request"
    RESULT = "result"


class Priority(StrEnum):
    """Weights in the fair share, not strict levels, so that nothing starves."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BULK = "bulk"

    @property
    def weight(self) -> int:
        """Share of this priority relative to the others."""
        return {"interactive": 8, "standard": 4, "bulk": 1}[self.value]


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.BLOCKED, JobState.CANCELED, JobState.EXPIRED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}),
    JobState.RUNNING: TERMINAL | {JobState.HELD, JobState.QUEUED},
    JobState.HELD: frozenset(
        {JobState.QUEUED, JobState.SUCCEEDED, JobState.BLOCKED, JobState.CANCELED, JobState.EXPIRED}
    ),
    **{state: frozenset() for state in TERMINAL},
}


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: a stable code, a sentence, and whether sending it again may help."""

    code: str
    message: str
    retryable: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The `error` object of API.md."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class ResultImage:
    """One finished image. `key` names the object in the store and never leaves the service."""

    index: int
    key: str
    sha256: str
    width: int
    height: int
    content_type: str
    seed: int
    watermark_id: str | None

    def as_dict(self) -> dict[str, Any]:
        """JSON for the job's row."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a worker made of a job: images (none when blocked) and their marks, receipt, verdict, the model that ran."""

    images: tuple[ResultImage, ...]
    receipt: dict[str, Any]
    safety: dict[str, Any]
    model: dict[str, Any]
    marks: tuple[MarkRecord, ...] = ()


UNMARKED_RULE = "marking.too_small"
"""The rule by whose finding a job's record says that the policy lets its images leave without a watermark."""


def refuse_unmarked(images: Sequence[ResultImage], safety: Mapping[str, Any]) -> None:
    """Raises ValueError unless there are images and every one carries a watermark: no other becomes visible.

    But for images without one by the policy, which a finding in the record `safety` names.
    """
    named = any(finding["rule"] == UNMARKED_RULE for finding in safety.get("findings", ()))
    if not images or not all(image.watermark_id or (named and image.watermark_id is None) for image in images):
        raise ValueError("only images that carry a watermark may become visible: mark them first")


class Order(StrEnum):
    """What a beat tells a worker to do with a job it is running."""

    GO_ON = "go_on"
    CANCEL = "cancel"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A line of a job's history. `type` is `job.<what happened>`; `data` holds what a reader may see.

    Where a tenant's whole history is read, some lines are of a batch: those have a `batch_id` and no `job_id`.
    """

    id: str
    job_id: str | None
    type: str
    attempt: int
    at: datetime
    data: dict[str, Any]
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A request that has been resolved and judged, ready to be stored.

    `id` is made beforehand, because the inputs' keys carry it and because a lost commit is looked up by it.
    `fingerprint` is a hash of what was asked for, `idempotency_key` the caller's own, and `is_retry` says that the
    caller's client repeats itself. `state` is queued, held or blocked. `cost` is the estimate of UNet rows (steps x
    rows a step x images). `image_key` and `mask_key` name stored inputs; `mask_key` is None where the image's alpha
    is the mask. `line` and `custom_id` are its place in the batch that it came with and the caller's name for it there.
    `imprint` is by what a request like it is recognized; `gate` may refuse it for what its end-user has on
    record. `replaces` is the refused job that it carries on, `trace` its place in its trace (storage/tracing.py).
    `also` are rows that are inserted in the same commit, unless an earlier copy stands for the request.
    """

    id: str
    tenant_id: str
    params: InpaintParams
    image_key: str
    mask_key: str | None
    model: dict[str, Any]
    cost: float
    safety: dict[str, Any]
    state: JobState = JobState.QUEUED
    held_at: HeldAt | None = None
    priority: Priority = Priority.STANDARD
    deadline_seconds: float | None = None
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    batch: str | None = None
    line: int | None = None
    custom_id: str | None = None
    webhook_id: str | None = None
    fingerprint: str | None = None
    idempotency_key: str | None = None
    is_retry: bool = False
    imprint: dict[str, str] | None = None
    gate: Gate | None = None
    replaces: str | None = None
    trace: str | None = None
    also: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the jobs table as it was read. Times are timezone-aware UTC."""

    id: str
    tenant_id: str
    state: JobState
    held_at: HeldAt | None
    attempt: int
    crash_count: int
    error_count: int
    solo: bool
    priority: Priority
    params: InpaintParams
    model: dict[str, Any]
    image_key: str
    mask_key: str | None
    step: int
    steps: int
    safety: dict[str, Any]
    receipt: dict[str, Any]
    error: JobError | None
    images: tuple[ResultImage, ...]
    user: str | None
    metadata: dict[str, Any]
    batch: str | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime | None
    erase_asked_at: datetime | None
    erased_at: datetime | None
    imprint: dict[str, str] | None = None
    withdrawn_at: datetime | None = None
    replaces: str | None = None
    line: int | None = None
    custom_id: str | None = None
    inputs_erased_at: datetime | None = None
    results_erased_at: datetime | None = None
    trace: str | None = None

    @property
    def has_inputs(self) -> bool:
        """Whether its picture and mask were not erased."""
        return self.erased_at is None and self.inputs_erased_at is None

    @property
    def has_results(self) -> bool:
        """Whether the images it made, if any, were not erased."""
        return self.erased_at is None and self.results_erased_at is None

    @property
    def is_released(self) -> bool:
        """Whether its images may be seen: it has succeeded, and nobody took them back."""
        return self.state is JobState.SUCCEEDED and self.withdrawn_at is None

    @property
    def is_terminal(self) -> bool:
        """True once the job can never change state again."""
        return self.state in TERMINAL
