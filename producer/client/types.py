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
    """Jobs that are served before this one, the estimated wait in seconds, and by how much such estimates are off."""

    position: int | None
    eta_seconds: float | None
    eta_error_seconds: float | None


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
    watermark_id: str | None


class Statement(TypedDict):
    """Why a person refused a request or took a result back; `text` says all of it."""

    decision: Literal["refused", "withdrawn", "appeal_refused"]
    automated: bool
    rule: str
    category: str
    facts: list[str]
    reason: str
    policy: str
    appeal_until: str | None
    text: str


class CaseView(TypedDict):
    """An appeal or a report that waits for a moderator, or that one has decided."""

    id: str
    object: Literal["case"]
    kind: Literal["held", "report", "appeal"]
    status: Literal["open", "proposed", "decided", "closed"]
    job: str
    created_at: str
    due_at: str
    decided_at: str | None


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
    statement: Statement | None


class Failure(TypedDict):
    """Why a job failed, and whether sending it again may help."""

    code: str
    message: str
    retryable: bool


class Problem(TypedDict):
    """Why a request was refused (RFC 9457); `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[dict[str, str]]]


class JobFacts(TypedDict):
    """What is known of a job, and would be of one that is only rehearsed. Times are RFC 3339 in UTC."""

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
    erased_at: str | None
    error: Failure | None
    withdrawn_at: str | None
    replaces: str | None
    replaced_by: str | None


class JobView(JobFacts):
    """A job; `images` is empty unless `status` is succeeded."""

    id: str
    links: dict[str, str]


class JobPage(TypedDict):
    """Jobs, newest first; pass `next_cursor` for the next page."""

    data: list[JobView]
    next_cursor: str | None


class Event(TypedDict):
    """Something that happened to a job (`type` is `job.` and what) or to a batch, or, if `type` is progress, how far a
    job is.

    `id`, `at` and `data` are those of the former, `step`, `steps` and, where the operator allows it, `preview` (a
    small picture as a data: URI) those of the latter.
    """

    type: str
    job: str | None
    attempt: int
    id: NotRequired[str]
    at: NotRequired[str]
    data: NotRequired[dict[str, Any]]
    step: NotRequired[int]
    steps: NotRequired[int]
    preview: NotRequired[str]


class EventPage(TypedDict):
    """Events of all jobs, oldest first. Send `last` as `after` for what comes next, also when `data` is empty."""

    object: Literal["list"]
    data: list[Event]
    last: str | None
    has_more: bool


class TokenCount(TypedDict):
    """Tokens of a prompt, which the model reads in `chunks` of at most `limit`."""

    tokens: int
    limit: int
    chunks: int
    exact: bool
    dropped_text: str | None


class Plan(TypedDict):
    """What a job would do. Times are estimates, in seconds from now; None where nothing is known of the pace."""

    crop_box: list[int]
    tokens: dict[Literal["prompt", "negative_prompt"], TokenCount]
    unet_rows: int
    start_seconds: float | None
    start_error_seconds: float | None
    finish_seconds: float | None


class DryRun(JobFacts):
    """A job as it would stand after submit, without `id` and `links`, and what it would do."""

    id: None
    links: None
    plan: Plan


class FileView(TypedDict):
    """An uploaded picture; `id` stands for it in a job."""

    id: str
    sha256: str
    content_type: str
    size: int
    width: int
    height: int


class UploadView(TypedDict):
    """Where to PUT the bytes of a file to come, and where to POST then."""

    id: str
    url: str
    headers: dict[str, str]
    complete: str


class Shape(TypedDict):
    """How a picture was changed since it was marked: scaled (1: not), turned by degrees clockwise, after mirroring."""

    size: float
    degrees: float
    mirrored: bool


class Mark(TypedDict):
    """An invisible watermark of the service."""

    id: str
    key_id: str
    shape: Shape | None


class Credentials(TypedDict):
    """Content credentials (C2PA), in the file or, where it had lost them, on record for its mark."""

    found_in: Literal["file", "record"]
    signed_here: bool
    trusted: bool
    matches_pixels: bool
    issuer: str | None
    model: str | None
    software_version: str | None
    watermark_id: str | None
    parent_watermark_id: str | None
    problems: list[str]


class Origin(TypedDict):
    """When and by which model a picture was made; `job` and `index` are told to the job's own tenant."""

    made_at: str
    model: dict[str, Any]
    job: str | None
    index: int | None


class DetectionView(TypedDict):
    """What a picture says of where it comes from; `made_here` and `suspect` are None where it cannot be decided."""

    object: Literal["detection"]
    made_here: bool | None
    suspect: bool | None
    summary: list[str]
    width: int
    height: int
    watermark: Mark | None
    credentials: Credentials | None
    origin: Origin | None
    repainted: list[tuple[int, int, int, int]]


def at_rest(job: JobView) -> bool:
    """True once nothing more happens to the job by itself: it has ended, or a person has to decide."""
    return job["status"] not in ("queued", "running")
