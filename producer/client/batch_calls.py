"""Calls about batches: many jobs in one request, and jobs that carry the same label."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from producer.client.answers import fetch, open_stream
from producer.client.batch_types import BatchPage, BatchView, CanceledBatch
from producer.client.errors import ServiceUnreachable
from producer.client.job_calls import request_body
from producer.client.steps import Emit, NextLine, Pieces, Steps, request

NDJSON = "application/x-ndjson"
# The service looks into a batch's pictures while it answers, and says nothing meanwhile.
SILENCE_SECONDS = 120.0


def send_batch(
    jobs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
    *,
    idempotency_key: str | None = None,
    priority: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    webhook_url: str | None = None,
) -> Steps[None]:
    """Sends many jobs in one request, read from `jobs` as they are sent, and goes through the answers, in order.

    Each job is a mapping with the fields of `submit`, `custom_id` and `idempotency_key`. Pictures that several jobs
    share, or that are large, are better uploaded first. An answer is `{"line", "status": 202, "job"}` or `{"line",
    "status", "error"}`; the last one is `{"batch", "error"}`. Send at most 50,000 jobs at once.

    When the connection breaks, send the same jobs again with the same `idempotency_key`, which the error names: those
    that had been accepted are answered with the jobs they made. Raises ServiceRefused and ServiceUnreachable.
    """
    key = idempotency_key or str(uuid4())
    about = {"priority": priority, "webhook_url": webhook_url, "metadata": metadata and json.dumps(dict(metadata))}
    query = {name: value for name, value in about.items() if value is not None}
    headers = {"Idempotency-Key": key, "Content-Type": NDJSON}
    body, quiet = Pieces(jobs, _line), SILENCE_SECONDS
    asked = request("POST", "/v1/batches", content=body, params=query, headers=headers, timeout=quiet)
    try:
        yield from open_stream(asked)
        yield from _each_line()
    except (ServiceUnreachable, httpx.TransportError) as problem:
        message = f"The answer broke off ({problem}); send the same again with the idempotency key {key} to go on."
        raise ServiceUnreachable(message) from problem


def batch(batch_id: str) -> Steps[BatchView]:
    """How far a batch is, given by its id, or by the label that jobs carry."""
    return (yield from fetch(BatchView, "GET", _path(batch_id)))


def list_batches(**filters: str | int) -> Steps[BatchPage]:
    """A page of batches, newest first. Filters: limit, cursor."""
    return (yield from fetch(BatchPage, "GET", "/v1/batches", params=filters))


def batch_results(batch_id: str, *, links: bool = False) -> Steps[None]:
    """What became of each job, in the order of sending, ended or not: `{"line", "custom_id", "job", "links"}`.

    With `links`, an address for each image that is good for a day, where the object store has such addresses.
    """
    yield from open_stream(request("GET", f"{_path(batch_id)}/results", params={"links": links}))
    yield from _each_line()


def cancel_batch(batch_id: str) -> Steps[CanceledBatch]:
    """Cancels every job of the batch, or that carries this label, each as `cancel` would."""
    return (yield from fetch(CanceledBatch, "POST", f"{_path(batch_id)}/cancel", repeatable=True))


def _each_line() -> Steps[None]:
    while (line := (yield NextLine())) is not None:
        yield Emit(json.loads(line))


def _line(job: Mapping[str, Any]) -> bytes:
    return json.dumps(request_body(job)).encode() + b"\n"


def _path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"
