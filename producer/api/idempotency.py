"""Requests that come again: how they are known by their headers, and the answer that is kept for them.

With `Idempotency-Key`, every copy of a request gets the same bytes for 24 hours, whichever copy was answered first.
Without one, a client that counts its retries in a header gets the job that its first try made. Refusals are not kept:
what was refused left nothing behind, so the same key may be used again for the corrected request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from producer.api.views import JobView
from producer.errors import Refusal
from producer.order import Order
from producer.services import Services
from storage.submissions import KeptAnswer

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
MAX_KEY_CHARS = 255
# Sent by the OpenAI and Stainless clients, and by hand-written ones; each counts from 0 for the first try.
RETRY_HEADERS = ("x-stainless-retry-count", "retry-attempt", "x-retry-count")
KEY_PARAMETER: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
    "description": "Yours for this one request; sent again with it, it gets the same answer for 24 hours.",
}
PARAMETERS: list[dict[str, Any]] = [
    KEY_PARAMETER,
    *(
        {
            "name": name,
            "in": "header",
            "schema": {"type": "integer", "minimum": 0},
            "description": "Above 0: this is a retry. The same request of the last 10 minutes is answered again.",
        }
        for name in RETRY_HEADERS
    ),
]


class Copies:
    """What the headers of one request say about copies of it. Raises Refusal `idempotency_key_invalid`."""

    def __init__(self, request: Request) -> None:
        self.key = key_of(request)
        self.is_retry = any(_count(request.headers, name) > 0 for name in RETRY_HEADERS)

    def mark(self, order: Order) -> Order:
        """`order`, knowing how it came."""
        return replace(order, idempotency_key=self.key, is_retry=self.is_retry)

    async def kept(self, services: Services, tenant_id: str) -> KeptAnswer | None:
        """What was answered under the key."""
        if self.key is None:
            return None
        return await run_in_threadpool(services.submissions.kept_answer, tenant_id, self.key)

    async def keep(self, services: Services, tenant_id: str, job: JobView) -> KeptAnswer:
        """What to answer: `job`, or what was kept while it was being looked at."""
        answer = KeptAnswer(202, job.model_dump_json())
        if self.key is None:
            return answer
        return await run_in_threadpool(services.submissions.record_answer, tenant_id, self.key, answer)


def accepted(job_id: str, answer: KeptAnswer, *, replayed: bool) -> Response:
    """The response to a submit."""
    headers = {"Location": f"/v1/jobs/{job_id}"}
    if replayed:
        headers[REPLAYED_HEADER] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")


def key_of(request: Request) -> str | None:
    """The `Idempotency-Key` of a request, None without one. Raises Refusal `idempotency_key_invalid`."""
    values = request.headers.getlist(KEY_HEADER)
    if not values:
        return None
    if len(values) == 1 and is_key(values[0]):
        return values[0]
    message = f"{KEY_HEADER} must be sent once and be 1 to {MAX_KEY_CHARS} printable ASCII characters; a UUID will do."
    raise Refusal("idempotency_key_invalid", message)


def is_key(text: str) -> bool:
    """Whether `text` may be an idempotency key."""
    return 1 <= len(text) <= MAX_KEY_CHARS and text.isascii() and text.isprintable()


def _count(headers: Mapping[str, str], name: str) -> int:
    # What cannot be read as a count says nothing; it is no reason to refuse a job.
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
