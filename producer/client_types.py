"""What the service answers, as types. The keys are the contract; a later service may add more."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["queued", "running", "held", "succeeded", "failed", "blocked", "canceled", "expired"]


class Progress(TypedDict):
    """Denoising steps done and to do."""

    step: int
    steps: int


class Attempts(TypedDict):
    """How often the job was started, lost its worker, and met an error that was tried again."""

    started: int
    crashed: int
    failed: int


class Queue(TypedDict):
    """Jobs that are served before this one, and the estimated wait in seconds."""

    position: int | None
    eta_seconds: float | None


class Model(TypedDict):
    """Which model made the picture."""

    alias: str
    name: str
    sha256: str | None


class Image(TypedDict):
    """A finished image; `width` and `height` are pixels."""

    index: int
    url: str
    sha256: str
    width: int
    height: int
    content_type: str
    seed: int
    watermark_id: str


class Finding(TypedDict):
    """A rule of the policy that applied."""

    rule: str
    category: str
    severity: int
    stage: Literal["request", "result"]
    detail: str
    span: list[int] | None


class Safety(TypedDict):
    """What the policy says about the job."""

    action: Literal["allow", "label", "review", "block"]
    policy: str
    findings: list[Finding]


class Failure(TypedDict):
    """Why a job failed, and whether sending it again may help."""

    code: str
    message: str
    retryable: bool


class JobView(TypedDict):
    """A job. Times are RFC 3339 in UTC; `images` is empty unless `status` is succeeded."""

    id: str
    object: Literal["job"]
    status: Status
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempt: int
    attempts: Attempts
    priority: str
    batch: str | None
    user: str | None
    metadata: dict[str, Any]
    progress: Progress
    queue: Queue
    params: dict[str, Any]
    model: Model
    images: list[Image]
    safety: Safety
    receipt: dict[str, Any]
    error: Failure | None
    links: dict[str, str]


class JobPage(TypedDict):
    """Jobs, newest first; pass `next_cursor` for the next page."""

    data: list[JobView]
    next_cursor: str | None


class Event(TypedDict):
    """Something that happened to a job (`type` is `job.` and what), or, if `type` is progress, how far it is.

    `id`, `at` and `data` are those of the former, `step`, `steps` and, where the operator allows it, `preview` (a
    small picture as a data: URI) those of the latter.
    """

    type: str
    job: str
    attempt: int
    id: NotRequired[str]
    at: NotRequired[str]
    data: NotRequired[dict[str, Any]]
    step: NotRequired[int]
    steps: NotRequired[int]
    preview: NotRequired[str]


class CanceledBatch(TypedDict):
    """Jobs of a batch that were canceled at once, and running ones that were told to stop."""

    id: str
    object: Literal["batch"]
    canceled: int
    stopping: int


class FileView(TypedDict):
    """An uploaded picture; `id` stands for it in a job."""

    id: str
    sha256: str
    content_type: str
    size: int
    width: int
    height: int


def at_rest(job: JobView) -> bool:
    """True once nothing more happens to the job by itself: it has ended, or a person has to decide."""
    return job["status"] not in ("queued", "running")
