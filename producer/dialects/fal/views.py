"""A job as fal's client reads it. No web framework: the keeper writes these into webhooks, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from producer.api.views import shown_images
from producer.dialects.trouble import Trouble, trouble_of
from storage.job import HeldAt, Job, JobState

_TYPES = {"blocked": "content_policy_violation", "expired": "request_timeout"}


def error_type(trouble: Trouble) -> str:
    """The code as fal calls it, where it has a name for it."""
    return _TYPES.get(trouble.code, trouble.code)


def submitted_view(job: Job, url: str) -> dict[str, Any]:
    """The answer to a submission; `url` is the address of the request."""
    return {
        "request_id": job.id,
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
        "queue_position": 0,
    }


def status_view(job: Job, url: str, position: int | None) -> dict[str, Any]:
    """One of three statuses, for the client raises an error at a fourth; `logs` is never left out, for the same reason.

    A request that a person looks at is in the queue, and a result that a person looks at in progress; its log says so.
    """
    shown: dict[str, Any] = {"request_id": job.id, "response_url": url, "logs": _logs(job)}
    if job.state is JobState.QUEUED or (job.state is JobState.HELD and job.held_at is HeldAt.REQUEST):
        return {**shown, "status": "IN_QUEUE", "queue_position": position or 0}
    if not job.is_terminal:
        return {**shown, "status": "IN_PROGRESS"}
    shown |= {"status": "COMPLETED", "metrics": _metrics(job)}
    trouble = trouble_of(job)
    return shown if trouble is None else {**shown, "error": trouble.message, "error_type": error_type(trouble)}


def result_view(job: Job, urls: Sequence[str]) -> dict[str, Any]:
    """The result of a succeeded job, whose images are at `urls`."""
    images = [
        {"url": url, "width": image.width, "height": image.height, "content_type": image.content_type}
        for url, image in zip(urls, shown_images(job), strict=True)
    ]
    return {
        "images": images,
        "seed": job.params.seed,
        "prompt": job.params.prompt,
        "timings": {"inference": _metrics(job).get("inference_time")},
        # What the policy does not let pass never becomes a result.
        "has_nsfw_concepts": [False] * len(images),
    }


def webhook_view(job: Job, urls: Sequence[str]) -> dict[str, Any]:
    """The body of a webhook for a job that has ended."""
    trouble = trouble_of(job)
    shown: dict[str, Any] = {"request_id": job.id, "gateway_request_id": job.id}
    if trouble is None:
        return {**shown, "status": "OK", "payload": result_view(job, urls)}
    payload = {"detail": trouble.message, "error_type": error_type(trouble)}
    return {**shown, "status": "ERROR", "error": trouble.message, "payload": payload}


def _logs(job: Job) -> list[dict[str, Any]]:
    said = [f"Model {job.params.model}: {job.model['name']}. Seed {job.params.seed}."]
    trouble = trouble_of(job)
    if trouble is not None:
        said.append(trouble.message)
    if job.started_at is not None:
        said.append(f"Step {job.step} of {job.steps}.")
    moment = (job.finished_at or job.started_at or job.created_at).astimezone(UTC)
    return [_log(text, moment) for text in said]


def _log(text: str, moment: datetime) -> dict[str, Any]:
    return {"message": text, "level": "INFO", "source": "inpaintd", "timestamp": moment.isoformat()}


def _metrics(job: Job) -> dict[str, float]:
    if job.started_at is None or job.finished_at is None:
        return {}
    return {"inference_time": (job.finished_at - job.started_at).total_seconds()}
