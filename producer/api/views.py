"""A job as callers see it. Nothing of where its bytes lie is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from storage.job import Job, JobState, Priority, ResultImage
from storage.params import InpaintParams

_MODEL = ("alias", "name", "sha256")
_FINDING = ("rule", "category", "severity", "stage", "detail", "span")


class Progress(BaseModel):
    """Denoising steps done and to do, of the image that is being made."""

    step: int
    steps: int


class Attempts(BaseModel):
    """How often the job was `started`, and how many of those ended with a lost worker (`crashed`) or with an error of
    ours that another try may not meet (`failed`). One that was given back, as when a worker drains, is in neither.
    """

    started: int
    crashed: int
    failed: int


class Queue(BaseModel):
    """`position` is the number of jobs before this one, null unless it is queued. `eta_seconds` is null for now."""

    position: int | None
    eta_seconds: float | None


class ModelView(BaseModel):
    """Which model makes the picture; `sha256` is known once a worker has run it."""

    alias: str
    name: str
    sha256: str | None


class ImageView(BaseModel):
    """A finished image; fetch `url` with the same key."""

    index: int
    url: str
    sha256: str
    width: int
    height: int
    content_type: str
    seed: int
    watermark_id: str | None


class Finding(BaseModel):
    """A policy rule that applied; `span` is a half-open range of characters of the prompt."""

    rule: str
    category: str
    severity: int
    stage: Literal["request", "result"]
    detail: str
    span: tuple[int, int] | None


class StatementView(BaseModel):
    """Why a person refused a request, or took a result back. `text` says all of it in plain words.

    `reason` is a code, as `inpaintd review reject --help` lists them; `appeal_until` is null where no appeal is left.
    """

    decision: Literal["refused", "withdrawn", "appeal_refused"]
    automated: bool
    rule: str
    category: str
    facts: list[str]
    reason: str
    policy: str
    appeal_until: datetime | None
    text: str


class Safety(BaseModel):
    """What the policy says about the request and, once there is one, the result; and what a person said."""

    action: Literal["allow", "label", "review", "block"]
    policy: str
    findings: list[Finding]
    statement: StatementView | None = None


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool


class Links(BaseModel):
    """Where to go from here."""

    self: str
    cancel: str
    events: str


class JobView(BaseModel):
    """A job. Every key is always there; `images` is empty unless `status` is succeeded and nobody withdrew them."""

    id: str = Field(examples=["job_06f3kq5x6m8v2n4p7r9t1w3y5z"])
    object: Literal["job"] = "job"
    status: JobState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int = Field(description="The same as `attempts.started`.")
    attempts: Attempts
    priority: Priority
    batch: str | None
    user: str | None = Field(description="Pseudonym of your end-user.")
    metadata: dict[str, Any]
    progress: Progress
    queue: Queue
    params: InpaintParams = Field(description="Every parameter as resolved, seed included.")
    model: ModelView
    images: list[ImageView]
    safety: Safety
    receipt: dict[str, Any] = Field(description="What was done and how it was checked; empty until the job ran.")
    error: ErrorView | None
    withdrawn_at: datetime | None = Field(description="When a person took the images back; see `safety.statement`.")
    replaces: str | None = Field(description="The refused job that this one carries on, after an appeal.")
    replaced_by: str | None = Field(description="The job that carries this refused one on.")
    links: Links


class JobList(BaseModel):
    """A page of jobs, newest first. Pass `next_cursor` as `cursor` for the next page; null: this is the last."""

    object: Literal["list"] = "list"
    data: list[JobView]
    next_cursor: str | None


def job_view(job: Job, position: int | None) -> JobView:
    """The view of `job`; `position` is its place in the queue, None unless it is queued."""
    link = f"/v1/jobs/{job.id}"
    return JobView(
        id=job.id,
        status=job.state,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        attempt=job.attempt,
        attempts=Attempts(started=job.attempt, crashed=job.crash_count, failed=job.error_count),
        priority=job.priority,
        batch=job.batch,
        user=job.user,
        metadata=job.metadata,
        progress=Progress(step=job.step, steps=job.steps),
        queue=Queue(position=position, eta_seconds=None),
        params=job.params,
        model=ModelView(**_only(job.model, _MODEL)),
        images=[_image(image, link) for image in shown_images(job)],
        safety=_safety(job.safety),
        receipt=job.receipt,
        error=None if job.error is None else ErrorView(**job.error.as_dict()),
        withdrawn_at=job.withdrawn_at,
        replaces=job.replaces,
        replaced_by=job.safety.get("replaced_by"),
        links=Links(self=link, cancel=f"{link}/cancel", events=f"{link}/events"),
    )


def shown_images(job: Job) -> tuple[ResultImage, ...]:
    """The images that may be seen: those of a job that has succeeded, unless a person took them back.

    Whoever shows images takes them from here.
    """
    return job.images if job.state is JobState.SUCCEEDED and job.withdrawn_at is None else ()


def _image(image: ResultImage, link: str) -> ImageView:
    shown = _only(image.as_dict(), tuple(ImageView.model_fields.keys() - {"url"}))
    return ImageView(url=f"{link}/images/{image.index}", **shown)


def _safety(stored: dict[str, Any]) -> Safety:
    # Rows also keep scores and thresholds for audit; shown to a caller, they would teach how to pass by a hair.
    findings = [Finding(**_only(finding, _FINDING)) for finding in stored["findings"]]
    return Safety(
        action=stored["action"], policy=stored["policy"], findings=findings, statement=stored.get("statement")
    )


def _only(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names}
