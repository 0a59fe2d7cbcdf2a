"""A job as Replicate's clients read it. No web framework: the keeper writes these into webhooks, too."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from producer.dialects.models import OWNER
from producer.dialects.replicate.versions import version_of
from producer.dialects.trouble import trouble_of
from storage.job import HeldAt, Job, JobState

Status = Literal["starting", "processing", "succeeded", "failed", "canceled"]
# Their client parses these five and no other.
_STATUS: dict[str, Status] = {
    "queued": "starting",
    "running": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "blocked": "failed",
    "canceled": "canceled",
    "expired": "canceled",
}
_BAR = 20


class Prediction(BaseModel):
    """A prediction. `output` is a list of addresses, null unless it succeeded."""

    id: str
    model: str
    version: str
    status: Status
    input: dict[str, Any]
    output: list[str] | None
    logs: str
    error: str | None
    metrics: dict[str, float]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    urls: dict[str, str]


def prediction_of(job: Job, base: str, output: list[str]) -> Prediction:
    """The view of `job`; `output` are the addresses of its images, `base` is that of this service."""
    alias, name = job.params.model, str(job.model["name"])
    trouble = trouble_of(job) if job.is_terminal else None
    link = f"{base}/replicate/v1/predictions/{job.id}"
    return Prediction(
        id=job.id,
        model=f"{OWNER}/{alias}",
        version=version_of(alias, name),
        status=status_of(job),
        input=job.params.model_dump(mode="json"),
        output=output or None,
        logs=logs_of(job),
        error=trouble.message if trouble else None,
        metrics=_metrics(job),
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.finished_at,
        urls={"get": link, "cancel": f"{link}/cancel", "stream": f"{link}/stream"},
    )


def status_of(job: Job) -> Status:
    """A job that a person looks at is still starting or processing, depending on what is looked at."""
    if job.state is JobState.HELD:
        return "starting" if job.held_at is HeldAt.REQUEST else "processing"
    return _STATUS[job.state]


def logs_of(job: Job) -> str:
    """Which model paints, why nothing happens, and how far it is, in the form of tqdm, which the client parses."""
    lines = [f"Model {job.params.model}: {job.model['name']}. Seed {job.params.seed}."]
    trouble = trouble_of(job)
    if trouble is not None:
        lines.append(trouble.message)
    if job.started_at is not None:
        lines.append(progress_line(job.step, job.steps))
    return "\n".join(lines) + "\n"


def progress_line(step: int, steps: int) -> str:
    """Such as " 40%|########            | 12/30"."""
    done = "#" * (_BAR * step // steps)
    return f"{100 * step // steps:3d}%|{done:<{_BAR}}| {step}/{steps}"


def _metrics(job: Job) -> dict[str, float]:
    if job.started_at is None or job.finished_at is None:
        return {}
    return {"predict_time": (job.finished_at - job.started_at).total_seconds()}
