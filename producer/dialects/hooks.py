"""Webhooks in the words of the dialect by which a job came in, for receivers that were written for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from producer.dialects.addresses import image_urls
from producer.dialects.fal.views import webhook_view
from producer.dialects.origin import dialect_of
from producer.dialects.replicate.prediction import prediction_of
from storage.job import Job

_Body = Callable[[Job, str, list[str]], Any]
_BODIES: dict[str, _Body] = {
    "replicate": prediction_of,
    "fal": lambda job, _base, urls: webhook_view(job, urls),
}


def body_in_dialect(job: Job, base: str) -> str | None:
    """The body for the webhook that the request itself named; None for a job that came in by the native interface.

    `base` is the address of this service. Images are addresses that take the key: a body has no room for them.
    """
    body = _BODIES.get(dialect_of(job) or "")
    if body is None:
        return None
    return to_json(body(job, base, image_urls(base, job))).decode()
