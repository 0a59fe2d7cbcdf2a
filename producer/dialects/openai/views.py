"""Finished edits as OpenAI's clients read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from producer.api.views import shown_images
from producer.dialects.links import images_base64, open_urls
from producer.services import Services
from storage.job import Job

# Their clients want the key; nothing here is paid by the token.
_USAGE = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


def images_response(services: Services, job: Job, *, as_url: bool) -> dict[str, Any]:
    """The body for a succeeded job. Raises Refusal `image_gone`."""
    name, values = ("url", open_urls(services, job)) if as_url else ("b64_json", images_base64(services, job))
    return {
        "created": _seconds(job.finished_at or job.created_at),
        "data": [{name: value} for value in values],
        "size": _size(job),
        "output_format": job.params.output.format.value,
        "usage": _USAGE,
    }


def partial_event(preview: str, index: int) -> str:
    """The message of a preview, which is a data: URI of a JPEG, smaller than the picture."""
    shown = {
        "b64_json": preview.partition(",")[2],
        "partial_image_index": index,
        "created_at": _seconds(datetime.now(UTC)),
        "size": "auto",
        "output_format": "jpeg",
    }
    return _message("image_edit.partial_image", shown)


def completed_events(services: Services, job: Job) -> list[str]:
    """The last messages of a succeeded job, one for each image. Raises Refusal `image_gone`."""
    shared = {
        "created_at": _seconds(job.finished_at or job.created_at),
        "size": _size(job),
        "output_format": job.params.output.format.value,
        "usage": _USAGE,
    }
    return [_message("image_edit.completed", {"b64_json": text, **shared}) for text in images_base64(services, job)]


def error_event(body: dict[str, Any]) -> str:
    """The message of an error."""
    return _message("error", body)


def _message(kind: str, values: dict[str, Any]) -> str:
    # Neither `id:` nor `retry:`: after either, the client takes the next blank line for a message without JSON.
    data = {"type": kind, "background": "auto", "quality": "auto", **values}
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _size(job: Job) -> str:
    image = shown_images(job)[0]
    return f"{image.width}x{image.height}"


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
