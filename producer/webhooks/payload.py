"""What a webhook says: `{"type", "timestamp", "data"}`, where data is the job, or the batch, as GET shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from producer.api.batch_views import batch_view
from producer.api.views import job_view
from storage.batch import Batch, Tally
from storage.job import Job

MAX_BYTES = 20_000
_SHORT_PROMPT = 500


def job_payload(event: str, happened_at: datetime, job: Job) -> str:
    """JSON of the event, fewer than MAX_BYTES bytes.

    A job that is larger is shortened, in this order and only as far as needed: `metadata` and `receipt` become empty,
    `safety.findings` keeps its first ten, both prompts keep their first 500 characters. What was shortened is listed
    in `data.shortened`; `data.links.self` leads to all of it.
    """
    data: dict[str, Any] = job_view(job, None).model_dump(mode="json")
    shortened: list[str] = []
    for name in ("metadata", "receipt", "safety.findings", "params.negative_prompt", "params.prompt"):
        if _size(event, happened_at, data) < MAX_BYTES:
            break
        _shorten(data, name)
        data["shortened"] = shortened = [*shortened, name]
    return payload(event, happened_at, data)


def batch_payload(event: str, happened_at: datetime, batch: Batch, tally: Tally) -> str:
    """JSON of an event of a batch, with the batch as GET /v1/batches/{id} shows it; always far below MAX_BYTES."""
    return payload(event, happened_at, batch_view(batch, tally).model_dump(mode="json"))


def payload(event: str, happened_at: datetime, data: dict[str, Any]) -> str:
    """JSON of any event."""
    timestamp = happened_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return to_json({"type": event, "timestamp": timestamp, "data": data}).decode()


def _size(event: str, happened_at: datetime, data: dict[str, Any]) -> int:
    return len(payload(event, happened_at, data).encode())


def _shorten(data: dict[str, Any], name: str) -> None:
    if name == "safety.findings":
        data["safety"]["findings"] = data["safety"]["findings"][:10]
    elif name.startswith("params."):
        field = name.removeprefix("params.")
        data["params"][field] = data["params"][field][:_SHORT_PROMPT]
    else:
        data[name] = {}
